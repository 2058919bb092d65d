/* SPDX-License-Identifier: MIT */
/* result_grid.c - lays out a comparison: its points, and which contestants take part at each. */
#include "result_grid.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct cell *grid_cell(const struct result_grid *grid, size_t point, size_t slot) {
  return &grid->cells[point * (grid->contestants + 1) + slot];
}

static const char *refusal(const struct result_grid *grid, const struct contestant *contestant,
                           size_t point) {
  const struct experiment *experiment = grid->experiment;
  return experiment->refuses ? experiment->refuses(grid->bench, contestant, &grid->points[point])
                             : NULL;
}

/* NULL: it can take part in at least one point. */
static const char *why_absent(const struct result_grid *grid, const struct contestant *contestant) {
  const char *reason = contestant->available ? NULL : contestant->reason;
  for (size_t i = 0; !reason && i < grid->point_count; i++) {
    const char *here = refusal(grid, contestant, i);
    if (!here)
      return NULL;
    if (i + 1 == grid->point_count)
      reason = here;
  }
  return reason;
}

static int note_absent(struct result_grid *grid, const struct contestant *contestant,
                       const char *reason) {
  json_t *one = json_pack("{s:s, s:s}", "contestant", contestant->name, "reason", reason);
  return json_array_append_new(grid->absent, one) < 0 ? -ENOMEM : 0;
}

static int choose_slots(struct result_grid *grid, const struct contestants *from) {
  grid->slots = calloc(from->count + 1, sizeof *grid->slots);
  int error = grid->slots ? 0 : -ENOMEM;
  for (size_t i = 0; !error && i < from->count; i++) {
    const char *reason = why_absent(grid, &from->at[i]);
    if (reason)
      error = note_absent(grid, &from->at[i], reason);
    else
      grid->slots[grid->contestants++] = &from->at[i];
  }
  return error;
}

/* The named one if it takes part, else the first. */
static void choose_baseline(struct result_grid *grid) {
  const char *name =
      grid->experiment->baseline ? grid->experiment->baseline : grid->bench->baseline;
  for (size_t i = 0; name && i < grid->contestants; i++)
    if (strcmp(grid->slots[i]->name, name) == 0)
      grid->baseline = i;
  if (grid->contestants)
    grid->slots[grid->contestants] = grid->slots[grid->baseline];
}

static int fill_cell(struct result_grid *grid, size_t point, size_t slot) {
  size_t count = grid->experiment->metric_count * grid->rounds;
  struct cell *cell = grid_cell(grid, point, slot);
  cell->values = malloc((count ? count : 1) * sizeof *cell->values);
  if (!cell->values)
    return -ENOMEM;
  for (size_t i = 0; i < count; i++)
    cell->values[i] = NAN;
  cell->left_out = refusal(grid, grid->slots[slot], point) != NULL;
  return 0;
}

static int make_cells(struct result_grid *grid) {
  size_t slots = grid->contestants ? grid->contestants + 1 : 0;
  grid->cells = calloc(grid->point_count * slots + 1, sizeof *grid->cells);
  int error = grid->cells ? 0 : -ENOMEM;
  for (size_t i = 0; !error && i < grid->point_count; i++)
    for (size_t j = 0; !error && j < slots; j++)
      error = fill_cell(grid, i, j);
  return error;
}

int result_grid_new(struct bench *bench, const struct experiment *experiment,
                    struct result_grid *ret) {
  *ret = (struct result_grid){.bench = bench,
                              .experiment = experiment,
                              .rounds = experiment->rounds ? experiment->rounds : bench->rounds,
                              .absent = json_array(),
                              .failures = json_array()};
  int error = ret->absent && ret->failures ? 0 : -ENOMEM;
  if (!error && experiment->contestants)
    error = experiment->contestants(bench, &ret->own);
  if (error)
    return error;
  ret->point_count = experiment->points(bench, ret->points);
  error = choose_slots(ret, experiment->contestants ? &ret->own : &bench->contestants);
  if (error)
    return error;
  choose_baseline(ret);
  return make_cells(ret);
}

void result_grid_free(struct result_grid *grid) {
  size_t slots = grid->contestants ? grid->contestants + 1 : 0;
  for (size_t i = 0; grid->cells && i < grid->point_count * slots; i++) {
    free(grid->cells[i].values);
    histogram_free(grid->cells[i].latency);
  }
  free(grid->cells);
  free(grid->slots);
  contestants_free(&grid->own);
  json_decref(grid->absent);
  json_decref(grid->failures);
}
