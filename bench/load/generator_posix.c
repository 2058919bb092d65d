/* SPDX-License-Identifier: MIT */
/* generator_posix.c - where only 127.0.0.1 is this host, and sleeps have no slack to set. */
#include "generator_internal.h"

int generator__spread_source(int fd, unsigned counter) {
  (void)fd, (void)counter;
  return 0;
}

unsigned long generator__exact_sleep(unsigned long slack_ns) {
  return slack_ns;
}
