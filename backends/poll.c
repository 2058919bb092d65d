/* SPDX-License-Identifier: MIT */
/*
 * poll.c - hand the kernel a list, have it look at every entry (POSIX.1-2001; poll(2), ppoll(2)).
 *
 * poll takes an array of {descriptor, wanted, found}. It asks each file once, "are you ready?", and
 * if nobody is, sleeps on all of their wait queues at once; whoever wakes it up has it ask everyone
 * again. So a call costs O(registered), ready or not: about 0.1 us each on today's machines, which
 * nobody notices with ten descriptors and which is everything with ten thousand.
 * What select(2) made worse, poll repaired: no bitmaps, no limit of 1024, and the wanted and the
 * found events in fields of their own, so that the array can be used again as it is.
 *
 * The array is the whole state, and it is ours: no descriptor is ever left behind in a kernel
 * object, and close() needs no goodbye. That makes poll the model that is hardest to get wrong.
 *
 * Surprises
 *   - A call that may block is dearer than one that only looks, because it queues on everything
 *     first. While there is traffic it pays to look first: probe.h.
 *   - And a call looks at all, even when the first is ready. Where few are, the look before the
 *     wait is made of calls for a piece of the array each, from behind the one served last, until
 *     one finds somebody. Everybody is looked at before anybody's second turn.
 *   - A closed descriptor is no error of the call but an event, POLLNVAL, that never goes away. We
 *     tell the core, which drops the registration.
 *   - POLLERR and POLLHUP come whether asked for or not: an entry without interest must leave the
 *     array, or a dead peer spins the loop.
 *   - The count may not exceed the soft RLIMIT_NOFILE (EINVAL), which a program can lower. select
 *     answers in its place then: poll_by_select.c.
 *   - poll counts milliseconds. ppoll (Linux 2.6.16, FreeBSD; POSIX.1-2024) counts nanoseconds;
 *     macOS has none.
 *   - Regular files are "ready" always, /dev/null too. Refused at add, so that all models agree.
 */
#include <errno.h>

#include "pollset.h"

struct state {
  struct ioloop__pollset set;
};

static int init(struct ioloop *loop, void *state, const char *variant) {
  (void)variant;
  struct state *s = state;
  ioloop__pollset_init(&s->set, loop);
  return 0;
}

static void fini(struct ioloop *loop, void *state) {
  (void)loop;
  struct state *s = state;
  ioloop__pollset_free(&s->set);
}

static int modify(struct ioloop *loop, void *state, uint64_t token, unsigned old, unsigned now,
                  void *slot) {
  (void)loop;
  struct state *s = state;
  int fd = (int)(uint32_t)token;
  if (!now) {
    ioloop__pollset_remove(&s->set, slot);
    return 0;
  }
  if (old) {
    ioloop__pollset_change(&s->set, (short)now, slot);
    return 0;
  }
  int r = ioloop__check_fd(fd);
  return r ? r : ioloop__pollset_add(&s->set, fd, (short)now, slot);
}

static int wait_ready(struct ioloop *loop, void *state, uint64_t timeout_ns,
                      struct ioloop_ready *ready) {
  (void)loop;
  struct state *s = state;
  if (!s->set.left) {
    int r = ioloop__pollset_wait(&s->set, timeout_ns);
    if (r)
      return r;
  }
  return ioloop__pollset_report(&s->set, ready);
}

static int wait_observed(struct ioloop *loop, void *state, uint64_t timeout_ns,
                         struct ioloop_ready *ready) {
  struct state *s = state;
  s->set.observed = true;
  int n = wait_ready(loop, state, timeout_ns, ready);
  s->set.observed = false;
  return n;
}

const struct ioloop_backend ioloop__poll = {
    .name = "poll",
    .model = "multiplexing",
    .summary = "ppoll: an array of descriptors that the kernel looks through at each call",
    .features = IOLOOP__POLL_FEATURES,
    .state_size = sizeof(struct state),
    .slot_size = sizeof(struct ioloop__place),
    .init = init,
    .fini = fini,
    .modify = modify,
    .wait = wait_ready,
    .wait_observed = wait_observed,
    .after_fork = fini, /* nothing but memory */
};
