/* SPDX-License-Identifier: MIT */
/*
 * poll.c - hand the kernel a list, and it looks at every entry (POSIX.1-2001; poll(2), ppoll(2)).
 *
 * poll takes an array of {descriptor, wanted, found}. The kernel asks each file once whether it is
 * ready; if none is, it sleeps on all of their wait queues at once, and asks all again when one of
 * them wakes it. So a call costs O(registered), ready or not: about 0.1 us each on today's
 * machines, which is nothing with ten descriptors and everything with ten thousand. poll repaired
 * what select(2) made worse: no bitmaps, no limit of 1024, and the found events in a field of their
 * own, so that the array can be used again as it is.
 *
 * One wait is one call over all descriptors; changes of interest are made in the array (pollset.c)
 * and cost no call. The array is the whole state, and it is ours: no descriptor is ever left behind
 * in a kernel object. That makes poll the model that is hardest to get wrong.
 *
 * Surprises
 *   - A closed descriptor is not an error of the call but an event, POLLNVAL, that never goes away.
 *     It is reported to the core, which drops the registration.
 *   - POLLERR and POLLHUP come whether asked for or not: an entry without interest must leave the
 *     array, or a dead peer makes the loop spin.
 *   - The count may not exceed the soft RLIMIT_NOFILE (EINVAL), which a program can lower. select
 *     answers in its place then: select.c.
 *   - poll counts milliseconds, ppoll (Linux 2.6.16, FreeBSD; POSIX.1-2024) nanoseconds; macOS has
 *     only poll.
 *   - Regular files and /dev/null are always "ready". They are refused at add, so that all models
 *     agree.
 *   - Part of the cost can be avoided by clever use: the variant poll:probing (probing.h).
 */
#include "pollset.h"
#include "probing.h"

struct state {
  struct ioloop__pollset set;
  struct ioloop__probing probing;
};

/* The model. */
static int poll_range(void *state, uint32_t from, uint32_t count, uint64_t timeout_ns) {
  struct state *s = state;
  int n = ioloop__poll_ns(s->set.loop, s->set.fds + from, count, timeout_ns);
  return ioloop__pollset_answer(&s->set, from, count, n);
}

static int poll_all(struct ioloop__pollset *set, uint64_t timeout_ns) {
  return poll_range(set, 0, set->count, timeout_ns);
}

static int poll_probing(struct ioloop__pollset *set, uint64_t timeout_ns) {
  struct state *s = (struct state *)set;
  return ioloop__probing_wait(&s->probing, set->count, set->served, timeout_ns, poll_range, s);
}

static int init(struct ioloop *loop, void *state, const char *variant) {
  ioloop__pollset_init(state, loop, variant ? poll_probing : poll_all);
  return 0;
}

const struct ioloop_backend ioloop__poll = {
    .name = "poll",
    .features = IOLOOP__POLL_FEATURES,
    .state_size = sizeof(struct state),
    .slot_size = sizeof(struct ioloop__place),
    .variants = ioloop__probing_variants,
    .init = init,
    .fini = ioloop__pollset_fini,
    .modify = ioloop__pollset_modify,
    .wait = ioloop__pollset_wait,
    .after_fork = ioloop__pollset_fini, /* there is nothing but memory */
};
