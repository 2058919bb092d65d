/* SPDX-License-Identifier: MIT */
/* child_none.c - where there is no such limit. */
#include <errno.h>

#include "child.h"

int child_limit_signals(uint64_t count) {
  (void)count;
  return -ENOSYS;
}
