/* SPDX-License-Identifier: MIT */
/* result_grid.c - lays out a comparison: its points, and which contestants take part at each; and
 * writes its values as JSON. */
#include "result_grid.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "results/claims.h"

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

static int make_cells(struct result_grid *grid) {
  size_t slots = grid->contestants ? grid->contestants + 1 : 0, cells = grid->point_count * slots;
  size_t size = grid->metrics * grid->rounds;
  grid->cells = calloc(cells + 1, sizeof *grid->cells);
  grid->values = malloc((cells * size + 1) * sizeof *grid->values);
  if (!grid->cells || !grid->values)
    return -ENOMEM;
  for (size_t i = 0; i < cells * size; i++)
    grid->values[i] = NAN;
  for (size_t i = 0; i < cells; i++) {
    grid->cells[i].values = &grid->values[i * size];
    grid->cells[i].left_out = refusal(grid, grid->slots[i % slots], i / slots) != NULL;
  }
  return 0;
}

int result_grid_new(struct bench *bench, const struct experiment *experiment,
                    struct result_grid *ret) {
  *ret = (struct result_grid){.bench = bench,
                              .experiment = experiment,
                              .rounds = experiment->counted ? 1 : (unsigned)bench->rounds,
                              .absent = json_array(),
                              .failures = json_array()};
  while (experiment->metrics[ret->metrics].id)
    ret->metrics++;
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
  for (size_t i = 0; grid->cells && i < grid->point_count * slots; i++)
    histogram_free(grid->cells[i].latency);
  free(grid->values);
  free(grid->cells);
  free(grid->slots);
  contestants_free(&grid->own);
  json_decref(grid->absent);
  json_decref(grid->failures);
}

/* ---- as JSON: docs/bench-schema.md -------------------------------------------------- */

/* JSON has no NaN: a missing value is null. */
static json_t *number(double value) {
  if (!isfinite(value))
    return json_null();
  if (value == floor(value) && fabs(value) < 9e15)
    return json_integer((json_int_t)value);
  return json_real(value);
}

static const double *values_of(const struct result_grid *grid, size_t point, size_t slot,
                               size_t metric) {
  return &grid_cell(grid, point, slot)->values[metric * grid->rounds];
}

static json_t *numbers(const double *values, size_t count) {
  json_t *array = json_array();
  for (size_t i = 0; i < count; i++)
    json_array_append_new(array, number(values[i]));
  return array;
}

static bool any(const double *values, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!isnan(values[i]))
      return true;
  return false;
}

/* Medians, intervals and ratios are added by results/estimates.c. */
static json_t *figure(const struct result_grid *grid, size_t point, size_t slot, size_t metric) {
  return json_pack("{s:s, s:s, s:s, s:o}", "contestant", grid->slots[slot]->name, "point",
                   grid->points[point].id, "metric", grid->experiment->metrics[metric].id, "values",
                   numbers(values_of(grid, point, slot, metric), grid->begun));
}

static json_t *figures(const struct result_grid *grid) {
  json_t *array = json_array();
  for (size_t i = 0; i < grid->point_count; i++)
    for (size_t j = 0; j < grid->contestants; j++)
      for (size_t k = 0; k < grid->metrics; k++)
        if (any(values_of(grid, i, j, k), grid->begun))
          json_array_append_new(array, figure(grid, i, j, k));
  return array;
}

/* A/A: the twin against the baseline. */
static json_t *resolution(const struct result_grid *grid) {
  json_t *array = json_array();
  size_t twin = grid->contestants;
  for (size_t i = 0; twin && i < grid->point_count; i++)
    for (size_t k = 0; k < grid->metrics; k++)
      if (any(values_of(grid, i, twin, k), grid->begun))
        json_array_append_new(array, json_pack("{s:s, s:s, s:o}", "point", grid->points[i].id,
                                               "metric", grid->experiment->metrics[k].id, "values",
                                               numbers(values_of(grid, i, twin, k), grid->begun)));
  return array;
}

static json_t *histograms(const struct result_grid *grid) {
  json_t *array = json_array();
  for (size_t i = 0; i < grid->point_count; i++)
    for (size_t j = 0; j < grid->contestants; j++) {
      const struct histogram *latency = grid_cell(grid, i, j)->latency;
      if (latency)
        json_array_append_new(array, json_pack("{s:s, s:s, s:o}", "contestant",
                                               grid->slots[j]->name, "point", grid->points[i].id,
                                               "histogram", histogram_to_json(latency)));
    }
  return array;
}

/* ---- describing the experiment ----------------------------------------------------- */

static json_t *points(const struct result_grid *grid) {
  json_t *array = json_array();
  for (size_t i = 0; i < grid->point_count; i++) {
    const struct point *point = &grid->points[i];
    json_array_append_new(array,
                          json_pack("{s:s, s:s, s:s, s:o}", "id", point->id, "label", point->label,
                                    "group", point->group, "x", number(point->x)));
  }
  return array;
}

static json_t *metrics(const struct experiment *experiment) {
  json_t *array = json_array();
  for (size_t i = 0; experiment->metrics[i].id; i++) {
    const struct metric *metric = &experiment->metrics[i];
    json_array_append_new(array,
                          json_pack("{s:s, s:s, s:s, s:s, s:b, s:b}", "id", metric->id, "label",
                                    metric->label, "unit", metric->unit, "better", metric->better,
                                    "primary", metric->primary, "counted", experiment->counted));
  }
  return array;
}

static json_t *contestants(const struct result_grid *grid) {
  json_t *array = json_array();
  for (size_t i = 0; i < grid->contestants; i++)
    json_array_append_new(array, json_string(grid->slots[i]->name));
  return array;
}

static json_t *parameters(const struct result_grid *grid) {
  const struct bench *bench = grid->bench;
  return json_pack("{s:i, s:I, s:I, s:I, s:I, s:b}", "rounds", (int)grid->rounds, "duration_ns",
                   (json_int_t)bench->duration_ns, "warmup_ns", (json_int_t)bench->warmup_ns,
                   "size", (json_int_t)bench->message_size, "slo_ns", (json_int_t)bench->slo_ns,
                   "poisson", bench->poisson);
}

static json_t *x_axis(const struct experiment *experiment) {
  if (!experiment->x_label)
    return json_null();
  return json_pack("{s:s, s:b}", "label", experiment->x_label, "log", experiment->x_log);
}

json_t *result_grid_to_json(const struct result_grid *grid) {
  const struct experiment *experiment = grid->experiment;
  const char *baseline = grid->contestants ? grid->slots[grid->baseline]->name : "";
  json_t *json = json_pack(
      "{s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:O, s:o, s:o, s:o, s:o, s:o, s:o, s:O}", "name",
      experiment->name, "title", experiment->title, "redoes", experiment->reproduces, "method",
      experiment->method, "parameters", parameters(grid), "baseline", baseline, "contestants",
      contestants(grid), "absent", grid->absent, "x_axis", x_axis(experiment), "points",
      points(grid), "metrics", metrics(experiment), "figures", figures(grid), "resolution",
      resolution(grid), "histograms", histograms(grid), "failures", grid->failures);
  if (!json || !experiment->claims)
    return json;
  if (json_object_set_new(json, "claims", claims_to_json(experiment->claims)) == 0)
    return json;
  json_decref(json);
  return NULL;
}
