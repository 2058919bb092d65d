/* SPDX-License-Identifier: MIT */
/* cpus_none.c - for systems without a call for it (macOS), or with one that we do not use
 * (FreeBSD). */
#include <errno.h>
#include <stdio.h>

#include "cpus.h"

int cpus_pin(const unsigned short *numbers, size_t count) {
  (void)numbers, (void)count;
  return -ENOSYS;
}

int cpus_try(unsigned short number) {
  (void)number;
  return -ENOSYS;
}

void cpus_describe(char *to, size_t room) {
  snprintf(to, room, "any");
}
