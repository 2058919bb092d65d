/* SPDX-License-Identifier: MIT */
/*
 * result_grid.h - the results of a comparison: a cell for each contestant and point, with a value
 * for each metric and round. Filled in by comparison.c, converted to JSON at the end.
 */
#ifndef BENCH_RESULT_GRID_H
#define BENCH_RESULT_GRID_H

#include "bench.h"

struct cell {
  double *values;            /* [metric * rounds + round]; NaN: not measured */
  struct histogram *latency; /* of all rounds; NULL: nothing recorded */
  bool left_out;             /* the contestant cannot take part at this point */
  unsigned failures;         /* in consecutive rounds */
};

struct result_grid {
  struct bench *bench;
  const struct experiment *experiment;
  struct contestants own;          /* the experiment's own, if any */
  const struct contestant **slots; /* those that take part; the last slot is the baseline's twin */
  size_t contestants;              /* not counting the twin */
  size_t baseline;
  struct point points[POINTS_MAX];
  size_t point_count;
  size_t metrics;         /* of the experiment */
  unsigned rounds, begun; /* planned; begun so far */
  struct cell *cells;     /* [point * (contestants + 1) + slot] */
  double *values;         /* of all cells */
  json_t *absent, *failures;
};

/* Which contestants take part where. 0; -ENOMEM, or another -errno after printing an error. */
int result_grid_new(struct bench *bench, const struct experiment *experiment,
                    struct result_grid *ret);
void result_grid_free(struct result_grid *grid);

struct cell *grid_cell(const struct result_grid *grid, size_t point, size_t slot);

/* docs/bench-schema.md, "An experiment". A new reference; NULL: no memory. */
json_t *result_grid_to_json(const struct result_grid *grid);

#endif
