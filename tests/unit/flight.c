/* SPDX-License-Identifier: MIT */
/*
 * flight.c - requests under way: in order, out of order, and more than there was room for.
 */
#include "load/flight.h"

#include "tap.h"

TEST(1, "items are popped in the order of pushing, also when the ring grew in between") {
  struct flight flight;
  CHECK_OK(flight_init(&flight, 3));
  uint64_t pushed = 0, popped = 0;
  for (int round = 0; round < 1000; round++) {
    for (uint64_t n = tap_random_below(9); n > 0; n--)
      CHECK_OK(flight_push(&flight, ++pushed));
    for (uint64_t n = tap_random_below(9); n > 0 && !flight_is_empty(&flight); n--)
      CHECK_IS(flight_pop(&flight), ==, ++popped);
    CHECK_IS(flight.next - flight.first, ==, pushed - popped);
  }
  flight_free(&flight);
}

TEST(2, "out of order: each is taken once, and those never sent are not there") {
  struct flight flight;
  CHECK_OK(flight_init(&flight, 1));
  for (uint64_t i = 0; i < 100; i++)
    CHECK_OK(flight_push(&flight, 1000 + i));
  CHECK_IS(flight_take(&flight, 100), ==, 0);
  CHECK_IS(flight_take(&flight, UINT64_MAX), ==, 0);
  for (uint64_t i = 0; i < 100; i++) {
    uint64_t number = i * 37 % 100;
    CHECK_IS(flight_take(&flight, number), ==, 1000 + number);
    CHECK_IS(flight_take(&flight, number), ==, 0);
  }
  CHECK(flight_is_empty(&flight));
  flight_free(&flight);
}

TEST(3, "one that is lost keeps its place, however many come after it") {
  struct flight flight;
  CHECK_OK(flight_init(&flight, 4));
  CHECK_OK(flight_push(&flight, 7));
  for (uint64_t i = 1; i < 10000; i++) {
    CHECK_OK(flight_push(&flight, 7 + i));
    CHECK_IS(flight_take(&flight, i), ==, 7 + i);
  }
  CHECK_IS(flight.first, ==, 0);
  CHECK_IS(flight_take(&flight, 0), ==, 7);
  CHECK(flight_is_empty(&flight));
  flight_free(&flight);
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
