/* SPDX-License-Identifier: MIT */
/* generator_posix.c - where only 127.0.0.1 is this host, sleeps have no slack to set, and a child
 * learns of its parent's end when it writes to the pipe between them. */
#include "generator_internal.h"

int generator__spread_source(int fd, unsigned counter) {
  (void)fd, (void)counter;
  return 0;
}

unsigned long generator__exact_sleep(unsigned long slack_ns) {
  return slack_ns;
}

void generator__end_with(pid_t parent) {
  (void)parent;
}
