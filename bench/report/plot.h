/* SPDX-License-Identifier: MIT */
/*
 * plot.h - the common parts of all kinds of plots (plots_*.c): building a gnuplot script.
 */
#ifndef BENCH_PLOT_H
#define BENCH_PLOT_H

#include <stdbool.h>
#include <stdio.h>

#include "html.h"

enum {
  PLOT_WIDTH = 1100, /* CSS pixels */
  PLOT_HEIGHT = 460,
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

/* False: there is no gnuplot, or no memory; nothing is drawn. Otherwise call plot_finish. */
bool plot_begin(struct plot *plot, const struct page *page, const struct view *view);
void plot_end(struct plot *plot);

/* Extend the axes to include this value. */
void plot_see(struct plot *plot, double value);

/* Border, grid and key. */
void plot_frame(struct plot *plot);
/* The y axis, of values that are figures in `unit`, scaled. */
void plot_value_axis(struct plot *plot, const char *unit, const struct scale *scale);
/* The plot command: each line's data block `with` this style, and its name. */
void plot_lines_with(struct plot *plot, const struct page *page, const char *with);

/* A number for a tick: it was chosen, not measured, so it has no trailing zeros: 1, not 1.00. */
const char *plot_tick_text(char to[QUANTITY_SIZE], double value);

/* Run gnuplot and put its drawing into the page. */
void plot_finish(struct page *page, struct plot *plot, const char *title, const char *reading,
                 int width, int height);

#endif
