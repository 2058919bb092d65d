/* SPDX-License-Identifier: MIT */
/* child_none.c - for systems without such a limit. */
#include <errno.h>

#include "child.h"

int child_limit_signals(uint64_t count) {
  (void)count;
  return -ENOSYS;
}
