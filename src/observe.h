/* SPDX-License-Identifier: MIT */
/*
 * observe.h - what streams and backends tell an observer of the system calls they make.
 *
 * Whoever makes a call asks once, when it is made or begins, whether somebody listens, and takes
 * another way then; the way of a loop that nobody observes has no test for it.
 */
#ifndef IOLOOP_OBSERVE_H
#define IOLOOP_OBSERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ioloop;

/* Does somebody want to hear of system calls? */
bool ioloop__observes_calls(const struct ioloop *loop);

/* When a call begins that will be told of. */
uint64_t ioloop__call_clock(void);

/* It is over: its name as in the manual, the descriptor (-1: none) and what it returned, or -errno.
 */
void ioloop__note_call(struct ioloop *loop, const char *name, int fd, ptrdiff_t result,
                       uint64_t begun_ns);

#endif
