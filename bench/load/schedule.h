/* SPDX-License-Identifier: MIT */
/*
 * schedule.h - when the requests of an open loop are due: planned beforehand, whatever happens.
 */
#ifndef BENCH_SCHEDULE_H
#define BENCH_SCHEDULE_H

#include <stdint.h>

#include "../results/statistics.h"
#include "generator.h"

struct schedule {
  enum arrivals arrivals;
  double rate;
  uint64_t start_ns, count;
  double offset_ns; /* of the request that is due next, from the start */
  struct random random;
};

/* Of `rate` (> 0) requests a second from `start_ns` on. Constant: the first at once, then one each
 * interval, without drift. Poisson: exponential gaps, the first before the first request. */
void schedule_begin(struct schedule *schedule, enum arrivals arrivals, double rate,
                    uint64_t start_ns, uint64_t seed);

/* When the next one is due. Far beyond any clock where the rate is very low. */
uint64_t schedule_due(const struct schedule *schedule);

/* It has been taken; the one after that is next. */
void schedule_advance(struct schedule *schedule);

/* How many are due from the next one on and before `end_ns`, on average. */
uint64_t schedule_left(const struct schedule *schedule, uint64_t end_ns);

#endif
