/* SPDX-License-Identifier: MIT */
/*
 * pollset.h - the array that poll(2) takes, and what the backends that use it share.
 *
 * Descriptors are packed. A slot knows its place in the array, so that adding, changing and
 * removing are O(1). Four borders divide the array; an entry that changes sides is swapped with
 * the one at the border:
 *
 *      0        cursor        polled        hot           count
 *      | reported | to report | to be polled | not polled |
 *      `--- the snapshot -----'
 *      `------------- hot -------------------'--- cold ---'
 *
 * "Hot" entries are those that a wait polls. For poll(2) itself all are hot. Models whose kernel
 * interface gives hints of change (signals, edges) keep an entry cold that was seen not ready and
 * from which a hint is expected: level-triggered readiness out of edges.
 *
 * The snapshot is the answer of the last poll. With more ready than the core takes at once, the
 * next wait reports the rest, without a system call. A change of interest takes an entry out of the
 * snapshot: the answer was to another question.
 *
 * A backend's state begins with its set. Then `wait` and `fini` can be the set's, and `modify` too
 * where the array is all there is to change. The model itself is the function `poll`.
 */
#ifndef IOLOOP_POLLSET_H
#define IOLOOP_POLLSET_H

#include <poll.h>

#include "backend.h"

#ifdef __APPLE__
#define IOLOOP__POLL_FEATURES 0 /* has no ppoll */
#else
#define IOLOOP__POLL_FEATURES IOLOOP_F_NS_TIMEOUT
#endif

/* Set in pollfd.events: stays hot although not ready. The kernel ignores it there. */
#define IOLOOP__PINNED POLLERR

/* What the backend keeps of each descriptor; the first member of its slot. */
struct ioloop__place {
  uint32_t index; /* in the array, plus one; 0: not in it */
};

struct ioloop__pollset;

/* Take a new snapshot, waiting up to timeout_ns. 0 or more; -errno: there is none (-EINTR too:
 * nothing was polled). */
typedef int ioloop__pollset_poll(struct ioloop__pollset *set, uint64_t timeout_ns);

struct ioloop__pollset {
  struct ioloop *loop;
  struct pollfd *fds;
  uint32_t capacity;
  uint32_t fixed; /* the backend's own descriptors, at the front; never moved, never reported */
  uint32_t cursor, polled, hot, count; /* the borders */
  uint32_t left;                       /* ready entries still to report */
  uint32_t served;                     /* behind the entry that was reported last */
  bool by_select; /* the snapshot is of select(2), which misses some hang-ups: none becomes cold */
  ioloop__pollset_poll *poll;
};

/* ppoll, with the backends' timeouts: ready count or -errno. Goes on where the process has lowered
 * its RLIMIT_NOFILE below `count`: by select.c, which never reports ERROR. */
int ioloop__poll_ns(struct ioloop *loop, struct pollfd *fds, uint32_t count, uint64_t timeout_ns);
int ioloop__poll_by_select(struct ioloop *loop, struct pollfd *fds, uint32_t count,
                           uint64_t timeout_ns);

void ioloop__pollset_init(struct ioloop__pollset *set, struct ioloop *loop,
                          ioloop__pollset_poll *poll);

/* ---- of struct ioloop_backend, for a state that begins with a set ---------------------- */

/* Report the rest of the snapshot; if there is none, take a new one first. */
int ioloop__pollset_wait(struct ioloop *loop, void *state, uint64_t timeout_ns,
                         struct ioloop_ready *ready, int capacity);
int ioloop__pollset_modify(struct ioloop *loop, void *state, uint64_t token, unsigned old,
                           unsigned now, void *slot);
/* Frees the array: for fini, and for after_fork where memory is all there is. */
void ioloop__pollset_fini(struct ioloop *loop, void *state);

/* ---- changes --------------------------------------------------------------------------- */

/* One of the backend's own; before any other. 0 or -ENOMEM. */
int ioloop__pollset_add_fixed(struct ioloop__pollset *set, int fd);

/* Add to the hot ones; 0 or -ENOMEM. */
int ioloop__pollset_add(struct ioloop__pollset *set, int fd, short events,
                        struct ioloop__place *place);
void ioloop__pollset_change(struct ioloop__pollset *set, short events,
                            const struct ioloop__place *place);
void ioloop__pollset_remove(struct ioloop__pollset *set, struct ioloop__place *place);

/* The descriptor may be ready: make it hot. false: it is not in the set. The
 * number must be one that was registered at some time. */
bool ioloop__pollset_hint(struct ioloop__pollset *set, int fd);

/* ---- for `poll` ------------------------------------------------------------------------ */

/* The snapshot is the answer of a poll of [from, from + count), which returned n: passed on. */
int ioloop__pollset_answer(struct ioloop__pollset *set, uint32_t from, uint32_t count, int n);

/* Make cold what the snapshot saw not ready and is not pinned. Right after a poll_all. */
void ioloop__pollset_cool(struct ioloop__pollset *set);

/* poll_hot: poll the hot ones; those not ready become cold.
 * poll_all: poll all; the cold ones found ready become hot. 0 or -errno. */
int ioloop__pollset_poll_hot(struct ioloop__pollset *set, uint64_t timeout_ns);
int ioloop__pollset_poll_all(struct ioloop__pollset *set, uint64_t timeout_ns);

/* A snapshot without a system call: all are ready, for all that is wanted. */
void ioloop__pollset_presume_ready(struct ioloop__pollset *set);

/* POLLNVAL: is it closed? Then the core drops it, the entry is removed, and true returned. */
bool ioloop__pollset_gone(struct ioloop__pollset *set, int fd);

#endif
