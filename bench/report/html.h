/* SPDX-License-Identifier: MIT */
/*
 * html.h - the parts of the page, between the files that write it (report_html of bench.h).
 *
 * All take their figures from the document and write to page->to. A table's cell has the unrounded
 * figures in data- attributes, for programs; what it shows is rounded, for people.
 */
#ifndef BENCH_HTML_H
#define BENCH_HTML_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "html_write.h"
#include "view.h"

struct page {
  FILE *to;
  const json_t *document;
  json_t *contestants; /* all names of all experiments: each looks the same in every plot */
  char *command;       /* that makes the document again */
  bool plots;          /* gnuplot is there */
  unsigned plot_count; /* so far: a number for each */
};

/* The number of a contestant among all of the page. */
size_t page_series(const struct page *page, const char *contestant);

void html_style(struct page *page);
void html_environment(struct page *page);
/* Model x experiment: ratios of the first primary metric. -ENOMEM. */
int html_heat(struct page *page);
/* What others found, and whether it holds here; nothing where the experiment has no claims. */
void html_claims(struct page *page, const struct view *view);
void html_experiment(struct page *page, const struct view *view, size_t number);
/* Tables of one metric, as many as its points need. */
void html_figures(struct page *page, const struct view *view, size_t metric);
/* Percentiles from the histograms, a table a point. False: there are none. */
bool html_percentiles(struct page *page, const struct view *view);
/* A resolved ratio's class: "better-3", "worse-1", by how far it is from 1; "same" where it is not
 * resolved; "other". */
const char *html_verdict(const json_t *ratio, const json_t *metric);

#endif
