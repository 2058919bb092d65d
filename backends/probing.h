/* SPDX-License-Identifier: MIT */
/*
 * probing.h - poll:probing and select:probing: two ways to make an O(registered) call cheaper.
 *
 * Probe before you wait. A call that may block queues itself on the wait queue of every descriptor
 * before it sees that one is ready, and takes itself off again; with a timeout of 0 it only checks.
 * So while there is traffic the variants poll first, and block only if nothing was there. A poll
 * that finds nothing costs a call over the whole set, though. Where that is the rule (one busy
 * connection that waits for our answer) such polls become rare.
 *
 * Poll in pieces. A call checks its whole set, even when the first descriptor is ready. Where few
 * are ready, the poll is made of calls for a part of the set each, beginning behind the descriptor
 * that was reported last, until one finds something. Parts double, so that a fruitless round is a
 * few calls. Every descriptor is checked before any gets a second turn.
 *
 * This is a scheduler in front of the model, and a good one: in a ring of 1,000 pipes it hides that
 * poll is O(registered), as long as the next descriptor is near the last. That is why it is a
 * variant with a name of its own, and no part of poll and select.
 */
#ifndef IOLOOP_PROBING_H
#define IOLOOP_PROBING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ioloop__probing {
  bool traffic;   /* the last wait found something */
  uint8_t pause;  /* waits until the next poll ahead */
  uint8_t next;   /* length of the pause after a fruitless one */
  uint8_t pieces; /* polls in pieces until the next of the whole set */
};

/* Ask the kernel about [from, from + count): how many are ready, or -errno. */
typedef int ioloop__poll_range(void *state, uint32_t from, uint32_t count, uint64_t timeout_ns);

/* Wait for any of `count`; `served`: behind the one that was reported last. What the last
 * `poll_range` returned. */
int ioloop__probing_wait(struct ioloop__probing *probing, uint32_t count, uint32_t served,
                         uint64_t timeout_ns, ioloop__poll_range *poll_range, void *state);

/* Of a backend whose one variant this is. */
extern const char *const ioloop__probing_variants[];

#endif
