/* SPDX-License-Identifier: MIT */
/*
 * plots.h - the page's plots. Each is a <figure>, or nothing if there is nothing to draw or no
 * gnuplot. If gnuplot fails, a note has its error message.
 */
#ifndef BENCH_PLOTS_H
#define BENCH_PLOTS_H

#include "html.h"

/* Percentile curves on the HDR axis of all contestants that have a histogram at this point. */
void plot_curves(struct page *page, const struct view *view, size_t point);

/* A metric over the experiment's axis, points[first] to points[last - 1]. */
void plot_lines(struct page *page, const struct view *view, size_t metric, size_t first,
                size_t last);

/* Ratios to the baseline and their intervals, one dot per contestant. */
void plot_ratios(struct page *page, const struct view *view, size_t metric, size_t point);

#endif
