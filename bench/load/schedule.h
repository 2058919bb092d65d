/* SPDX-License-Identifier: MIT */
/* schedule.h - when the requests of an open loop are due: planned in advance, whatever happens. */
#ifndef BENCH_SCHEDULE_H
#define BENCH_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "results/statistics.h"

struct schedule {
  bool poisson;
  double rate;
  uint64_t start_ns, count;
  double offset_ns; /* of the next request, from the start */
  struct random random;
};

/* Arrivals at `rate` (> 0) requests per second from `start_ns` on. Constant: the first at once,
 * then one per interval, without drift. Poisson: exponential gaps, the first one before the first
 * request. */
void schedule_begin(struct schedule *schedule, bool poisson, double rate, uint64_t start_ns,
                    uint64_t seed);

/* When the next one is due. Beyond any clock if the rate is very low. */
uint64_t schedule_due(const struct schedule *schedule);

/* Go on to the next one. */
void schedule_advance(struct schedule *schedule);

/* How many are due from the next one on and before `end_ns`, on average. */
uint64_t schedule_left(const struct schedule *schedule, uint64_t end_ns);

#endif
