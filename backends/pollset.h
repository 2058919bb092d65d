/* SPDX-License-Identifier: MIT */
/*
 * pollset.h - the array that poll(2) takes, kept in an order that makes it cheap.
 *
 * Descriptors are packed; a slot knows its place in the array, so that adding, changing and
 * removing cost O(1). Four borders divide the array, and whoever changes sides is swapped with
 * the one at the border:
 *
 *      0        cursor        polled        hot           count
 *      | reported | to report | to be polled | not polled |
 *      `--- the snapshot -----'
 *      `------------- hot -------------------'--- cold ---'
 *
 * "Hot" are those that a wait polls. For poll(2) itself that is everyone. Models whose kernel
 * interface gives hints of change - signals, edges - keep those cold that were seen not ready and
 * from which a hint is expected: level-triggered readiness out of edges.
 *
 * The snapshot is what the last poll said. With more ready than the core takes at once, the next
 * wait reports from where the last one ended, without a system call and without anyone's second
 * turn. What is changed in between leaves the snapshot: its answer was to another question.
 */
#ifndef IOLOOP_POLLSET_H
#define IOLOOP_POLLSET_H

#include <poll.h>

#include "backend.h"
#include "probe.h"

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

struct ioloop__pollset {
  struct ioloop *loop;
  struct pollfd *fds;
  uint32_t capacity;
  uint32_t fixed; /* the backend's own descriptors, at the front; never moved, never reported */
  uint32_t cursor, polled, hot, count; /* the borders */
  uint32_t left;                       /* ready entries still to report */
  uint32_t look;                       /* where look begins: after the last that was reported */
  struct ioloop__probe probe;          /* for wait_all */
  bool observed; /* the wait under way tells of its calls: wait_observed of the backend */
};

/* ppoll, with the backends' timeouts: ready count or -errno. Goes on where the process has lowered
 * its RLIMIT_NOFILE below `count`: poll_by_select.c, which knows no ERROR. */
int ioloop__poll_ns(struct pollfd *fds, uint32_t count, uint64_t timeout_ns);
int ioloop__poll_by_select(struct pollfd *fds, uint32_t count, uint64_t timeout_ns);
/* The same, and tells. */
int ioloop__poll_observed(struct ioloop *loop, struct pollfd *fds, uint32_t count,
                          uint64_t timeout_ns);

void ioloop__pollset_init(struct ioloop__pollset *set, struct ioloop *loop);
void ioloop__pollset_free(struct ioloop__pollset *set);

/* One of the backend's own; before any other. 0 or -ENOMEM. */
int ioloop__pollset_add_fixed(struct ioloop__pollset *set, int fd);

/* Add to the hot ones; 0 or -ENOMEM. */
int ioloop__pollset_add(struct ioloop__pollset *set, int fd, short events,
                        struct ioloop__place *place);
void ioloop__pollset_change(struct ioloop__pollset *set, short events,
                            const struct ioloop__place *place);
void ioloop__pollset_remove(struct ioloop__pollset *set, struct ioloop__place *place);

/* Something says that the descriptor may be ready: make it hot. false: it is not in the set. The
 * number must be one that was registered at some time. */
bool ioloop__pollset_hint(struct ioloop__pollset *set, int fd);

/* Make cold what the snapshot saw not ready and is not pinned. Right after a poll_all. */
void ioloop__pollset_cool(struct ioloop__pollset *set);

/*
 * Take a new snapshot; `left` says how many are ready. 0, or -errno and there is no snapshot:
 * -EINTR too, which says nothing about anyone.
 *   poll_hot   of the hot ones; wait up to timeout_ns; those not ready become cold
 *   poll_all   of all; the cold ones found ready become hot, and *woken says how many they were
 *   wait_all   of all; with a probe before blocking. For sets without cold ones or mixed use
 *   wait       of all; with a probe before blocking that may ask about a piece after the other and
 *              end at the first that has someone ready. For sets without cold ones
 */
int ioloop__pollset_poll_hot(struct ioloop__pollset *set, uint64_t timeout_ns);
int ioloop__pollset_poll_all(struct ioloop__pollset *set, uint64_t timeout_ns, uint32_t *woken);
int ioloop__pollset_wait_all(struct ioloop__pollset *set, uint64_t timeout_ns);
int ioloop__pollset_wait(struct ioloop__pollset *set, uint64_t timeout_ns);

/* A snapshot without asking anyone: all are ready, for all that was asked for. */
void ioloop__pollset_presume_ready(struct ioloop__pollset *set);

/* Hand out what the snapshot has left, IOLOOP__MAX_READY at most; descriptors found closed are
 * given up. */
int ioloop__pollset_report(struct ioloop__pollset *set, struct ioloop_ready *ready);

/* POLLNVAL: is it closed? Then the core is told, the entry removed, and true returned. */
bool ioloop__pollset_gone(struct ioloop__pollset *set, int fd);

#endif
