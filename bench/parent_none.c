/* SPDX-License-Identifier: MIT */
/* parent_none.c - where nobody tells a child; a lab that is ended by SIGKILL leaves it behind. */
#include "parent.h"

void end_with_parent(pid_t parent) {
  (void)parent;
}
