/* SPDX-License-Identifier: MIT */
/*
 * observe.h - the single interface through which streams and backends report what they do.
 *
 *     uint64_t begun = ioloop__call_begins(loop);
 *     ssize_t n = read(fd, data, size);
 *     ioloop__call_ended(loop, "read", fd, n < 0 ? -errno : n, begun);
 *
 * Each system call that waits, accepts, receives or sends is wrapped like this. With no observer
 * set, the cost is at most two tests, and no clock is read: eight instructions around recv, two
 * around epoll_wait, where the compiler joins the tests. Operations by completion report their
 * start and their result: ioloop__op_started and ioloop__op_done (completion.h).
 */
#ifndef IOLOOP_OBSERVE_H
#define IOLOOP_OBSERVE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform.h"

struct ioloop;

/* The first member of every loop. */
struct ioloop__observed {
  bool calls, operations; /* whether a hook is set for them */
};

static inline const struct ioloop__observed *ioloop__observed(const struct ioloop *loop) {
  return (const struct ioloop__observed *)loop;
}

/* observe.c */
void ioloop__note_call(struct ioloop *loop, const char *name, int fd, ptrdiff_t result,
                       uint64_t begun);
/* Returns the number of the current observer; a later observer does not get the end of an operation
 * whose beginning it did not see. */
uint32_t ioloop__note_submitted(struct ioloop *loop, const char *name, int fd, size_t size);
void ioloop__note_completed(struct ioloop *loop, uint32_t observer, const char *name, int fd,
                            int result, bool more);

/* The time at which the call begins, for ioloop__call_ended. 0: no observer. */
static inline uint64_t ioloop__call_begins(const struct ioloop *loop) {
  return __builtin_expect(ioloop__observed(loop)->calls, false) ? ioloop__now() : 0;
}

/* The call has returned: its name as in the manual, the descriptor (-1: none), and the result or
 * -errno. An observer may change errno. */
static inline void ioloop__call_ended(struct ioloop *loop, const char *name, int fd,
                                      ptrdiff_t result, uint64_t begun) {
  if (__builtin_expect(begun != 0, false))
    ioloop__note_call(loop, name, fd, result, begun);
}

/* The same for a call that returns -1 and sets errno. Returns its result, or -errno. */
static inline int ioloop__call_returned(struct ioloop *loop, const char *name, int fd,
                                        ptrdiff_t result, uint64_t begun) {
  if (result < 0)
    result = -errno;
  ioloop__call_ended(loop, name, fd, result, begun);
  return (int)result;
}

#endif
