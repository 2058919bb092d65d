/* SPDX-License-Identifier: MIT */
/*
 * failing.h - system calls that fail on demand, as they do if the kernel is short of memory. The
 * functions replace the C library's, for the library under test as for libevent; liburing makes its
 * system calls itself and is not affected.
 */
#ifndef FAILING_H
#define FAILING_H

enum failing {
  FAILING_WAITS,    /* poll, ppoll, select, epoll_wait */
  FAILING_HINTS,    /* sigtimedwait, epoll_wait that does not wait */
  FAILING_CHANGES,  /* epoll_ctl */
  FAILING_SETS,     /* epoll_create1 */
  FAILING_SENDS,    /* send */
  FAILING_RECEIVES, /* recv */
  FAILING_KINDS,
};

/* The next `count` calls of that kind fail with `error`. */
void failing_next(enum failing kind, int count, int error);

/* The number that have failed since. */
int failing_count(enum failing kind);

#endif
