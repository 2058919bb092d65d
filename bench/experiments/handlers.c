/* SPDX-License-Identifier: MIT */
/* handlers.c - adding and removing descriptors. */
#include <stdio.h>

#include "workload.h"

enum {
  CHANGES = 20000 /* per run, whatever the number of descriptors */
};

static size_t points(struct bench *bench, struct point *ret) {
  static const size_t descriptors[] = {100, 1000, 8000};
  size_t count = (size_t)bench->size + 1; /* one if quick, all if full */
  for (size_t i = 0; i < count; i++) {
    ret[i] = (struct point){.group = "descriptors", .x = (double)descriptors[i]};
    snprintf(ret[i].workload, sizeof ret[i].workload, "handlers %zu %zu", descriptors[i],
             1 + CHANGES / descriptors[i]);
    snprintf(ret[i].id, sizeof ret[i].id, "fds-%zu", descriptors[i]);
    snprintf(ret[i].label, sizeof ret[i].label, "%zu descriptors", descriptors[i]);
  }
  return count;
}

const struct experiment experiment_handlers = {
    .name = "handlers",
    .title = "Adding and removing handlers",
    .reproduces =
        "Gammo, Brecht, Shukla & Pariag 2004 (the cost of epoll_ctl for short connections)",
    .method = "N descriptors are all added, polled once, and all removed again, many times. poll "
              "and select keep an array of their own and have no cost in the kernel; epoll needs a "
              "system call for each change that lasts, real-time signals several. Compare it with "
              "`churn`: there the same cost is hidden by that of TCP.",
    .x_label = "descriptors",
    .x_log = true,
    .takes = TAKES_WORKLOAD,
    .metrics = {WORKLOAD_METRICS_OF("an addition and removal")},
    .points = points,
    .seconds = workload_seconds,
    .measure = workload_measure,
    .contestants = workload_contestants,
    .baseline = WORKLOAD_BASELINE,
};
