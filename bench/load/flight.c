/* SPDX-License-Identifier: MIT */
/* flight.c - see flight.h. */
#include "flight.h"

#include <stdlib.h>

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
