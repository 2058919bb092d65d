/* SPDX-License-Identifier: MIT */
/* cascade.c - one byte that runs once through all pipes. */
#include <stdio.h>

#include "workload.h"

static size_t points(struct bench *bench, struct point *ret) {
  static const size_t pipes[] = {100, 1000, 4000};
  size_t count = (size_t)bench->size + 1; /* one if quick, all if full */
  for (size_t i = 0; i < count; i++) {
    ret[i] = (struct point){.group = "pipes", .x = (double)pipes[i]};
    snprintf(ret[i].workload, sizeof ret[i].workload, "cascade %zu", pipes[i]);
    snprintf(ret[i].id, sizeof ret[i].id, "pipes-%zu", pipes[i]);
    snprintf(ret[i].label, sizeof ret[i].label, "%zu pipes", pipes[i]);
  }
  return count;
}

const struct experiment experiment_cascade = {
    .name = "cascade",
    .title = "A byte through a cascade of pipes",
    .reproduces = "libevent's bench_cascade.c",
    .method = "A byte is written into the first pipe; the handler that reads it writes one into "
              "the next pipe, and so on to the last. Every wait finds exactly one event, and each "
              "descriptor has only one: a loop cannot handle several in one iteration, which makes "
              "this the cost of an iteration. Compare it with `ring` with one active pipe.",
    .x_label = "pipes",
    .x_log = true,
    .takes = TAKES_WORKLOAD,
    .metrics = {WORKLOAD_METRICS_OF("an event")},
    .points = points,
    .seconds = workload_seconds,
    .measure = workload_measure,
    .contestants = workload_contestants,
    .baseline = WORKLOAD_BASELINE,
};
