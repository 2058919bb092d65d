/* SPDX-License-Identifier: MIT */
/* timers.c - setting, moving, cancelling and firing many timers. */
#include <stdio.h>
#include <string.h>

#include "workload.h"

static size_t points(struct bench *bench, struct point *ret) {
  static const char *const operations[] = {"add", "rearm", "cancel", "fire"};
  static const size_t timers[] = {1000, 10000, 100000, 1000000};
  size_t sizes = bench->size == SIZE_QUICK ? 2 : 4, count = 0;
  for (size_t i = 0; i < 4; i++)
    for (size_t j = 0; j < sizes; j++, count++) {
      struct point *point = &ret[count];
      const char *operation = operations[i];
      *point = (struct point){.x = (double)timers[j]};
      snprintf(point->workload, sizeof point->workload, "timers %zu %s", timers[j], operation);
      snprintf(point->id, sizeof point->id, "%s-%zu", operation, timers[j]);
      snprintf(point->label, sizeof point->label, "%s, %zu timers", operation, timers[j]);
      snprintf(point->group, sizeof point->group, "%s", operation);
    }
  return count;
}

/* There is no hand-written peer: epoll has no timers. */
static const char *refuses(struct bench *bench, const struct contestant *contestant,
                           const struct point *point) {
  (void)bench;
  (void)point;
  return strcmp(contestant->name, WORKLOAD_BASELINE) == 0
             ? "has no timers: epoll by hand has no loop around it"
             : NULL;
}

const struct experiment experiment_timers = {
    .name = "timers",
    .title = "Timers",
    .reproduces =
        "libev's published comparison (the timers that accompany the pipes of bench.c), alone",
    .method = "N timers are set to random times; moved to others; cancelled; or left to fire, "
              "which is timed separately. Every loop has a heap of some kind, so that an operation "
              "grows with the logarithm of their number; read how fast, and where the processor's "
              "caches end. How a loop waits does not matter here, so each library takes part once.",
    .x_label = "timers",
    .x_log = true,
    .takes = TAKES_WORKLOAD,
    .metrics = {WORKLOAD_METRICS_OF("an operation")},
    .points = points,
    .refuses = refuses,
    .seconds = workload_seconds,
    .measure = workload_measure,
    .contestants = workload_libraries,
};
