/* SPDX-License-Identifier: MIT */
/* alike.h - did two runs of an experiment measure the same thing? For merging and comparing. */
#ifndef BENCH_ALIKE_H
#define BENCH_ALIKE_H

#include <jansson.h>

/* What differs first between two experiments, NULL for both: nothing. */
struct difference {
  const char *what;  /* "parameter", "member", "point" */
  const char *which; /* "size", "baseline", "tcp-50" */
};

/* Compares the parameters except those in `may_differ` (ends with NULL), the baseline, the metrics,
 * the axis, and the points that both have. Strings belong to the documents. */
struct difference experiments_differ(const json_t *first, const json_t *second,
                                     const char *const *may_differ);

#endif
