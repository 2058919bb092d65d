/* SPDX-License-Identifier: MIT */
/*
 * plots.c - the page's three kinds of plots: percentile curves (the whole distribution, its tail
 * stretched: Gil Tene's axis), a metric over the axis of its experiment with the figures'
 * intervals, and ratios to the baseline with theirs, one dot per contestant.
 */
#include "page.h"

#include <math.h>
#include <stdlib.h>

#include "results/histogram.h"

/* ---- percentile curves ---------------------------------------------------------------------- */

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
    struct histogram *histogram = view_histogram(view, contestant, point);
    if (histogram)
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
    struct histogram *histogram = view_histogram(view, contestant, point);
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

/* ---- a metric over the axis ----------------------------------------------------------------- */

enum {
  X_LABELS_MOST = 14
};

/* The place of x = 0 on a logarithmic axis: one step to the left of the smallest other value. */
struct axis {
  bool log;
  double zero, least, most;
};

static struct axis axis_of(const struct view *view) {
  const json_t *x_axis = json_object_get(view->experiment, "x_axis");
  struct axis axis = {.log = json_is_true(json_object_get(x_axis, "log")),
                      .zero = INFINITY,
                      .least = INFINITY,
                      .most = -INFINITY};
  for (size_t point = 0; point < view->points; point++) {
    double x = member_number(view_point(view, point), "x");
    axis.zero = x > 0 ? fmin(axis.zero, x / 4) : axis.zero;
    axis.least = fmin(axis.least, x);
    axis.most = fmax(axis.most, x);
  }
  axis.log = axis.log && isfinite(axis.zero);
  return axis;
}

static double place(const struct axis *axis, double x) {
  return axis->log && x <= 0 ? axis->zero : x;
}

/* The place on the axis, 0 to 1 from its first to its last point. */
static double share(const struct axis *axis, double x) {
  double least = place(axis, axis->least), most = axis->most;
  if (!(most > least))
    return 0.5;
  return axis->log ? log(place(axis, x) / least) / log(most / least) : (x - least) / (most - least);
}

static void put_x_range(FILE *script, const struct axis *axis) {
  double least = place(axis, axis->least), most = axis->most;
  double margin = axis->log ? pow(most / least, 0.03) : 0.03 * (most - least);
  if (axis->log)
    fputs("set logscale x\n", script);
  if (most > least)
    fprintf(script, "set xrange [%.9g:%.9g]\n", axis->log ? least / margin : least - margin,
            axis->log ? most * margin : most + margin);
}

/* One tick per point; labels are added from the right, unless they would overlap the previous
 * one. */
static void put_x_tics(struct plot *plot, const struct axis *axis, size_t first, size_t last) {
  const char *between = "set xtics (";
  double before = INFINITY;
  for (size_t point = last; point-- > first;) {
    double x = member_number(view_point(plot->view, point), "x");
    char text[QUANTITY_SIZE];
    if (!isfinite(x))
      continue;
    bool room = fabs(before - share(axis, x)) > 0.07;
    fprintf(plot->script, "%s'%s' %.9g", between, room ? plot_tick_text(text, x) : "",
            place(axis, x));
    before = room ? share(axis, x) : before;
    between = ", ";
  }
  fputs(*between == ',' ? ")\n" : "", plot->script);
}

static void put_x_axis(struct plot *plot, const struct axis *axis, size_t first, size_t last) {
  const json_t *x_axis = json_object_get(plot->view->experiment, "x_axis");
  put_x_range(plot->script, axis);
  fputs("set xlabel ", plot->script);
  gnuplot_string(plot->script, member_text(x_axis, "label"));
  fputc('\n', plot->script);
  if (last - first <= X_LABELS_MOST)
    put_x_tics(plot, axis, first, last);
}

static void put_line(struct plot *plot, const struct axis *axis, const struct scale *scale,
                     size_t contestant, size_t metric, size_t first, size_t last) {
  double value = NAN;
  fprintf(plot->script, "$d%zu << EOD\n", contestant);
  for (size_t point = first; point < last; point++) {
    const json_t *figure = view_figure(plot->view, contestant, point, metric);
    double x = member_number(view_point(plot->view, point), "x");
    double median = member_number(figure, "median") * scale->factor;
    if (!isfinite(median) || !isfinite(x))
      continue;
    double low = member_number(figure, "low") * scale->factor;
    double high = member_number(figure, "high") * scale->factor;
    value = median;
    low = isfinite(low) ? low : median;
    high = isfinite(high) ? high : median;
    plot_see(plot, low);
    plot_see(plot, high);
    fprintf(plot->script, "%.9g %.9g %.9g %.9g\n", place(axis, x), median, low, high);
  }
  fputs("EOD\n", plot->script);
  if (isfinite(value))
    plot->lines[plot->count++] = (struct line){contestant, value};
}

void plot_lines(struct page *page, const struct view *view, size_t metric, size_t first,
                size_t last) {
  struct plot plot;
  if (!plot_begin(&plot, page, view))
    return;
  struct scale scale = view_scale(view, metric, first, last);
  struct axis axis = axis_of(view);
  for (size_t contestant = 0; contestant < view->contestants; contestant++)
    put_line(&plot, &axis, &scale, contestant, metric, first, last);
  if (plot.count > 0) {
    char title[160], reading[96];
    const char *group = member_text(view_point(view, first), "group");
    plot_frame(&plot);
    put_x_axis(&plot, &axis, first, last);
    plot_value_axis(&plot, member_text(view_metric(view, metric), "unit"), &scale);
    plot_lines_with(&plot, page, "using 1:2:3:4 with yerrorlines");
    snprintf(title, sizeof title, "%.100s%s%.40s", member_text(view_metric(view, metric), "label"),
             *group ? ", " : "", group);
    plot_finish(page, &plot, title, metric_reading(reading, view_metric(view, metric), &scale),
                PLOT_WIDTH, PLOT_HEIGHT);
  }
  plot_end(&plot);
}

/* ---- ratios --------------------------------------------------------------------------------- */

enum {
  SMALL_WIDTH = 360,
  ROW_HEIGHT = 22
};

/* Coloured as in the heat map: grey if no difference is resolved, else better or worse. */
static const struct {
  enum verdict verdict;
  const char *colour;
  int shape;
} dots[] = {
    {VERDICT_UNRESOLVED, SVG_NEUTRAL, 6},
    {VERDICT_BETTER, SVG_BETTER, 7},
    {VERDICT_WORSE, SVG_WORSE, 7},
    {VERDICT_OTHER, SVG_NEUTRAL, 7},
};

enum {
  DOTS = sizeof dots / sizeof *dots
};

static void put_dots(struct plot *plot, size_t metric, size_t point) {
  for (size_t kind = 0; kind < DOTS; kind++) {
    fprintf(plot->script, "$r%zu << EOD\n", kind);
    for (size_t i = 0; i < plot->count; i++) {
      const json_t *figure = view_figure(plot->view, plot->lines[i].contestant, point, metric);
      const json_t *ratio = json_object_get(figure, "ratio");
      if (verdict_of(ratio, view_metric(plot->view, metric)) == dots[kind].verdict)
        fprintf(plot->script, "%.9g %zu %.9g %.9g\n", member_number(ratio, "median"), i + 1,
                member_number(ratio, "low"), member_number(ratio, "high"));
    }
    fputs("NaN NaN NaN NaN\nEOD\n", plot->script); /* at least one: an empty block is an error */
  }
}

static void draw_dots(struct plot *plot) {
  for (size_t kind = 0; kind < DOTS; kind++)
    fprintf(plot->script, "%s$r%zu using 1:2:3:4 with xerrorbars lc rgb '%s' lw 2 pt %d ps 0.8",
            kind == 0 ? "plot " : ", ", kind, dots[kind].colour, dots[kind].shape);
  fputc('\n', plot->script);
}

static void put_names(struct plot *plot) {
  fputs("set ytics (", plot->script);
  for (size_t i = 0; i < plot->count; i++) {
    fputs(i == 0 ? "" : ", ", plot->script);
    gnuplot_tick(plot->script, view_contestant(plot->view, plot->lines[i].contestant));
    fprintf(plot->script, " %zu", i + 1);
  }
  fprintf(plot->script, ") scale 0\nset yrange [%zu.6:0.4]\n", plot->count);
}

static void put_ratio_axis(struct plot *plot) {
  double least = fmin(plot->least, 0.9), most = fmax(plot->most, 1.1);
  if (most > 3 * least)
    fputs("set logscale x 2\n", plot->script);
  fprintf(plot->script,
          "set xrange [%.9g:%.9g]\nset format x '%%g'\nset xtics autofreq font ',11'\nset arrow "
          "from 1, graph 0 "
          "to 1, graph 1 nohead lc rgb 'black' lw 1\nunset key\nset rmargin 2\nset tmargin 0.5\n"
          "set bmargin 1.8\n",
          least / 1.05, most * 1.05);
}

void plot_ratios(struct page *page, const struct view *view, size_t metric, size_t point) {
  struct plot plot;
  if (!plot_begin(&plot, page, view))
    return;
  for (size_t contestant = 0; contestant < view->contestants; contestant++) {
    const json_t *ratio = json_object_get(view_figure(view, contestant, point, metric), "ratio");
    double low = member_number(ratio, "low"), high = member_number(ratio, "high");
    if (!isfinite(member_number(ratio, "median")) || !isfinite(low) || !isfinite(high))
      continue;
    plot_see(&plot, low);
    plot_see(&plot, high);
    plot.lines[plot.count++] = (struct line){contestant, 0};
  }
  if (plot.count > 0) {
    char reading[160], label[LABEL_SIZE];
    plot_frame(&plot);
    put_dots(&plot, metric, point);
    put_names(&plot);
    put_ratio_axis(&plot);
    draw_dots(&plot);
    snprintf(reading, sizeof reading, "%.80s, ratio to %.48s",
             member_text(view_metric(view, metric), "label"),
             member_text(view->experiment, "baseline"));
    plot_finish(page, &plot, view_label(view, point, label), reading, SMALL_WIDTH,
                46 + ROW_HEIGHT * (int)plot.count);
  }
  plot_end(&plot);
}
