/* SPDX-License-Identifier: MIT */
/*
 * view.h - an experiment of the document (docs/bench-schema.md) as the reports look at it.
 *
 * The document has a list of figures; a report wants the one of a contestant, at a point, of a
 * metric. All that is returned belongs to the document, which must outlive the view. Members that
 * are missing or of the wrong type read as empty text, NaN (figures.h) or no figure: a report shows
 * what is there.
 */
#ifndef BENCH_VIEW_H
#define BENCH_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "../results/figures.h"
#include "quantity.h"

enum {
  LABEL_SIZE = 128
};

struct view {
  const json_t *experiment;
  size_t contestants, points, metrics; /* how many */
  size_t baseline;                     /* an index, or `contestants`: none of them */
  const json_t **figures;              /* contestants x points x metrics; NULL: not measured */
  const json_t **again;                /* points x metrics: of `resolution` */
};

/* 0, -ENOMEM (also where contestants x points x metrics are more than anyone measures). */
int view_open(struct view *view, const json_t *experiment);
void view_close(struct view *view);

const char *view_contestant(const struct view *view, size_t contestant);
const json_t *view_point(const struct view *view, size_t point);
const json_t *view_metric(const struct view *view, size_t metric);
const json_t *view_figure(const struct view *view, size_t contestant, size_t point, size_t metric);
/* The baseline's second run against its first (A/A), or NULL. */
const json_t *view_again(const struct view *view, size_t point, size_t metric);
/* The histogram object of `histograms`, or NULL. */
const json_t *view_histogram(const struct view *view, size_t contestant, size_t point);

/* The point's label, its group before it where the label does not name it: "TCP, 90 %". */
const char *view_label(const struct view *view, size_t point, char to[LABEL_SIZE]);

bool view_primary(const struct view *view, size_t metric);
/* The first primary metric, or `metrics`: there is none. */
size_t view_first_primary(const struct view *view);
/* The same of those that have a figure at the point: some points are about another metric. */
size_t view_primary_at(const struct view *view, size_t point);

/* One scale for all figures of a metric at points[first] to points[last - 1]. */
struct scale view_scale(const struct view *view, size_t metric, size_t first, size_t last);

/* How many of the points from `first` on one table shall show: they share its group and are at
 * most `most` (at least 1), and what follows is shared out evenly: 7 points are 4 and 3. */
size_t view_run(const struct view *view, size_t first, size_t most);

/* "µs, lower is better": what stands beside a metric's label. */
const char *metric_reading(char to[96], const json_t *metric, const struct scale *scale);

/* How a ratio is to be read. */
enum verdict {
  VERDICT_NONE,       /* no ratio: the baseline, or nothing was measured */
  VERDICT_UNRESOLVED, /* its interval spans 1 */
  VERDICT_BETTER,
  VERDICT_WORSE,
  VERDICT_OTHER, /* resolved, of a metric that is neither better high nor low */
};
enum verdict verdict_of(const json_t *ratio, const json_t *metric);

/*
 * What the machine can resolve, from every A/A of primary metrics in the document: how far the end
 * of such an interval that is farther from 1 lies from it, as a factor (0.03: 3 %).
 */
struct resolution {
  size_t count, spanning; /* A/A ratios; those whose interval spans 1 */
  size_t counted;         /* further ones, of metrics that are counted: they have no interval */
  double expected;        /* so many should, by the number of their rounds */
  double typical, worst;  /* NaN where count is 0 */
};
/* 0, -ENOMEM. `experiment` NULL: of all. */
int resolution_of(const json_t *document, const json_t *experiment, struct resolution *ret);

/* The command that makes this document again, quoted for a shell, its seed added where it has
 * none. A new string, NULL: no memory. */
char *command_of(const json_t *document);

#endif
