/* SPDX-License-Identifier: MIT */
/*
 * plot.h - what the kinds of plots (plots_*.c) share: a gnuplot script in the making.
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
  double last; /* where it ends: the key is sorted by it */
};

struct plot {
  FILE *script; /* data blocks come first: $d0 is contestant 0's */
  const struct view *view;
  struct line *lines; /* room for one a contestant */
  size_t count;
  double least, most; /* of all values drawn */
};

/* False: there is no gnuplot, or no memory; nothing is to be drawn. Else plot_end it. */
bool plot_begin(struct plot *plot, const struct page *page, const struct view *view);
void plot_end(struct plot *plot);

/* The axes must have room for this value. */
void plot_see(struct plot *plot, double value);

/* Border, grid and key. */
void plot_frame(struct plot *plot);
/* The y axis, of values that are figures in `unit`, scaled. */
void plot_value_axis(struct plot *plot, const char *unit, const struct scale *scale);
/* The plot command: each line's data block `with` that, and its name. */
void plot_lines_with(struct plot *plot, const struct page *page, const char *with);

/* A number for a tick: it was chosen, not measured, and has no digits to show off: 1, not 1.00. */
const char *plot_tick_text(char to[QUANTITY_SIZE], double value);

/* Run gnuplot and put what it draws into the page. */
void plot_finish(struct page *page, struct plot *plot, const char *title, const char *reading,
                 int width, int height);

#endif
