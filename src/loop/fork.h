/* SPDX-License-Identifier: MIT */
/*
 * fork.h - distinguishes a process's own loops from a forked child's copies of its parent's.
 *
 * A copy must not be run or changed: its descriptors, kernel sets and rings are the parent's. Every
 * public function therefore checks here first.
 */
#ifndef IOLOOP_FORK_H
#define IOLOOP_FORK_H

#include <stdbool.h>

struct ioloop;

/* The number of forks that led to this process, counted in each child: 0 in the first parent. */
unsigned ioloop__fork_count(void);

/* The loop was made before a fork, and this is the child. */
bool ioloop__inherited(const struct ioloop *loop);

/* The same, for functions that may run in a signal handler. Such a handler can run in a child
 * before the count is correct, or in one where it never will be: vfork and _Fork call no fork
 * handlers. Costs a system call. */
bool ioloop__is_not_ours(const struct ioloop *loop);

/* loop.c: in the child, drop every pending call of the loops that this thread was running at the
 * fork. */
void ioloop__abandon_running(void);

/* signals.c: called before and after a fork, so that the child's table is consistent. */
void ioloop__signals_before_fork(void);
void ioloop__signals_after_fork(bool in_child);

#endif
