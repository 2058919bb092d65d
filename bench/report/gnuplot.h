/* SPDX-License-Identifier: MIT */
/*
 * gnuplot.h - runs gnuplot as a child process that turns a script into an SVG for the page.
 */
#ifndef BENCH_GNUPLOT_H
#define BENCH_GNUPLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum {
  SERIES_COLOURS = 8, /* --c0 to --c7 of the page's style; the next 8 are the same, dashed */
};

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
