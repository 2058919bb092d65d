/* SPDX-License-Identifier: MIT */
/*
 * plots.c - the page's three kinds of plots: percentile curves (the whole distribution, its tail
 * stretched: Gil Tene's axis), a metric over the axis of its experiment with the figures'
 * intervals, and ratios to the baseline with theirs, one dot per contestant.
 *
 * A contestant has one colour, dash and shape in all of them. The key has the order of the lines at
 * their right ends, so that a line's name is found directly to its right.
 */
#include "page.h"

#include <math.h>
#include <stdlib.h>

/* ---- what all kinds of plots share ---------------------------------------------------------- */

enum {
  PLOT_WIDTH = 1100, /* CSS pixels */
  PLOT_HEIGHT = 460,
  SMALL_WIDTH = 360, /* of a plot with a row per contestant */
  ROW_HEIGHT = 22,
  X_LABELS_MOST = 14,
  CURVE_TICKS = 5, /* points for each halving of the remaining share */
  CURVE_POINTS = CURVE_TICKS * 64
};

struct line {
  size_t contestant;
  double last; /* its last value: the key is sorted by it */
};

struct plot {
  FILE *script; /* data blocks come first: $d0 is contestant 0's */
  const struct view *view;
  struct line *lines; /* room for one per contestant */
  size_t count;
  double least, most; /* of all values drawn */
};

static void end_plot(struct plot *plot) {
  if (plot->script)
    fclose(plot->script);
  free(plot->lines);
}

/* False: there is no gnuplot, or no memory; nothing is drawn. Otherwise call end_plot. */
static bool begin_plot(struct plot *plot, const struct page *page, const struct view *view) {
  if (!page->plots)
    return false;
  *plot = (struct plot){.view = view, .least = INFINITY, .most = -INFINITY};
  plot->script = tmpfile();
  plot->lines = calloc(view->contestants + 1, sizeof *plot->lines);
  bool ready = plot->script && plot->lines;
  if (!ready)
    end_plot(plot);
  return ready;
}

/* Extend the axes to include this value. */
static void extend_axes(struct plot *plot, double value) {
  plot->least = fmin(plot->least, value);
  plot->most = fmax(plot->most, value);
}

static int by_last(const void *a, const void *b) {
  double x = ((const struct line *)a)->last, y = ((const struct line *)b)->last;
  return (x < y) - (x > y);
}

/* Border, grid and key. */
static void put_frame(struct plot *plot) {
  fputs("set border 3 lc rgb '" SVG_NEUTRAL "'\nset grid lc rgb '" SVG_GRID "' lw 0.5 dt 1\n"
        "set tics nomirror out textcolor rgb 'black'\n"
        "set key outside right top Left reverse samplen 3 spacing 1.15\n",
        plot->script);
}

/* For a tick: it was chosen, not measured, so it has no trailing zeros: 1, not 1.00. */
static const char *tick_text(char to[QUANTITY_SIZE], double value) {
  if (fabs(value) < 1000)
    snprintf(to, QUANTITY_SIZE, "%.6g", value);
  else
    quantity_text(to, value);
  return to;
}

/* "10 µs", "1 ms": a tick with a unit of its own, if the axis spans several. */
static void put_tick(FILE *script, const char *unit, double raw, double at) {
  struct scale own = scale_for(unit, raw * (1 + 1e-9));
  char number[QUANTITY_SIZE], text[QUANTITY_SIZE + UNIT_SIZE];
  snprintf(text, sizeof text, "%s %s", tick_text(number, raw * own.factor), own.unit);
  gnuplot_tick(script, text);
  fprintf(script, " %.9g", at);
}

/* A logarithmic axis no longer than its values, with ticks at 2 and 5 if it is short. */
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

/* Logarithmic if the values are decades apart; else from 0, so that lengths are proportional. */
static void put_value_axis(struct plot *plot, const char *unit, const struct scale *scale) {
  if (plot->least > 0 && plot->most > 20 * plot->least) {
    put_decades(plot, unit, scale->factor);
    return;
  }
  fputs("set yrange [0:*]\nset format y '%g'\nset ylabel ", plot->script);
  gnuplot_string(plot->script, scale->unit);
  fputc('\n', plot->script);
}

/* The plot command: each line's data block `with` this style, and its name. */
static void put_lines_with(struct plot *plot, const struct page *page, const char *with) {
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

/* ---- percentile curves ---------------------------------------------------------------------- */

/* The curve of a histogram without its last point, which is at infinity on this axis. */
static void put_curve(struct plot *plot, const struct histogram *histogram, double factor,
                      size_t contestant) {
  struct histogram_point points[CURVE_POINTS];
  size_t count = histogram_curve(histogram, CURVE_TICKS, points, CURVE_POINTS);
  double value = 0;
  fprintf(plot->script, "$d%zu << EOD\n", contestant);
  for (size_t i = 0; i < count && points[i].percentile < 1; i++) {
    value = (double)points[i].value * factor;
    extend_axes(plot, value);
    fprintf(plot->script, "%.9g %.9g\n", 1 / (1 - points[i].percentile), value);
  }
  fputs("EOD\n", plot->script);
  if (value > 0)
    plot->lines[plot->count++] = (struct line){contestant, value};
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
  if (scale.factor == 0 || !begin_plot(&plot, page, view))
    return;
  for (size_t contestant = 0; contestant < view->contestants; contestant++) {
    struct histogram *histogram = view_histogram(view, contestant, point);
    if (histogram && histogram_count(histogram) > 1)
      put_curve(&plot, histogram, scale.factor, contestant);
    histogram_free(histogram);
  }
  if (plot.count > 0) {
    char title[160], reading[96], label[LABEL_SIZE];
    put_frame(&plot);
    put_percentile_axis(plot.script);
    put_value_axis(&plot, "ns", &scale);
    put_lines_with(&plot, page, "using 1:2 with linespoints pi 5");
    snprintf(title, sizeof title, "Percentiles, %.120s", view_label(view, point, label));
    snprintf(reading, sizeof reading, "%s, lower is better; all rounds together", scale.unit);
    gnuplot_figure(page, plot.script, title, reading, PLOT_WIDTH, PLOT_HEIGHT);
  }
  end_plot(&plot);
}

/* ---- a metric over the axis ----------------------------------------------------------------- */

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
    extend_axes(plot, low);
    extend_axes(plot, high);
    fprintf(plot->script, "%.9g %.9g %.9g %.9g\n", place(axis, x), median, low, high);
  }
  fputs("EOD\n", plot->script);
  if (isfinite(value))
    plot->lines[plot->count++] = (struct line){contestant, value};
}

void plot_lines(struct page *page, const struct view *view, size_t metric, size_t first,
                size_t last) {
  struct plot plot;
  if (!begin_plot(&plot, page, view))
    return;
  struct scale scale = view_scale(view, metric, first, last);
  struct axis axis = axis_of(view);
  for (size_t contestant = 0; contestant < view->contestants; contestant++)
    put_line(&plot, &axis, &scale, contestant, metric, first, last);
  if (plot.count > 0) {
    char title[160], reading[96];
    const char *group = member_text(view_point(view, first), "group");
    put_frame(&plot);
    put_x_axis(&plot, &axis, first, last);
    put_value_axis(&plot, member_text(view_metric(view, metric), "unit"), &scale);
    put_lines_with(&plot, page, "using 1:2:3:4 with yerrorlines");
    snprintf(title, sizeof title, "%.100s%s%.40s", member_text(view_metric(view, metric), "label"),
             *group ? ", " : "", group);
    gnuplot_figure(page, plot.script, title,
                   metric_reading(reading, view_metric(view, metric), &scale), PLOT_WIDTH,
                   PLOT_HEIGHT);
  }
  end_plot(&plot);
}

/* ---- ratios --------------------------------------------------------------------------------- */

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
  if (!begin_plot(&plot, page, view))
    return;
  for (size_t contestant = 0; contestant < view->contestants; contestant++) {
    const json_t *ratio = json_object_get(view_figure(view, contestant, point, metric), "ratio");
    double low = member_number(ratio, "low"), high = member_number(ratio, "high");
    if (!isfinite(member_number(ratio, "median")) || !isfinite(low) || !isfinite(high))
      continue;
    extend_axes(&plot, low);
    extend_axes(&plot, high);
    plot.lines[plot.count++] = (struct line){contestant, member_number(ratio, "median")};
  }
  if (plot.count > 0) {
    char reading[160], label[LABEL_SIZE];
    qsort(plot.lines, plot.count, sizeof *plot.lines, by_last);
    put_frame(&plot);
    put_dots(&plot, metric, point);
    put_names(&plot);
    put_ratio_axis(&plot);
    draw_dots(&plot);
    snprintf(reading, sizeof reading, "%.80s, ratio to %.48s",
             member_text(view_metric(view, metric), "label"),
             member_text(view->experiment, "baseline"));
    gnuplot_figure(page, plot.script, view_label(view, point, label), reading, SMALL_WIDTH,
                   46 + ROW_HEIGHT * (int)plot.count);
  }
  end_plot(&plot);
}
