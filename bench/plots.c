/* SPDX-License-Identifier: MIT */
/*
 * plots.c - the gnuplot scripts of the page's plots; see plots.h.
 *
 * A contestant has one colour, dash and shape in all of them. The key's order is that of the lines
 * at their right ends, so that a line is found by looking straight to the right.
 */
#include "plots.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gnuplot.h"
#include "histogram.h"
#include "svg.h"

enum {
  WIDTH = 1100,
  HEIGHT = 460,
  SMALL_WIDTH = 360,
  ROW_HEIGHT = 22,
  CURVE_TICKS = 5,
  X_LABELS_MOST = 14,
  SAID = 1024
};

/* ---- one plot ------------------------------------------------------------------------------ */

struct line {
  size_t contestant;
  double last; /* where it ends: the key is sorted by it */
};

struct plot {
  FILE *script;
  const struct view *view;
  struct line *lines;
  size_t count;
  double least, most; /* of all values drawn */
};

static bool plot_begin(struct plot *plot, const struct page *page, const struct view *view) {
  if (!page->plots)
    return false;
  *plot = (struct plot){.view = view, .least = INFINITY, .most = -INFINITY};
  plot->script = tmpfile();
  plot->lines = calloc(view->contestants + 1, sizeof *plot->lines);
  if (plot->script && plot->lines)
    return true;
  if (plot->script)
    fclose(plot->script);
  free(plot->lines);
  return false;
}

static void plot_end(struct plot *plot) {
  fclose(plot->script);
  free(plot->lines);
}

static void see(struct plot *plot, double value) {
  plot->least = fmin(plot->least, value);
  plot->most = fmax(plot->most, value);
}

static int by_last(const void *a, const void *b) {
  double x = ((const struct line *)a)->last, y = ((const struct line *)b)->last;
  return (x < y) - (x > y);
}

static void put_figure(struct page *page, struct plot *plot, const char *title, const char *reading,
                       int width, int height) {
  char prefix[16], said[SAID];
  snprintf(prefix, sizeof prefix, "p%u", ++page->plot_count);
  html_print(page->to,
             "<figure><figcaption><strong>%s</strong> %s</figcaption>\n<div class=\"plot\" "
             "role=\"img\" aria-label=\"Plot: %s, %s. The tables below have its figures.\">\n",
             title, reading, title, reading);
  int r = gnuplot_draw(plot->script, prefix, width, height, page->to, said, sizeof said);
  if (r)
    html_print(page->to, "<p class=\"note\">gnuplot could not draw this:</p><pre>%s</pre>",
               *said ? said : strerror(-r));
  fputs("</div></figure>\n", page->to);
}

static void put_frame(FILE *script) {
  fprintf(script, "set border 3 lc rgb '%s'\nset grid lc rgb '%s' lw 0.5 dt 1\n", SVG_NEUTRAL,
          SVG_GRID);
  fputs("set tics nomirror out textcolor rgb 'black'\n"
        "set key outside right top Left reverse samplen 3 spacing 1.15\n",
        script);
}

/* A number that was chosen, not measured, has no digits to show off: 1, not 1.00. */
static const char *tick_text(char to[QUANTITY_SIZE], double value) {
  if (fabs(value) < 1000)
    snprintf(to, QUANTITY_SIZE, "%.6g", value);
  else
    quantity_text(to, value);
  return to;
}

/* "10 µs", "1 ms": a tick with a unit of its own, where the axis spans several. */
static void put_tick(FILE *script, const char *unit, double raw, double at) {
  struct scale own = scale_for(unit, raw * (1 + 1e-9));
  char number[QUANTITY_SIZE], text[QUANTITY_SIZE + UNIT_SIZE];
  snprintf(text, sizeof text, "%s %s", tick_text(number, raw * own.factor), own.unit);
  gnuplot_tick(script, text);
  fprintf(script, " %.9g", at);
}

/* A logarithmic axis no longer than its values, with 2 and 5 between the tens where that is short.
 */
static void put_decades(struct plot *plot, const char *unit, double factor) {
  static const double steps[] = {1, 2, 5};
  size_t count = plot->most > 200 * plot->least ? 1 : 3;
  fprintf(plot->script, "set logscale y\nset yrange [%.9g:%.9g]\nset format y ''\nset ytics add (",
          plot->least / 1.15, plot->most * 1.15);
  int first = (int)floor(log10(plot->least)), last = (int)ceil(log10(plot->most));
  const char *between = "";
  for (int decade = first; decade <= last; decade++) {
    for (size_t i = 0; i < count; i++) {
      double value = steps[i] * pow(10, decade);
      fputs(between, plot->script);
      put_tick(plot->script, unit, value / factor, value);
      between = ", ";
    }
  }
  fputs(")\n", plot->script);
}

/* Logarithmic where the values are decades apart; else from 0, so that lengths do not lie. */
static void put_value_axis(struct plot *plot, const char *unit, const struct scale *scale) {
  if (plot->least > 0 && plot->most > 20 * plot->least) {
    put_decades(plot, unit, scale->factor);
    return;
  }
  fputs("set yrange [0:*]\nset format y '%g'\nset ylabel ", plot->script);
  gnuplot_string(plot->script, scale->unit);
  fputc('\n', plot->script);
}

static void put_lines(struct plot *plot, const struct page *page, const char *with) {
  qsort(plot->lines, plot->count, sizeof *plot->lines, by_last);
  for (size_t i = 0; i < plot->count; i++) {
    size_t contestant = plot->lines[i].contestant;
    const char *name = view_contestant(plot->view, contestant);
    fprintf(plot->script, "%s$d%zu %s ", i == 0 ? "plot " : ", ", contestant, with);
    gnuplot_series(plot->script, page_series(page, name));
    fputs(" title ", plot->script);
    gnuplot_string(plot->script, name);
  }
  fputc('\n', plot->script);
}

/* ---- percentile curves ------------------------------------------------------------------------
 */

/* The curve of a histogram but for its last point, which lies at infinity on this axis. */
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
    see(plot, value);
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
    put_frame(plot.script);
    put_percentile_axis(plot.script);
    put_value_axis(&plot, "ns", &scale);
    put_lines(&plot, page, "using 1:2 with linespoints pi 5");
    snprintf(title, sizeof title, "Percentiles, %.120s", view_label(view, point, label));
    snprintf(reading, sizeof reading, "%s, lower is better; all rounds together", scale.unit);
    put_figure(page, &plot, title, reading, WIDTH, HEIGHT);
  }
  plot_end(&plot);
}

/* ---- a metric over the axis ---------------------------------------------------------------------
 */

/* Where x = 0 stands on a logarithmic axis: a step to the left of the smallest that is not 0. */
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
    double x = number_of(view_point(view, point), "x");
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

/* Where on the axis, 0 to 1 from its first to its last point. */
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

/* A tick a point; its label from the right, as long as it does not meet the one before. */
static void put_x_tics(struct plot *plot, const struct axis *axis, size_t first, size_t last) {
  const char *between = "set xtics (";
  double before = INFINITY;
  for (size_t point = last; point-- > first;) {
    double x = number_of(view_point(plot->view, point), "x");
    char text[QUANTITY_SIZE];
    if (!isfinite(x))
      continue;
    bool room = fabs(before - share(axis, x)) > 0.07;
    fprintf(plot->script, "%s'%s' %.9g", between, room ? tick_text(text, x) : "", place(axis, x));
    before = room ? share(axis, x) : before;
    between = ", ";
  }
  fputs(*between == ',' ? ")\n" : "", plot->script);
}

static void put_x_axis(struct plot *plot, const struct axis *axis, size_t first, size_t last) {
  const json_t *x_axis = json_object_get(plot->view->experiment, "x_axis");
  put_x_range(plot->script, axis);
  fputs("set xlabel ", plot->script);
  gnuplot_string(plot->script, text_of(x_axis, "label"));
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
    double x = number_of(view_point(plot->view, point), "x");
    double median = number_of(figure, "median") * scale->factor;
    if (!isfinite(median) || !isfinite(x))
      continue;
    double low = number_of(figure, "low") * scale->factor;
    double high = number_of(figure, "high") * scale->factor;
    value = median;
    see(plot, median);
    fprintf(plot->script, "%.9g %.9g %.9g %.9g\n", place(axis, x), median,
            isfinite(low) ? low : median, isfinite(high) ? high : median);
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
    const char *group = text_of(view_point(view, first), "group");
    put_frame(plot.script);
    put_x_axis(&plot, &axis, first, last);
    put_value_axis(&plot, text_of(view_metric(view, metric), "unit"), &scale);
    put_lines(&plot, page, "using 1:2:3:4 with yerrorlines");
    snprintf(title, sizeof title, "%.100s%s%.40s", text_of(view_metric(view, metric), "label"),
             *group ? ", " : "", group);
    put_figure(page, &plot, title, metric_reading(reading, view_metric(view, metric), &scale),
               WIDTH, HEIGHT);
  }
  plot_end(&plot);
}

/* ---- ratios
 * --------------------------------------------------------------------------------------- */

/* Coloured as in the heat map: grey where no difference is resolved, else better or worse. */
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
        fprintf(plot->script, "%.9g %zu %.9g %.9g\n", number_of(ratio, "median"), i + 1,
                number_of(ratio, "low"), number_of(ratio, "high"));
    }
    fputs("NaN NaN NaN NaN\nEOD\n", plot->script); /* one at least: an empty one is an error */
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
    double low = number_of(ratio, "low"), high = number_of(ratio, "high");
    if (!isfinite(number_of(ratio, "median")) || !isfinite(low) || !isfinite(high))
      continue;
    see(&plot, low);
    see(&plot, high);
    plot.lines[plot.count++] = (struct line){contestant, 0};
  }
  if (plot.count > 0) {
    char reading[160], label[LABEL_SIZE];
    put_frame(plot.script);
    put_dots(&plot, metric, point);
    put_names(&plot);
    put_ratio_axis(&plot);
    draw_dots(&plot);
    snprintf(reading, sizeof reading, "%.80s, ratio to %.48s",
             text_of(view_metric(view, metric), "label"), text_of(view->experiment, "baseline"));
    put_figure(page, &plot, view_label(view, point, label), reading, SMALL_WIDTH,
               46 + ROW_HEIGHT * (int)plot.count);
  }
  plot_end(&plot);
}
