/* SPDX-License-Identifier: MIT */
/*
 * grid.h - the results of a comparison: a cell for each contestant and point, with a value for each
 * metric and round. Filled in by comparison.c, converted to JSON by grid_json.c.
 */
#ifndef BENCH_GRID_H
#define BENCH_GRID_H

#include "bench.h"

struct cell {
  double *values;            /* [metric * rounds + round]; NaN: not measured */
  struct histogram *latency; /* of all rounds; NULL: nothing recorded */
  bool left_out;             /* the contestant cannot take part at this point */
  unsigned failures;         /* in consecutive rounds */
};

struct grid {
  struct bench *bench;
  const struct experiment *experiment;
  struct contestants own;          /* the experiment's own, if any */
  const struct contestant **slots; /* those that take part; the last slot is the baseline's twin */
  size_t contestants;              /* not counting the twin */
  size_t baseline;
  struct point points[POINTS_MAX];
  size_t point_count;
  unsigned rounds, begun; /* planned; begun so far */
  struct cell *cells;     /* [point * (contestants + 1) + slot] */
  json_t *absent, *failures;
};

/* Which contestants take part where. 0; -ENOMEM, or another -errno after printing an error. */
int grid_new(struct bench *bench, const struct experiment *experiment, struct grid *ret);
void grid_free(struct grid *grid);

struct cell *grid_cell(const struct grid *grid, size_t point, size_t slot);

/* docs/bench-schema.md, "An experiment". A new reference; NULL: no memory. */
json_t *grid_to_json(const struct grid *grid);

#endif
