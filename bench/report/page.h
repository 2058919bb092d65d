/* SPDX-License-Identifier: MIT */
/*
 * page.h - the interfaces between the files that write the page (report_html of bench.h).
 *
 * All take their figures from the document and write to page->to. A table cell has the exact
 * figures in data- attributes, for programs; its text is rounded, for people.
 */
#ifndef BENCH_PAGE_H
#define BENCH_PAGE_H

#include <stdio.h>

#include "view.h"

/* ---- HTML in which no text can be mistaken for markup (html.c) ------------------------------ */

/* printf with %s, %zu and %%. Every %s is escaped, in text and in attributes alike: markup
 * comes only from the format. Control characters and bidi overrides become U+FFFD. */
void html_print(FILE *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Strings as the paragraphs of a <div> of that class, or nothing if there are none. */
void html_sentences(FILE *to, const char *style, const json_t *sentences);

/* A JSON value, numbers with all their digits; and as an attribute: ` NAME="VALUE"`. */
void html_json(FILE *to, const json_t *value);
void html_attribute(FILE *to, const char *name, const json_t *value);
/* data-ratio, data-ratio-low and data-ratio-high. */
void html_ratio_attributes(FILE *to, const json_t *ratio);

/* ---- parts of the page (html*.c) ------------------------------------------------------------ */

struct page {
  FILE *to;
  const json_t *document;
  struct view *views; /* one per experiment */
  size_t experiments;
  json_t *contestants; /* the names of all experiments: each has one style in all plots */
  char *command;       /* the command that repeats the run */
  bool plots;          /* gnuplot is available */
  unsigned plot_count; /* so far; used to number them */
};

/* The number of a contestant among all of the page, and its name. */
size_t page_series(const struct page *page, const char *contestant);
const char *page_contestant(const struct page *page, size_t series);

void html_style(FILE *to);
/* Model x experiment: ratios of the first primary metric. */
void html_heat(struct page *page);
/* The section of an experiment, whose number is its place in the document. */
void html_experiment(struct page *page, const struct view *view, size_t number);
/* Tables of one metric, as many as its points need. */
void html_figures(struct page *page, const struct view *view, size_t metric);
/* Percentiles from the histograms, one table per point that has any. */
void html_percentiles(struct page *page, const struct view *view);

/* ---- plots (plots.c) ------------------------------------------------------------------------ */

/* Each is a <figure>, or nothing if there is nothing to draw or no gnuplot. */

/* Percentile curves on the HDR axis of all contestants that have a histogram at this point. */
void plot_curves(struct page *page, const struct view *view, size_t point);

/* A metric over the experiment's axis, points[first] to points[last - 1]. */
void plot_lines(struct page *page, const struct view *view, size_t metric, size_t first,
                size_t last);

/* Ratios to the baseline and their intervals, one dot per contestant. */
void plot_ratios(struct page *page, const struct view *view, size_t metric, size_t point);

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
 * Run a script (without its `set terminal`) and put its drawing into the page as a <figure>: colours
 * are the page's, identifiers are its own, and there are no external references. The size is in CSS
 * pixels. If gnuplot fails, a note has its error message.
 */
void gnuplot_figure(struct page *page, FILE *script, const char *title, const char *reading,
                    int width, int height);

/* Run it with these files as its stdin, stdout and stderr (gnuplot_run.c). 0; -EPROTO: it failed;
 * another -errno: it could not be run. */
int gnuplot_run(char *const argv[], FILE *in, FILE *out, FILE *err);

#endif
