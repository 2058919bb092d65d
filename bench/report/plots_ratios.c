/* SPDX-License-Identifier: MIT */
/*
 * plots_ratios.c - ratios to the baseline and their intervals, one dot per contestant.
 */
#include <math.h>

#include "gnuplot.h"
#include "plot.h"
#include "plots.h"
#include "svg.h"

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
