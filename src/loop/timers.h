/* SPDX-License-Identifier: MIT */
/*
 * timers.h - timeouts, in order of their deadline.
 *
 * A 4-ary heap of 16-byte entries that carry their key, so that a comparison touches no other
 * memory, over a pool of nodes that know their place in the heap, so that removing and moving need
 * no search. Four children per node share one or two cache lines and halve the depth of a binary
 * heap (LaMarca & Ladner, "The influence of caches on the performance of heaps", 1996).
 */
#ifndef IOLOOP_TIMERS_H
#define IOLOOP_TIMERS_H

#include "callbacks.h"
#include "ioloop/ioloop.h"

struct ioloop__timer_entry {
  uint64_t deadline;
  uint64_t order; /* sequence << 32 | node. The sequence of adding breaks ties; it wraps, and is
                   * right while equal deadlines are less than 2^31 additions apart. */
};

struct ioloop__timer_node {
  ioloop_callback_fn *fn;
  void *arg;
  uint64_t period;     /* 0: once */
  uint32_t generation; /* part of the handle; changes when the node is freed; never 0 */
  uint32_t position;   /* in the heap, or one of the values in timers.c; free: as free_node */
};

/* A timeout whose time has come, waiting for its call. */
struct ioloop__timer_due {
  ioloop_timeout timeout;
  uint64_t deadline;
};

struct ioloop__timers {
  struct ioloop__timer_entry *heap;
  struct ioloop__timer_node *nodes;
  struct ioloop__timer_due *due; /* those that one phase calls; as large as the heap, so that
                                  * firing allocates nothing */
  uint32_t count;                /* in the heap */
  uint32_t capacity;             /* of all three arrays */
  uint32_t used;                 /* nodes that were ever in use; those behind are not initialised */
  uint32_t collected, called;    /* of `due`: in the phase under way */
  uint32_t free_node;            /* first of the free list, plus one; 0: none */
  uint32_t sequence;
};

/* -ENOMEM. */
int ioloop__timers_add(struct ioloop__timers *timers, uint64_t deadline, uint64_t period,
                       ioloop_callback_fn *fn, void *arg, ioloop_timeout *ret);
/* Both -ENOENT for a stale handle. */
int ioloop__timers_update(struct ioloop__timers *timers, ioloop_timeout timeout, uint64_t deadline);
int ioloop__timers_remove(struct ioloop__timers *timers, ioloop_timeout timeout);

/* Take what is due at `now` from the heap into timers->due, in order. Returns how many. */
uint32_t ioloop__timers_collect(struct ioloop__timers *timers, uint64_t now);

/* Take a collected timeout for its call; false if it has been removed or moved since. A one-shot
 * timeout is freed by this; a periodic one (its period is stored in *period, else 0) must be passed
 * to timers_again after its call. */
bool ioloop__timers_take(struct ioloop__timers *timers, ioloop_timeout timeout,
                         struct ioloop__call *call, uint64_t *period);

/* Schedule a periodic timeout's next turn, the first after `now` in its phase, unless it was
 * removed or moved inside its function. `done` is the turn that it was called for. */
void ioloop__timers_again(struct ioloop__timers *timers, struct ioloop__timer_due done,
                          uint64_t now);

/* After a phase that did not come to its end, because an exception passed through it: those that
 * were not called are due again, and a periodic one that was goes on. */
void ioloop__timers_put_back(struct ioloop__timers *timers);

void ioloop__timers_free(struct ioloop__timers *timers);

#endif
