/* SPDX-License-Identifier: MIT */
/* wake.c - the time from adding a callback in another thread to its call in the loop. */
#include <stdio.h>

#include "workload.h"

enum {
  TIMES = 5000,
  WAKE_P50 = 0,
  WAKE_P99,
  WAKE_P999,
  WAKE_CPU
};

static size_t points(struct bench *bench, struct point *ret) {
  ret[0] = (struct point){.id = "sleeping", .label = "a sleeping loop"};
  snprintf(ret[0].workload, sizeof ret[0].workload, "wake %d",
           bench->size == SIZE_QUICK ? TIMES / 5 : TIMES);
  return 1;
}

static int measure(struct bench *bench, const struct contestant *contestant,
                   const struct point *point, unsigned round, struct sample *sample) {
  struct command command;
  struct workload_result result;
  (void)round;
  workload_command(contestant, point->workload, &command);
  int error = workload_run(bench, &command, sample, &result);
  if (error)
    return error;
  sample->values[WAKE_P50] = (double)histogram_percentile(sample->latency, 50);
  sample->values[WAKE_P99] = (double)histogram_percentile(sample->latency, 99);
  sample->values[WAKE_P999] = (double)histogram_percentile(sample->latency, 99.9);
  sample->values[WAKE_CPU] = (double)result.cpu_ns / (double)result.operations;
  return 0;
}

const struct experiment experiment_wake = {
    .name = "wake",
    .title = "Callbacks from another thread",
    .reproduces =
        "libuv's uv_async benchmarks and libev's ev_async, which measure a rate, as a distribution",
    .method = "A second thread gives the sleeping loop a callback, by the one call of the library "
              "that may be made from another thread, and waits until it has run; the time between "
              "is recorded, many times. Most of it is spent in the kernel: a write to an eventfd "
              "or pipe, and a wake-up on the same processor.",
    .takes = TAKES_WORKLOAD,
    .metrics =
        {
            [WAKE_P50] = {"p50", "median time from one thread to the loop of another", "ns",
                          "lower", true},
            [WAKE_P99] = {"p99", "99th percentile of it", "ns", "lower", true},
            [WAKE_P999] = {"p999", "99.9th percentile of it", "ns", "lower", false},
            [WAKE_CPU] = {"cpu", "CPU time of both threads a wake-up", "ns", "lower", false},
        },
    .points = points,
    .seconds = workload_seconds,
    .measure = measure,
    .contestants = workload_contestants,
    .baseline = WORKLOAD_BASELINE,
};
