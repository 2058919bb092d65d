/* SPDX-License-Identifier: MIT */
/*
 * plots_curves.c - percentile curves: the whole distribution, its tail stretched (Gil Tene's axis).
 */
#include <math.h>
#include <stdlib.h>

#include "gnuplot.h"
#include "plot.h"
#include "plots.h"
#include "results/histogram.h"

enum {
  CURVE_TICKS = 5 /* points for each halving of the remaining share */
};

/* The curve of a histogram without its last point, which is at infinity on this axis. */
static void put_curve(struct plot *plot, const struct histogram *histogram, double factor,
                      size_t contestant) {
  size_t count = histogram_curve(histogram, CURVE_TICKS, NULL, 0);
  struct histogram_point *points = calloc(count + 1, sizeof *points);
  if (!points)
    return;
  histogram_curve(histogram, CURVE_TICKS, points, count);
  fprintf(plot->script, "$d%zu << EOD\n", contestant);
  double value = 0;
  for (size_t i = 0; i < count; i++) {
    if (points[i].percentile >= 1)
      continue;
    value = (double)points[i].value * factor;
    plot_see(plot, value);
    fprintf(plot->script, "%.9g %.9g\n", 1 / (1 - points[i].percentile), value);
  }
  fputs("EOD\n", plot->script);
  if (value > 0)
    plot->lines[plot->count++] = (struct line){contestant, value};
  free(points);
}

static struct scale curve_scale(const struct view *view, size_t point) {
  struct scale scale = {.factor = 0};
  for (size_t contestant = 0; contestant < view->contestants && scale.factor == 0; contestant++) {
    const char *why;
    const json_t *json = view_histogram(view, contestant, point);
    struct histogram *histogram = json ? histogram_from_json(json, &why) : NULL;
    if (histogram && histogram_count(histogram) > 0)
      scale = scale_for("ns", (double)histogram_percentile(histogram, 50));
    histogram_free(histogram);
  }
  return scale;
}

static void put_percentile_axis(FILE *script) {
  fputs("set logscale x\nset xrange [1:*]\nset xtics ('0 %%' 1, '50 %%' 2, '75 %%' 4, '90 %%' 10, "
        "'99 %%' 100, '99.9 %%' 1000, '99.99 %%' 1e4, '99.999 %%' 1e5, '99.9999 %%' 1e6, "
        "'99.99999 %%' 1e7)\nset xlabel 'percentile'\n",
        script);
}

void plot_curves(struct page *page, const struct view *view, size_t point) {
  struct plot plot;
  struct scale scale = curve_scale(view, point);
  if (scale.factor == 0 || !plot_begin(&plot, page, view))
    return;
  for (size_t contestant = 0; contestant < view->contestants; contestant++) {
    const char *why;
    const json_t *json = view_histogram(view, contestant, point);
    struct histogram *histogram = json ? histogram_from_json(json, &why) : NULL;
    if (histogram && histogram_count(histogram) > 1)
      put_curve(&plot, histogram, scale.factor, contestant);
    histogram_free(histogram);
  }
  if (plot.count > 0) {
    char title[160], reading[96], label[LABEL_SIZE];
    plot_frame(&plot);
    put_percentile_axis(plot.script);
    plot_value_axis(&plot, "ns", &scale);
    plot_lines_with(&plot, page, "using 1:2 with linespoints pi 5");
    snprintf(title, sizeof title, "Percentiles, %.120s", view_label(view, point, label));
    snprintf(reading, sizeof reading, "%s, lower is better; all rounds together", scale.unit);
    plot_finish(page, &plot, title, reading, PLOT_WIDTH, PLOT_HEIGHT);
  }
  plot_end(&plot);
}
