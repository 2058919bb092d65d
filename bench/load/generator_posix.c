/* SPDX-License-Identifier: MIT */
/* generator_posix.c - for systems where only 127.0.0.1 is this host, sleeps have no slack to set,
 * and another process's CPU time has no clock (macOS lacks clock_getcpuclockid). */
#include <errno.h>

#include "generator_internal.h"

int generator__spread_source(int fd, unsigned counter) {
  (void)fd, (void)counter;
  return 0;
}

unsigned long generator__exact_sleep(unsigned long slack_ns) {
  return slack_ns;
}

int generator__cpu_clock(pid_t process, clockid_t *ret) {
  (void)process, (void)ret;
  return -ENOSYS;
}
