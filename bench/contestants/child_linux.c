/* SPDX-License-Identifier: MIT */
/* child_linux.c - prctl(2) PR_SET_PDEATHSIG, and the limit of queued signals. */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "child.h"

void child_die_with(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) /* it died before we asked */
    _exit(127);
}

int child_limit_signals(uint64_t count) {
  const struct rlimit limit = {.rlim_cur = count, .rlim_max = count};
  return setrlimit(RLIMIT_SIGPENDING, &limit) < 0 ? -errno : 0;
}
