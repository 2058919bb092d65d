/* SPDX-License-Identifier: MIT */
/*
 * request.h - the life of a request: when it is due, what it contains, and that it is under way.
 */
#ifndef BENCH_REQUEST_H
#define BENCH_REQUEST_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "generator.h"
#include "results/statistics.h"

/* ---- when the requests of an open loop are due: planned in advance, whatever happens ------- */

struct schedule {
  bool poisson;
  double rate;
  uint64_t start_ns, count;
  double offset_ns; /* of the next request, from the start */
  struct random random;
};

/* Arrivals at `rate` (> 0) requests per second from `start_ns` on. Constant: the first at once,
 * then one per interval, without drift. Poisson: exponential gaps, the first one before the first
 * request. */
void schedule_begin(struct schedule *schedule, bool poisson, double rate, uint64_t start_ns,
                    uint64_t seed);

/* When the next one is due. Beyond any clock if the rate is very low. */
uint64_t schedule_due(const struct schedule *schedule);

/* Go on to the next one. */
void schedule_advance(struct schedule *schedule);

/* How many are due from the next one on and before `end_ns`, on average. */
uint64_t schedule_left(const struct schedule *schedule, uint64_t end_ns);

/* ---- the bytes of a request, and checking that its echo is identical ----------------------- */

/*
 * A message is its number (8 bytes, in this machine's order: only this machine reads it) and a
 * piece of a pattern of random bytes, a different piece for each number. So an echo with bytes
 * lost, duplicated or changed, or of another message, is detected. Any part of any message can be
 * generated again from its number, so that no sent data has to be kept until its echo arrives.
 */
enum {
  MESSAGE_NUMBER_SIZE = 8,
  MESSAGE_MAX_SIZE = GENERATOR_MAX_SIZE,
  MESSAGE_PIECES = 512, /* this many consecutive numbers have different patterns */
};

struct message_pattern {
  unsigned char bytes[MESSAGE_MAX_SIZE + MESSAGE_PIECES];
};

/* The same seed gives the same pattern. */
void message_pattern_make(struct message_pattern *pattern, uint64_t seed);

/* Message `number` in `to`, `size` bytes (MESSAGE_NUMBER_SIZE to MESSAGE_MAX_SIZE). */
void message_build(const struct message_pattern *pattern, uint64_t number, unsigned char *to,
                   size_t size);

/* Are these bytes `offset` to `offset + size` of message `number`? */
bool message_matches(const struct message_pattern *pattern, uint64_t number, size_t offset,
                     const unsigned char *bytes, size_t size);

/* The offset of the first difference, from the start of the message; and the right byte in
 * `expected`. Only if they do not match. */
size_t message_difference(const struct message_pattern *pattern, uint64_t number, size_t offset,
                          const unsigned char *bytes, size_t size, unsigned char *expected);

/* The number at the start of a message. */
uint64_t message_number(const unsigned char *message);

/* ---- the requests of one connection that wait for their echo ------------------------------- */

/*
 * A ring of planned times, numbered 0, 1, 2 ... from the start of the connection: `first` to `next`
 * - 1 are under way. It grows when it is full. It soon reaches its final size, after which a
 * request allocates no memory. Times are above 0.
 */
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
