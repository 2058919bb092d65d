/* SPDX-License-Identifier: MIT */
/* schedule.c - see schedule.h. */
#include "schedule.h"

void schedule_begin(struct schedule *schedule, bool poisson, double rate, uint64_t start_ns,
                    uint64_t seed) {
  *schedule = (struct schedule){.poisson = poisson, .rate = rate, .start_ns = start_ns};
  random_seed(&schedule->random, seed);
  if (poisson)
    schedule->offset_ns = random_exponential(&schedule->random, 1e9 / rate);
}

uint64_t schedule_due(const struct schedule *schedule) {
  double room = (double)(UINT64_MAX - schedule->start_ns);
  return schedule->offset_ns < room / 2 ? schedule->start_ns + (uint64_t)schedule->offset_ns
                                        : UINT64_MAX;
}

/* Constant: computed from the count, so that rounding errors do not add up, and exactly rate x
 * duration requests are due in a duration. */
void schedule_advance(struct schedule *schedule) {
  schedule->count++;
  if (schedule->poisson)
    schedule->offset_ns += random_exponential(&schedule->random, 1e9 / schedule->rate);
  else
    schedule->offset_ns = (double)schedule->count * 1e9 / schedule->rate;
}

uint64_t schedule_left(const struct schedule *schedule, uint64_t end_ns) {
  uint64_t due_ns = schedule_due(schedule);
  if (due_ns >= end_ns)
    return 0;
  return 1 + (uint64_t)((double)(end_ns - 1 - due_ns) * schedule->rate / 1e9);
}
