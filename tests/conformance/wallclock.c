/* SPDX-License-Identifier: MIT */
/* wallclock.c - see wallclock.h. */
#include "wallclock.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

typedef int clock_function(clockid_t clock, struct timespec *ret);

static _Atomic int64_t shift_s;
static _Atomic(clock_function *) real_clock;

void wallclock_step(int64_t seconds) {
  shift_s += seconds;
}

/* Found once; a data pointer becomes a function pointer, as POSIX has it for dlsym. */
static clock_function *find_real_clock(void) {
  clock_function *found = real_clock;
  if (!found) {
    void *symbol = dlsym(RTLD_NEXT, "clock_gettime");
    memcpy(&found, &symbol, sizeof found);
    real_clock = found;
  }
  return found;
}

int clock_gettime(clockid_t clock, struct timespec *ret) {
  int r = find_real_clock()(clock, ret);
  if (r == 0 && clock == CLOCK_REALTIME)
    ret->tv_sec += (time_t)shift_s;
  return r;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now) < 0)
    return -1;
  *ret = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
  return 0;
}

time_t time(time_t *ret) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (ret)
    *ret = now.tv_sec;
  return now.tv_sec;
}
