/* SPDX-License-Identifier: MIT */
/*
 * backoff.c - when a worker that died is started again.
 */
#include "server/supervision/workers.h"

#include "tap.h"

TEST(1, "at once the first time, then 100 ms, then twice as long each time, 5 s at most") {
  static const uint64_t expected[] = {0,        MS(100),  MS(200),  MS(400),  MS(800),
                                      MS(1600), MS(3200), MS(5000), MS(5000), MS(5000)};
  struct backoff backoff = {0};
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
    CHECK_IS(backoff_delay(&backoff, MS(1)), ==, expected[i]);
}

TEST(2, "one that lived 10 s is healthy: the delays start over") {
  struct backoff backoff = {0};
  for (int i = 0; i < 5; i++)
    backoff_delay(&backoff, 0);
  CHECK_IS(backoff_delay(&backoff, MS(9999)), ==, MS(1600));
  CHECK_IS(backoff_delay(&backoff, MS(10000)), ==, 0);
  CHECK_IS(backoff_delay(&backoff, MS(0)), ==, MS(100));
  CHECK_IS(backoff_delay(&backoff, UINT64_MAX), ==, 0);
}

TEST(3, "each has its own") {
  struct backoff one = {0}, other = {0};
  backoff_delay(&one, 0);
  CHECK_IS(backoff_delay(&one, 0), ==, MS(100));
  CHECK_IS(backoff_delay(&other, 0), ==, 0);
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
