/* SPDX-License-Identifier: MIT */
/*
 * parent.h - nothing that the lab starts outlives it, not even where the lab is killed.
 */
#ifndef BENCH_PARENT_H
#define BENCH_PARENT_H

#include <sys/types.h>

/* In a child of `parent`: be killed when that is gone, also across exec. Where a system has no such
 * thing (parent_none.c) a child learns of it only when it writes to its parent. */
void end_with_parent(pid_t parent);

#endif
