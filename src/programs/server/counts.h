/* SPDX-License-Identifier: MIT */
/*
 * counts.h - the server's counters, in memory that several threads or processes may share.
 *
 * Counters about the service are updated immediately, in memory that a worker shares with its
 * parent, so they survive a worker that is killed. Counters about the loop are copied here
 * periodically (stats.c). Each counter is atomic by itself: a reader never sees a torn value, but
 * two counters may be from slightly different moments.
 */
#ifndef SERVER_COUNTS_H
#define SERVER_COUNTS_H

#include <stdatomic.h>
#include <stdint.h>

enum counter {
  COUNT_ACCEPTED,
  COUNT_CLOSED,
  COUNT_FAILED, /* closed by an error */
  COUNT_TCP_RECORDS,
  COUNT_UDP_RECORDS,
  COUNT_BYTES, /* received */
  COUNT_ECHOED,
  COUNT_REPLY_DROPS,
  COUNT_KERNEL_DROPS,
  COUNT_ITERATIONS, /* the loop's counters, from here on */
  COUNT_WAKEUPS,
  COUNT_EVENTS,
  COUNT_SPURIOUS,
  COUNT_SIGNALS,
  COUNT_OVERFLOWS,
  COUNT_STARVED,
  COUNT_RESCUES,
  COUNT_SPINS,
  COUNT_SPIN_HITS,
  COUNTERS
};

struct counts {
  _Atomic uint64_t at[COUNTERS];
};

static inline uint64_t counts_get(const struct counts *counts, enum counter which) {
  return atomic_load_explicit(&counts->at[which], memory_order_relaxed);
}

static inline void counts_set(struct counts *counts, enum counter which, uint64_t value) {
  atomic_store_explicit(&counts->at[which], value, memory_order_relaxed);
}

/* For a counter that only one thread writes: a plain addition, without the locked bus cycle of the
 * other. */
static inline void counts_add(struct counts *counts, enum counter which, uint64_t more) {
  counts_set(counts, which, counts_get(counts, which) + more);
}

/* For a counter that several threads write. */
static inline void counts_add_shared(struct counts *counts, enum counter which, uint64_t more) {
  atomic_fetch_add_explicit(&counts->at[which], more, memory_order_relaxed);
}

#endif
