/* SPDX-License-Identifier: MIT */
/* request.c - schedules, messages, and rings of planned times; see request.h. */
#include "request.h"

#include <stdlib.h>
#include <string.h>

/* ---- the schedule -------------------------------------------------------------------------- */

void schedule_begin(struct schedule *schedule, bool poisson, double rate, uint64_t start_ns,
                    uint64_t seed) {
  *schedule = (struct schedule){.poisson = poisson, .rate = rate, .start_ns = start_ns};
  random_seed(&schedule->random, seed);
  if (poisson)
    schedule->offset_ns = random_exponential(&schedule->random, 1e9 / rate);
}

uint64_t schedule_due(const struct schedule *schedule) {
  double room = (double)(UINT64_MAX - schedule->start_ns);
  return schedule->offset_ns < room / 2 ? schedule->start_ns + (uint64_t)schedule->offset_ns
                                        : UINT64_MAX;
}

/* Constant: computed from the count, so that rounding errors do not add up, and exactly rate x
 * duration requests are due in a duration. */
void schedule_advance(struct schedule *schedule) {
  schedule->count++;
  if (schedule->poisson)
    schedule->offset_ns += random_exponential(&schedule->random, 1e9 / schedule->rate);
  else
    schedule->offset_ns = (double)schedule->count * 1e9 / schedule->rate;
}

uint64_t schedule_left(const struct schedule *schedule, uint64_t end_ns) {
  uint64_t due_ns = schedule_due(schedule);
  if (due_ns >= end_ns)
    return 0;
  return 1 + (uint64_t)((double)(end_ns - 1 - due_ns) * schedule->rate / 1e9);
}

/* ---- messages ------------------------------------------------------------------------------ */

void message_pattern_make(struct message_pattern *pattern, uint64_t seed) {
  struct random random;
  random_seed(&random, seed);
  for (size_t i = 0; i < sizeof pattern->bytes; i += sizeof(uint64_t)) {
    size_t left = sizeof pattern->bytes - i;
    uint64_t bytes = random_next(&random);
    memcpy(pattern->bytes + i, &bytes, left < sizeof bytes ? left : sizeof bytes);
  }
}

uint64_t message_number(const unsigned char *message) {
  uint64_t number;
  memcpy(&number, message, sizeof number);
  return number;
}

/* The bytes after the number of this message. */
static inline const unsigned char *piece(const struct message_pattern *pattern, uint64_t number) {
  return pattern->bytes + number % MESSAGE_PIECES;
}

void message_build(const struct message_pattern *pattern, uint64_t number, unsigned char *to,
                   size_t size) {
  memcpy(to, &number, sizeof number);
  memcpy(to + MESSAGE_NUMBER_SIZE, piece(pattern, number), size - MESSAGE_NUMBER_SIZE);
}

bool message_matches(const struct message_pattern *pattern, uint64_t number, size_t offset,
                     const unsigned char *bytes, size_t size) {
  if (offset < MESSAGE_NUMBER_SIZE) {
    const unsigned char *expected = (const unsigned char *)&number;
    size_t left = MESSAGE_NUMBER_SIZE - offset, count = size < left ? size : left;
    if (memcmp(bytes, expected + offset, count) != 0)
      return false;
    bytes += count;
    offset += count;
    size -= count;
  }
  return size == 0 ||
         memcmp(bytes, piece(pattern, number) + offset - MESSAGE_NUMBER_SIZE, size) == 0;
}

size_t message_difference(const struct message_pattern *pattern, uint64_t number, size_t offset,
                          const unsigned char *bytes, size_t size, unsigned char *expected) {
  unsigned char whole[MESSAGE_MAX_SIZE];
  size_t at = 0, end = offset + size;
  message_build(pattern, number, whole, end > MESSAGE_NUMBER_SIZE ? end : MESSAGE_NUMBER_SIZE);
  while (at + 1 < size && bytes[at] == whole[offset + at])
    at++;
  *expected = whole[offset + at];
  return offset + at;
}

/* ---- the ring ------------------------------------------------------------------------------ */

int flight_init(struct flight *flight, uint64_t count) {
  size_t size = 1;
  while (size < count && size <= SIZE_MAX / 2)
    size *= 2;
  if (size < count)
    return -ENOMEM;
  *flight = (struct flight){.planned_ns = calloc(size, sizeof(uint64_t)), .mask = size - 1};
  return flight->planned_ns ? 0 : -ENOMEM;
}

void flight_free(struct flight *flight) {
  free(flight->planned_ns);
  flight->planned_ns = NULL;
}

int flight_grow(struct flight *flight) {
  struct flight larger;
  if (flight_init(&larger, 2 * (flight->mask + 1)) < 0)
    return -ENOMEM;
  for (uint64_t i = flight->first; i != flight->next; i++)
    larger.planned_ns[i & larger.mask] = flight->planned_ns[i & flight->mask];
  larger.first = flight->first;
  larger.next = flight->next;
  flight_free(flight);
  *flight = larger;
  return 0;
}

uint64_t flight_take(struct flight *flight, uint64_t number) {
  if (number - flight->first >= flight->next - flight->first)
    return 0;
  uint64_t *slot = &flight->planned_ns[number & flight->mask];
  uint64_t planned_ns = *slot;
  *slot = 0;
  while (!flight_is_empty(flight) && flight->planned_ns[flight->first & flight->mask] == 0)
    flight->first++;
  return planned_ns;
}
