/* SPDX-License-Identifier: MIT */
/* clock.h - the clocks in nanoseconds, and the units of time. */
#ifndef PROGRAMS_CLOCK_H
#define PROGRAMS_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_US     UINT64_C(1000)
#define NS_PER_MS     UINT64_C(1000000)
#define NS_PER_SECOND UINT64_C(1000000000)
#define US_PER_SECOND UINT64_C(1000000)

/* The time of `clock`, as CLOCK_MONOTONIC; 0 if it cannot be read. */
static inline uint64_t clock_ns(clockid_t clock) {
  struct timespec now = {.tv_sec = 0};
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

#endif
