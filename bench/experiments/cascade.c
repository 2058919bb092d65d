/* SPDX-License-Identifier: MIT */
/* cascade.c - one byte that runs once through all pipes. */
#include <stdio.h>

#include "workload.h"

static const struct metric metrics[] = {
    [WORKLOAD_TIME] = WORKLOAD_METRIC_TIME("an event"),
    [WORKLOAD_CPU] = WORKLOAD_METRIC_CPU("an event"),
};

static size_t points(struct bench *bench, struct point *ret) {
  static const size_t pipes[] = {100, 1000, 4000};
  size_t count = bench->size == SIZE_QUICK ? 1 : bench->size == SIZE_NORMAL ? 2 : 3;
  for (size_t i = 0; i < count; i++) {
    ret[i] = (struct point){.group = "pipes", .x = (double)pipes[i], .connections = pipes[i]};
    snprintf(ret[i].id, sizeof ret[i].id, "pipes-%zu", pipes[i]);
    snprintf(ret[i].label, sizeof ret[i].label, "%zu pipes", pipes[i]);
  }
  return count;
}

static int measure(struct bench *bench, const struct contestant *contestant,
                   const struct point *point, unsigned round, struct sample *sample) {
  struct command command;
  (void)round;
  int error = workload_command(contestant, "cascade", &command);
  if (!error)
    error = command_add(&command, "%zu", point->connections);
  return error ? error : workload_measure(bench, &command, sample);
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
    .metrics = metrics,
    .metric_count = WORKLOAD_METRICS,
    .points = points,
    .measure = measure,
    .contestants = workload_contestants,
    .baseline = WORKLOAD_BASELINE,
};
