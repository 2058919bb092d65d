/* SPDX-License-Identifier: MIT */
/*
 * plot.h - drawing a plot: building a gnuplot script, and gnuplot itself.
 */
#ifndef BENCH_PLOT_H
#define BENCH_PLOT_H

#include "page.h"

/* ---- what all kinds of plots share (plot.c) ------------------------------------------------- */

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

/* ---- gnuplot, a child process that turns a script into an SVG (gnuplot.c) ------------------- */

enum {
  SERIES_COLOURS = 8, /* --c0 to --c7 of the page's style; the next 8 are the same, dashed */
};

/* Colours in a script, which become the page's. Those of the series are in gnuplot.c. */
#define SVG_GRID    "#a0a0a0" /* --grid of the page */
#define SVG_NEUTRAL "#707070" /* --neutral */
#define SVG_BETTER  "#1c6fb3" /* --better-4 */
#define SVG_WORSE   "#b84e00" /* --worse-4 */

/* Is there a working gnuplot in PATH? */
bool gnuplot_present(void);

/* Write text as a quoted gnuplot string; no text can end the string. */
void gnuplot_string(FILE *script, const char *text);

/* The same for the label of a tick, which gnuplot interprets as a format. */
void gnuplot_tick(FILE *script, const char *text);

/* "lc rgb '#0072b2' dt 1 pt 5 …": the style of a series, the same in every plot. */
void gnuplot_series(FILE *script, size_t series);

/*
 * Run a script (without its `set terminal`) and write the SVG, cleaned for use in a page: colours
 * are the page's, identifiers begin with `prefix`, and there are no external references. The size
 * is in CSS pixels. 0, or -errno with gnuplot's error in `stderr_tail`; then nothing is written.
 */
int gnuplot_draw(FILE *script, const char *prefix, int width, int height, FILE *to,
                 char *stderr_tail, size_t tail_size);

#endif
