/* SPDX-License-Identifier: MIT */
/* parent_linux.c - prctl(2) PR_SET_PDEATHSIG. */
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "parent.h"

void end_with_parent(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) /* it died before the call */
    _exit(127);
}
