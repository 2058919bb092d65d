/* SPDX-License-Identifier: MIT */
/*
 * counts.h - the server's counters, in memory that several threads or processes may share.
 *
 * Counters about the service are kept as things happen, so that they outlive a worker process
 * that is killed: they are in memory that it shares with its parent. Those about the loop are
 * copied here now and then (stats.c). Each is a number of its own: a reader sees none of them torn,
 * and may see one a moment before another.
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
  COUNT_ITERATIONS, /* from here on: the loop's */
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

/* Where one thread alone counts: a plain addition, without the bus lock of the other. */
static inline void counts_add(struct counts *counts, enum counter which, uint64_t more) {
  counts_set(counts, which, counts_get(counts, which) + more);
}

/* Where any of several threads may count. */
static inline void counts_add_shared(struct counts *counts, enum counter which, uint64_t more) {
  atomic_fetch_add_explicit(&counts->at[which], more, memory_order_relaxed);
}

#endif
