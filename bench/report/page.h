/* SPDX-License-Identifier: MIT */
/*
 * page.h - the interfaces between the files that write the page (report_html of bench.h).
 *
 * All take their figures from the document and write to page->to. A table cell has the exact
 * figures in data- attributes, for programs; its text is rounded, for people.
 */
#ifndef BENCH_PAGE_H
#define BENCH_PAGE_H

#include "report.h"

/* ---- HTML in which no text can be mistaken for markup (html_write.c) ------------------------ */

/* printf with %s, %zu, %d and %%. Every %s is escaped, in text and in attributes alike: markup
 * comes only from the format. Control characters and bidi overrides become U+FFFD. */
void html_print(FILE *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ` NAME="VALUE"`: a JSON value as an attribute, numbers with all their digits. */
void html_attribute(FILE *to, const char *name, const json_t *value);

/* ---- parts of the page (html*.c) ------------------------------------------------------------ */

struct page {
  FILE *to;
  const json_t *document;
  json_t *contestants; /* the names of all experiments: each has one style in all plots */
  char *command;       /* the command that repeats the run */
  bool plots;          /* gnuplot is available */
  unsigned plot_count; /* so far; used to number them */
};

/* The number of a contestant among all of the page. */
size_t page_series(const struct page *page, const char *contestant);

/* Put something for each experiment, whose number is its place in the document. -ENOMEM. */
int page_each_experiment(struct page *page,
                         void (*put)(struct page *, const struct view *, size_t number));

void html_style(struct page *page);
/* Model x experiment: ratios of the first primary metric. -ENOMEM. */
int html_heat(struct page *page);
void html_experiment(struct page *page, const struct view *view, size_t number);
/* Tables of one metric, as many as its points need. */
void html_figures(struct page *page, const struct view *view, size_t metric);
/* Percentiles from the histograms, one table per point. False: there are none. */
bool html_percentiles(struct page *page, const struct view *view);
/* The class of a ratio: "better-3", "worse-1", by its distance from 1, if it is resolved; "same" if
 * it is not; "other". */
const char *html_verdict(const json_t *ratio, const json_t *metric);

/* ---- plots (plots.c) ------------------------------------------------------------------------ */

/* Each is a <figure>, or nothing if there is nothing to draw or no gnuplot. If gnuplot fails, a note
 * has its error message. */

/* Percentile curves on the HDR axis of all contestants that have a histogram at this point. */
void plot_curves(struct page *page, const struct view *view, size_t point);

/* A metric over the experiment's axis, points[first] to points[last - 1]. */
void plot_lines(struct page *page, const struct view *view, size_t metric, size_t first,
                size_t last);

/* Ratios to the baseline and their intervals, one dot per contestant. */
void plot_ratios(struct page *page, const struct view *view, size_t metric, size_t point);

#endif
