/* SPDX-License-Identifier: MIT */
/*
 * view.h - an experiment of a document, as a report reads it.
 *
 * The document has a list of figures; a report needs the figure of a contestant, at a point, of a
 * metric. All returned objects belong to the document, which must outlive the view.
 */
#ifndef BENCH_VIEW_H
#define BENCH_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "quantity.h"
#include "results/document_access.h"
#include "results/histogram.h"

enum {
  LABEL_SIZE = 128
};

struct view {
  const json_t *experiment;
  size_t contestants, points, metrics; /* how many */
  size_t baseline;                     /* an index; equal to `contestants`: none of them */
  const json_t **figures;              /* (contestants + 1) x points x metrics; NULL: none */
};

/* 0; -ENOMEM (also if contestants x points x metrics is implausibly large). */
int view_open(struct view *view, const json_t *experiment);
void view_close(struct view *view);

const char *view_contestant(const struct view *view, size_t contestant);
size_t view_find(const struct view *view, const char *contestant); /* `contestants`: none */
const json_t *view_point(const struct view *view, size_t point);
const json_t *view_metric(const struct view *view, size_t metric);
const json_t *view_figure(const struct view *view, size_t contestant, size_t point, size_t metric);
/* The baseline's second run against its first (A/A), or NULL. */
const json_t *view_again(const struct view *view, size_t point, size_t metric);
/* Belongs to the caller. NULL: there is none, or it is empty or invalid, or no memory. */
struct histogram *view_histogram(const struct view *view, size_t contestant, size_t point);

/* The point's label, preceded by its group unless the label contains it: "TCP, 90 %". */
const char *view_label(const struct view *view, size_t point, char to[LABEL_SIZE]);

bool view_primary(const struct view *view, size_t metric);
/* The first primary metric that has a figure at the point; equal to `metrics`: there is none.
 * Different points may have different metrics. */
size_t view_primary_at(const struct view *view, size_t point);

/* Is there a figure of a contestant, or of any, at points[first] to points[last - 1]? */
bool view_took_part(const struct view *view, size_t contestant, size_t metric, size_t first,
                    size_t last);
bool view_measured(const struct view *view, size_t metric, size_t first, size_t last);

/* One scale for all figures of a metric at points[first] to points[last - 1]. */
struct scale view_scale(const struct view *view, size_t metric, size_t first, size_t last);

/* How many of the points from `first` on are shown in one table: they share its group, are at most
 * `most` (at least 1), and are distributed evenly over the tables: 7 points are 4 and 3. */
size_t view_run(const struct view *view, size_t first, size_t most);

/* "µs, lower is better": the text after a metric's label. */
const char *metric_reading(char to[96], const json_t *metric, const struct scale *scale);

/* The meaning of a ratio. */
enum verdict {
  VERDICT_NONE,       /* no ratio: the baseline, or nothing was measured */
  VERDICT_UNRESOLVED, /* as in results/estimates.h */
  VERDICT_BETTER,
  VERDICT_WORSE,
  VERDICT_OTHER, /* resolved, of a metric without a better direction */
};
/* The parts of "1.05 [1.02, 1.08]". */
struct ratio_texts {
  char median[QUANTITY_SIZE], low[QUANTITY_SIZE], high[QUANTITY_SIZE];
};
struct ratio_texts ratio_texts(const json_t *ratio);

enum verdict verdict_of(const json_t *ratio, const json_t *metric);

/* What an interval of that many rounds is, with the probability that it has the true median: "range
 * of 3 rounds (75 %)", "range of 9 rounds without 1 at each end (96 %)". */
const char *interval_name(char to[96], size_t rounds);

/*
 * The differences that the machine can resolve, from every A/A of primary metrics in the document:
 * the distance from 1 of the farther end of such an interval, as a factor (0.03: 3 %).
 */
struct resolution {
  size_t count, spanning; /* A/A ratios; those whose interval spans 1 */
  size_t counted;         /* additional ones, of counted metrics: they have no interval */
  double expected;        /* the number that should span 1, given their rounds */
  double typical, worst;  /* NaN if count is 0 */
};
/* Of one of its experiments, or of all (NULL). */
struct resolution resolution_of(const json_t *document, const json_t *only);

/* The command that repeats the document's run, quoted for a shell, with its seed added if missing.
 * A new string, NULL: no memory. */
char *command_of(const json_t *document);

#endif
