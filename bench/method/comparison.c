/* SPDX-License-Identifier: MIT */
/* comparison.c - the rounds: every contestant at every point, in an order reshuffled each round;
 * see comparison.h. */
#include "comparison.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "result_grid.h"
#include "results/statistics.h"

enum {
  GIVE_UP_AFTER = 2 /* failures in a row at a point: a hanging server costs seconds each time */
};

/* ---- one measurement --------------------------------------------------------------- */

static void announce(const struct result_grid *grid, size_t point, size_t slot) {
  char what[256];
  snprintf(what, sizeof what, "round %u/%u  %s  %s", grid->begun, grid->rounds,
           grid->points[point].label, grid->slots[slot]->name);
  progress_step(what);
}

/* The output of programs need not be UTF-8, and text cut to fit may not be: JSON has no bytes. */
static json_t *text_to_json(const char *text) {
  json_t *json = json_string(text);
  char *plain = json ? NULL : strdup(text);
  for (char *at = plain; at && *at; at++)
    if ((unsigned char)*at >= 0x80)
      *at = '?';
  if (plain)
    json = json_string(plain);
  free(plain);
  return json;
}

static int note_failure(struct result_grid *grid, size_t point, size_t slot,
                        const struct sample *sample, bool invalid) {
  json_t *one = json_pack("{s:s, s:s, s:i, s:o, s:o, s:b}", "contestant", grid->slots[slot]->name,
                          "point", grid->points[point].id, "round", (int)grid->begun, "reason",
                          text_to_json(sample->reason), "said", text_to_json(sample->stderr_tail),
                          "invalid", invalid);
  return json_array_append_new(grid->failures, one) < 0 ? -ENOMEM : 0;
}

static int keep_latencies(struct cell *cell, const struct sample *sample) {
  if (histogram_count(sample->latency) == 0)
    return 0;
  if (!cell->latency)
    cell->latency = histogram_new();
  if (!cell->latency)
    return -ENOMEM;
  histogram_merge(cell->latency, sample->latency);
  return 0;
}

static int keep(struct result_grid *grid, size_t point, size_t slot, const struct sample *sample) {
  struct cell *cell = grid_cell(grid, point, slot);
  for (size_t i = 0; i < grid->metrics; i++)
    cell->values[i * grid->rounds + grid->begun - 1] = sample->values[i];
  cell->failures = 0;
  return keep_latencies(cell, sample);
}

static void clear(struct sample *sample) {
  for (size_t i = 0; i < METRICS_MAX; i++)
    sample->values[i] = NAN;
  histogram_clear(sample->latency);
  *sample->reason = *sample->stderr_tail = '\0';
}

/* 0: continue. -EINTR, -ENOMEM: stop. */
static int measure(struct result_grid *grid, size_t point, size_t slot, struct sample *sample) {
  struct cell *cell = grid_cell(grid, point, slot);
  if (cell->left_out)
    return 0;
  announce(grid, point, slot);
  if (cell->failures >= GIVE_UP_AFTER)
    return 0;
  clear(sample);
  int error = grid->experiment->measure(grid->bench, grid->slots[slot], &grid->points[point],
                                        grid->begun - 1, sample);
  if (grid->bench->interrupted || error == -EINTR)
    return -EINTR;
  if (error == 0)
    return keep(grid, point, slot, sample);
  if (!*sample->reason)
    snprintf(sample->reason, sizeof sample->reason, "%s", strerror(-error));
  if (error != -EAGAIN && ++cell->failures == GIVE_UP_AFTER) {
    size_t used = strlen(sample->reason);
    snprintf(sample->reason + used, sizeof sample->reason - used,
             " (twice in a row: not tried again at this point)");
  }
  if (error == -EAGAIN) /* the generator's fault: the server's output is no clue */
    *sample->stderr_tail = '\0';
  return note_failure(grid, point, slot, sample, error == -EAGAIN);
}

/* ---- the order --------------------------------------------------------------------- */

/* The order in an experiment does not depend on which experiments ran before it. FNV-1a. */
static uint64_t seed_of(const struct result_grid *grid) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ grid->bench->seed;
  for (const char *at = grid->experiment->name; *at; at++)
    hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
  return hash;
}

static int measure_point(struct result_grid *grid, size_t point, struct random *random,
                         size_t *order, struct sample *sample) {
  size_t slots = grid->contestants + 1;
  int error = 0;
  for (size_t i = 0; i < slots; i++)
    order[i] = i;
  random_shuffle(random, order, slots);
  for (size_t i = 0; !error && i < slots; i++)
    error = measure(grid, point, order[i], sample);
  return error;
}

static int measure_rounds(struct result_grid *grid, size_t *order, struct sample *sample) {
  struct random random;
  int error = 0;
  random_seed(&random, seed_of(grid));
  while (!error && grid->begun < grid->rounds) {
    grid->begun++;
    for (size_t i = 0; !error && i < grid->point_count; i++)
      error = measure_point(grid, i, &random, order, sample);
  }
  return error;
}

static size_t count_measurements(const struct result_grid *grid) {
  size_t count = 0;
  for (size_t i = 0; i < grid->point_count; i++)
    for (size_t j = 0; j <= grid->contestants; j++)
      count += !grid_cell(grid, i, j)->left_out;
  return count * grid->rounds;
}

static double seconds_of(const struct result_grid *grid, const struct point *point) {
  const struct bench *bench = grid->bench;
  double start = 0.06; /* of a server and its generator */
  return grid->experiment->seconds ? grid->experiment->seconds(bench, point)
                                   : start + (double)(bench->warmup_ns + bench->duration_ns) / 1e9;
}

static double all_seconds(const struct result_grid *grid) {
  double seconds = 0;
  for (size_t i = 0; i < grid->point_count; i++)
    for (size_t j = 0; j <= grid->contestants && grid->contestants > 0; j++)
      seconds += grid_cell(grid, i, j)->left_out ? 0 : seconds_of(grid, &grid->points[i]);
  return seconds * grid->rounds;
}

static int run(struct result_grid *grid) {
  if (grid->contestants == 0 || grid->point_count == 0)
    return 0;
  size_t *order = calloc(grid->contestants + 1, sizeof *order);
  struct sample *sample = malloc(sizeof *sample);
  struct histogram *latency = histogram_new();
  int error = order && sample && latency ? 0 : -ENOMEM;
  if (!error) {
    sample->latency = latency;
    progress_begin(grid->experiment->name, count_measurements(grid), all_seconds(grid));
    error = measure_rounds(grid, order, sample);
    progress_end();
  }
  histogram_free(latency);
  free(sample);
  free(order);
  return error;
}

json_t *comparison_run(struct bench *bench, const struct experiment *experiment) {
  struct result_grid grid;
  json_t *json = NULL;
  int error = result_grid_new(bench, experiment, &grid);
  if (!error)
    error = run(&grid);
  if (error == -EINTR)
    bench->interrupted = 1;
  if (!error || error == -EINTR)
    json = result_grid_to_json(&grid);
  result_grid_free(&grid);
  return json;
}

double comparison_seconds(struct bench *bench, const struct experiment *experiment) {
  struct result_grid grid;
  double seconds = NAN;
  bench->describe = true; /* points only: nothing is measured to find them */
  if (result_grid_new(bench, experiment, &grid) == 0)
    seconds = all_seconds(&grid);
  bench->describe = false;
  result_grid_free(&grid);
  return seconds;
}
