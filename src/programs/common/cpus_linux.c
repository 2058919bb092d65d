/* SPDX-License-Identifier: MIT */
/* cpus_linux.c - sched_setaffinity(2). The kernel decides which processors there are: cpusets and
 * containers may remove some, and an earlier mask does not limit us. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "cpus.h"

static int set_mask(const cpu_set_t *mask) {
  return sched_setaffinity(0, sizeof *mask, mask) < 0 ? -errno : 0;
}

int cpus_pin(const unsigned short *numbers, size_t count) {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  for (size_t i = 0; i < count; i++)
    CPU_SET(numbers[i], &mask);
  return set_mask(&mask);
}

int cpus_try(unsigned short number) {
  cpu_set_t before;
  if (sched_getaffinity(0, sizeof before, &before) < 0)
    return -errno;
  int error = cpus_pin(&number, 1);
  return error ? error : set_mask(&before);
}

void cpus_describe(char *to, size_t room) {
  cpu_set_t mask;
  snprintf(to, room, "none");
  if (sched_getaffinity(0, sizeof mask, &mask) < 0)
    return;
  size_t used = 0;
  for (size_t first = 0; first < CPUS_MAX && used < room; first++) {
    size_t last = first;
    if (!CPU_ISSET(first, &mask))
      continue;
    while (last + 1 < CPUS_MAX && CPU_ISSET(last + 1, &mask))
      last++;
    used += (size_t)snprintf(to + used, room - used, "%s%zu", used ? "," : "", first);
    if (first < last && used < room)
      used += (size_t)snprintf(to + used, room - used, "-%zu", last);
    first = last;
  }
}
