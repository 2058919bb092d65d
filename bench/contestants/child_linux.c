/* SPDX-License-Identifier: MIT */
/* child_linux.c - the limit of queued signals. */
#include <errno.h>
#include <sys/resource.h>

#include "child.h"

int child_limit_signals(uint64_t count) {
  const struct rlimit limit = {.rlim_cur = count, .rlim_max = count};
  return setrlimit(RLIMIT_SIGPENDING, &limit) < 0 ? -errno : 0;
}
