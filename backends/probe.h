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
  bool traffic;  /* the last wait found something */
  uint8_t pause; /* waits to go before the next look */
  uint8_t next;  /* how long the pause after a look in vain is */
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

#endif
