/* SPDX-License-Identifier: MIT */
/*
 * fork.h - is this a loop of ours, or a forked child's copy of its parent's?
 *
 * A copy must not be run and not be changed: its descriptors, kernel sets and rings are the
 * parent's. Every public function therefore asks here first.
 */
#ifndef IOLOOP_FORK_H
#define IOLOOP_FORK_H

#include <stdbool.h>

struct ioloop;

/* How many times the process forked, counted in the child: 0 in the first parent. */
unsigned ioloop__fork_count(void);

/* The loop was made before a fork, and this is the child. */
bool ioloop__inherited(const struct ioloop *loop);

/* The same for what may run in a signal handler. That can be in a child before the count is right,
 * or where it never will be: in one made by vfork or _Fork, which call no fork handlers. A system
 * call. */
bool ioloop__is_not_ours(const struct ioloop *loop);

/* loop.c: in the child, what this thread was inside of at the fork calls nobody any more. */
void ioloop__abandon_running(void);

/* signals.c: around a fork, so that the child's table is whole. */
void ioloop__signals_before_fork(void);
void ioloop__signals_after_fork(bool in_child);

#endif
