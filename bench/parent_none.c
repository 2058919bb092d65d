/* SPDX-License-Identifier: MIT */
/* parent_none.c - for systems without such a call: a lab ended by SIGKILL leaves its children
 * behind. */
#include "parent.h"

void end_with_parent(pid_t parent) {
  (void)parent;
}
