/* SPDX-License-Identifier: MIT */
/*
 * grid.h - what a comparison has measured: a cell for each contestant and point, a value in it for
 * each metric and round. Filled in by comparison.c, made into JSON by grid_json.c.
 */
#ifndef BENCH_GRID_H
#define BENCH_GRID_H

#include "bench.h"

struct cell {
  double *values;            /* [metric * rounds + round]; NaN: not had */
  struct histogram *latency; /* of all rounds; NULL: nothing was recorded */
  bool left_out;             /* the contestant cannot take part at this point */
  unsigned failures;         /* rounds in a row */
};

struct grid {
  struct bench *bench;
  const struct experiment *experiment;
  struct contestants own;          /* the experiment's own, where it has them */
  const struct contestant **slots; /* who takes part; the last slot is the baseline's twin */
  size_t contestants;              /* the twin not counted */
  size_t baseline;
  struct point points[POINTS_MAX];
  size_t point_count;
  unsigned rounds, begun; /* to be measured; begun so far */
  struct cell *cells;     /* [point * (contestants + 1) + slot] */
  json_t *absent, *failures;
};

/* Who takes part where. 0; -ENOMEM, or another -errno when a line has been said. */
int grid_new(struct bench *bench, const struct experiment *experiment, struct grid *ret);
void grid_free(struct grid *grid);

struct cell *grid_cell(const struct grid *grid, size_t point, size_t slot);

/* docs/bench-schema.md, "An experiment". A new reference; NULL: no memory. */
json_t *grid_to_json(const struct grid *grid);

#endif
