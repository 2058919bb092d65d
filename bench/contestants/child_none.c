/* SPDX-License-Identifier: MIT */
/* child_none.c - where there is neither; a lab that is ended by SIGKILL leaves its child behind. */
#include <errno.h>

#include "child.h"

void child_die_with(pid_t parent) {
  (void)parent;
}

int child_limit_signals(uint64_t count) {
  (void)count;
  return -ENOSYS;
}
