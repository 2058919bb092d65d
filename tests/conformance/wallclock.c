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

/* FreeBSD and OpenBSD declare a struct, POSIX void. */
#if defined(__FreeBSD__) || defined(__OpenBSD__)
typedef struct timezone zone_type;
#else
typedef void zone_type;
#endif

/* Looked up once; a data pointer is converted to a function pointer, as POSIX allows for dlsym. On
 * a 32-bit system with 64-bit time, the function that this file was compiled to call has a name of
 * its own (glibc 2.34, musl 1.2), and clock_gettime is the old one. */
static clock_function *find_real_clock(void) {
  clock_function *found = real_clock;
  if (!found) {
    void *symbol = sizeof(time_t) > sizeof(long) ? dlsym(RTLD_NEXT, "__clock_gettime64") : NULL;
    if (!symbol)
      symbol = dlsym(RTLD_NEXT, "clock_gettime");
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

int gettimeofday(struct timeval *restrict ret, zone_type *restrict zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now) < 0)
    return -1;
  *ret = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = (suseconds_t)(now.tv_nsec / 1000)};
  return 0;
}

time_t time(time_t *ret) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (ret)
    *ret = now.tv_sec;
  return now.tv_sec;
}
