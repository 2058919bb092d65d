/* SPDX-License-Identifier: MIT */
/*
 * schedule.c - when the requests of an open loop are due.
 */
#include "load/schedule.h"

#include <math.h>

#include "tap.h"

enum {
  CONSTANT = false,
  POISSON = true,
};

static struct schedule begun(bool poisson, double rate, uint64_t start_ns, uint64_t seed) {
  struct schedule schedule;
  schedule_begin(&schedule, poisson, rate, start_ns, seed);
  return schedule;
}

static uint64_t take(struct schedule *schedule) {
  uint64_t due_ns = schedule_due(schedule);
  schedule_advance(schedule);
  return due_ns;
}

static uint64_t count_before(struct schedule *schedule, uint64_t end_ns) {
  uint64_t count = 0;
  while (schedule_due(schedule) < end_ns) {
    schedule_advance(schedule);
    count++;
  }
  return count;
}

TEST(1, "constant: the first at once, then one each interval") {
  struct schedule schedule = begun(CONSTANT, 1000, SECONDS(7), 1);
  for (uint64_t i = 0; i < 5000; i++)
    CHECK_IS(take(&schedule), ==, SECONDS(7) + MS(i));
}

TEST(2, "constant: rate x duration requests, also where the interval is no whole number") {
  static const double rates[] = {1, 3, 7, 1000, 33333, 99999, 123457, 999983};
  for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
    struct schedule schedule = begun(CONSTANT, rates[i], SECONDS(1000), 1);
    for (int second = 1; second <= 3; second++) {
      uint64_t end_ns = SECONDS(1000) + SECONDS(second);
      CHECK_IS(schedule_left(&schedule, end_ns), ==, rates[i]);
      CHECK_IS(count_before(&schedule, end_ns), ==, rates[i]);
    }
  }
}

TEST(3, "constant: a later request is never planned earlier") {
  struct schedule schedule = begun(CONSTANT, 7777777, 12345, 1);
  for (uint64_t i = 0, before = 0; i < 1000000; i++) {
    uint64_t due_ns = take(&schedule);
    CHECK(due_ns >= before);
    CHECK_IS(due_ns, ==, 12345 + (uint64_t)((double)i * 1e9 / 7777777));
    before = due_ns;
  }
}

TEST(4, "Poisson: the same seed gives the same schedule, another one another") {
  struct schedule one = begun(POISSON, 5000, MS(3), 42);
  struct schedule same = begun(POISSON, 5000, MS(3), 42);
  struct schedule other = begun(POISSON, 5000, MS(3), 43);
  uint64_t equal = 0;
  for (int i = 0; i < 1000; i++) {
    uint64_t due_ns = take(&one);
    CHECK_IS(due_ns, ==, take(&same));
    equal += due_ns == take(&other);
  }
  CHECK_IS(equal, <, 10);
}

/* In a Poisson process the count in an interval has a variance equal to its mean, and the share of
 * gaps longer than t means is e^-t. Seeds are fixed: whether the limits, 5 standard deviations, are
 * met does not change from run to run. */
TEST(5, "Poisson: as many as the rate demands, with exponential gaps") {
  const double rate = 10000;
  struct schedule schedule = begun(POISSON, rate, SECONDS(1), 7);
  uint64_t count = 0, longer[4] = {0}, before_ns = SECONDS(1), end_ns = SECONDS(101);
  for (uint64_t due_ns; (due_ns = take(&schedule)) < end_ns; before_ns = due_ns, count++)
    for (uint64_t t = 1; t < 4; t++)
      longer[t] += (double)(due_ns - before_ns) > (double)t * 1e9 / rate;
  double mean = rate * 100;
  CHECK(fabs((double)count - mean) < 5 * sqrt(mean));
  for (int t = 1; t < 4; t++) {
    double share = exp(-t), expected = (double)count * share;
    CHECK(fabs((double)longer[t] - expected) < 5 * sqrt(expected * (1 - share)));
  }
}

TEST(6, "Poisson: counts of a millisecond scatter as much as they are large") {
  struct schedule schedule = begun(POISSON, 20000, 0, 11);
  double sum = 0, squares = 0;
  const int slices = 10000;
  for (int i = 1; i <= slices; i++) {
    double count = (double)count_before(&schedule, MS(i));
    sum += count;
    squares += count * count;
  }
  double mean = sum / slices, variance = squares / slices - mean * mean;
  CHECK(mean > 19.5 && mean < 20.5);
  CHECK(variance > 18 && variance < 22);
}

TEST(7, "a rate of almost nothing is due beyond any clock, not before it") {
  struct schedule schedule = begun(CONSTANT, 1e-12, SECONDS(5), 1);
  CHECK_IS(take(&schedule), ==, SECONDS(5));
  CHECK(schedule_due(&schedule) > SECONDS(1000000000));
  CHECK_IS(schedule_left(&schedule, SECONDS(1000000)), ==, 0);
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
