/* SPDX-License-Identifier: MIT */
/*
 * flight.h - the requests of one connection that wait for their echo.
 *
 * A ring of planned times, numbered 0, 1, 2 ... from the start of the connection: `first` to `next`
 * - 1 are under way. It grows when it is full. It soon reaches its final size, after which a
 * request allocates no memory. Times are above 0.
 */
#ifndef BENCH_FLIGHT_H
#define BENCH_FLIGHT_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

struct flight {
  uint64_t *planned_ns; /* 0: already taken, although not the first */
  uint64_t mask;        /* size - 1, a power of two */
  uint64_t first, next;
};

/* Room for `count` initially (1 or more). -ENOMEM. */
int flight_init(struct flight *flight, uint64_t count);
void flight_free(struct flight *flight);
/* Double the room. -ENOMEM; then nothing is lost. */
int flight_grow(struct flight *flight);

static inline bool flight_is_empty(const struct flight *flight) {
  return flight->first == flight->next;
}

/* Append a request. -ENOMEM. */
static inline int flight_push(struct flight *flight, uint64_t planned_ns) {
  if (flight->next - flight->first > flight->mask && flight_grow(flight) < 0)
    return -ENOMEM;
  flight->planned_ns[flight->next++ & flight->mask] = planned_ns;
  return 0;
}

/* Remove the first request, and return its planned time. Not for an empty flight. */
static inline uint64_t flight_pop(struct flight *flight) {
  return flight->planned_ns[flight->first++ & flight->mask];
}

/* The same for any request, in any order; 0: it is not under way. Not to be mixed with
 * flight_pop. */
uint64_t flight_take(struct flight *flight, uint64_t number);

#endif
