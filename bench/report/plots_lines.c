/* SPDX-License-Identifier: MIT */
/*
 * plots_lines.c - a metric over the axis of its experiment, with the figures' intervals.
 */
#include <math.h>

#include "gnuplot.h"
#include "plot.h"
#include "plots.h"

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
