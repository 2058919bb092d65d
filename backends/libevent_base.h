/* SPDX-License-Identifier: MIT */
/* libevent_base.h - making libevent's bases; see libevent_base.c. */
#ifndef IOLOOP_LIBEVENT_BASE_H
#define IOLOOP_LIBEVENT_BASE_H

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

/* Of a call of libevent that has failed. It sets errno where a system call failed; else memory was
 * short. Set errno to 0 before the call. */
static inline int ioloop__libevent_error(void) {
  return errno ? -errno : -ENOMEM;
}

/* Without room for its pair for signals libevent calls exit. So four descriptors are opened and
 * closed first: as many as its pair, its set and the witness need. false: errno says why. */
bool ioloop__libevent_has_room(void);

/* A base on `method`, or on libevent's own choice. NULL: errno says why; 0: libevent was built
 * without the method. */
struct event_base *ioloop__libevent_new_base(const char *method);

/* event_reinit ends the process if it lacks descriptors or memory for a new set. A new base, which
 * needs as much and more, is tried out. */
bool ioloop__libevent_can_reinit(const struct event_base *base);

/* Can libevent be used, on this method? As in backend.h. */
extern const char *const ioloop__libevent_variants[];
int ioloop__libevent_probe(const char *method, char *reason, size_t reason_size);

#endif
