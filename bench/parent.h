/* SPDX-License-Identifier: MIT */
/*
 * parent.h - no process that the lab starts outlives it, even if the lab is killed.
 */
#ifndef BENCH_PARENT_H
#define BENCH_PARENT_H

#include <sys/types.h>

/* In a child of `parent`: get killed when the parent ends, also across exec. On a system without
 * such a call (parent_none.c) a child notices only when it writes to its parent. */
void end_with_parent(pid_t parent);

#endif
