/* SPDX-License-Identifier: MIT */
/*
 * probe.h - when poll and select look before they wait.
 *
 * A call that may block queues itself on the wait queue of every descriptor before it sees that
 * one is ready, and takes itself off again; a call that may not block only looks. So while there is
 * traffic we look first, and block only if nothing was there. A look in vain costs a call over the
 * whole set, though: where that is the rule (one busy connection that waits for our answer) looks
 * become rare, and for a few descriptors the queueing is cheaper than any second call.
 */
#ifndef IOLOOP_PROBE_H
#define IOLOOP_PROBE_H

#include <stdbool.h>
#include <stdint.h>

struct ioloop__probe {
  bool traffic;   /* the last wait found something */
  uint8_t pause;  /* waits to go before the next look */
  uint8_t next;   /* how long the pause after a look in vain is */
  uint8_t pieces; /* looks in pieces to go before the next at all */
};

static inline bool ioloop__probe_due(struct ioloop__probe *probe) {
  if (!probe->traffic)
    return false;
  if (probe->pause == 0)
    return true;
  probe->pause--;
  return false;
}

static inline void ioloop__probe_done(struct ioloop__probe *probe, bool in_vain) {
  probe->next = in_vain ? (uint8_t)(probe->next < 31 ? 2 * probe->next + 1 : 31) : 0;
  probe->pause = probe->next;
}

/*
 * Whether a look asks about all at once, or about a piece after the other until one has somebody.
 * Pieces are cheaper where few are ready, for a call does not end at the first that is; where many
 * are, each call should find as many as it can. Looks at all tell which it is; of those in pieces
 * every 64th is one.
 */
static inline bool ioloop__probe_whole(struct ioloop__probe *probe) {
  if (probe->pieces == 0)
    return true;
  probe->pieces--;
  return false;
}

/* A look at all of `count` has found so many; `piece` is the cost of asking a piece, as a part of
 * that. */
static inline void ioloop__probe_found(struct ioloop__probe *probe, uint32_t found, uint32_t count,
                                       uint32_t piece) {
  probe->pieces = found && found < count / piece ? 63 : 0;
}

#endif
