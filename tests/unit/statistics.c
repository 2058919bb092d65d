/* SPDX-License-Identifier: MIT */
/*
 * statistics.c - the lab's estimates from a handful of rounds, compared with known results.
 */
#include "results/statistics.h"

#include <math.h>

#include "tap.h"

enum {
  REPETITIONS = 1000,
  ROUNDS_MAX = 30
};

static bool near(double value, double expected, double distance) {
  NOTE("%g, expected %g", value, expected);
  return fabs(value - expected) <= distance;
}

static bool same(struct estimate a, struct estimate b) {
  return a.median == b.median && a.low == b.low && a.high == b.high;
}

/* ---- medians and intervals ---------------------------------------------------------------- */

TEST(1, "the median of odd and even numbers of values, NaN left out") {
  CHECK(median_of((double[]){3, 1, 2}, 3) == 2);
  CHECK(median_of((double[]){4, 1, 3, 2}, 4) == 2.5);
  CHECK(median_of((double[]){NAN, 4, NAN, 6}, 4) == 5);
  CHECK(isnan(median_of((double[]){NAN, NAN}, 2)));
  CHECK(isnan(median_of(NULL, 0)));
}

TEST(1, "no number: no estimate") {
  struct estimate estimate = estimate_median((double[]){NAN, NAN, NAN}, 3, FEWEST_TIMED);
  CHECK(isnan(estimate.median) && isnan(estimate.low) && isnan(estimate.high));
  CHECK(!estimate_resolved(estimate));
}

TEST(1, "three to five values: the interval is from the smallest to the largest") {
  const double values[] = {5, 1, 4, 2, 3};
  for (size_t count = 3; count <= 5; count++) {
    struct estimate estimate = estimate_median(values, count, FEWEST_TIMED);
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < count; i++) {
      low = fmin(low, values[i]);
      high = fmax(high, values[i]);
    }
    CHECK(estimate.low == low && estimate.high == high);
    CHECK(estimate.median == median_of(values, count));
  }
}

/* The only valid round of five must not look like the most certain figure of all. */
TEST(1, "one or two values have a median and no interval, and resolve nothing") {
  const double values[] = {5, NAN, NAN, 1, NAN}, ones[] = {1, 1, 1, 1, 1};
  for (size_t count = 1; count <= 4; count += 3) {
    struct estimate estimate = estimate_median(values, count, FEWEST_TIMED);
    CHECK(estimate.median == median_of(values, count));
    CHECK(isnan(estimate.low) && isnan(estimate.high));
    CHECK(estimate_ratio(values, ones, count, FEWEST_TIMED).median == estimate.median);
    CHECK(!estimate_resolved(estimate_ratio(values, ones, count, FEWEST_TIMED)));
  }
}

TEST(1, "a counted figure needs one value, which is the interval") {
  const double values[] = {5, NAN}, baseline[] = {2, NAN};
  struct estimate estimate = estimate_median(values, 2, FEWEST_COUNTED);
  CHECK(estimate.median == 5 && estimate.low == 5 && estimate.high == 5);
  estimate = estimate_ratio(values, baseline, 2, FEWEST_COUNTED);
  CHECK(estimate.median == 2.5 && estimate_resolved(estimate));
  CHECK(isnan(estimate_median(values + 1, 1, FEWEST_COUNTED).median));
  CHECK(isnan(estimate_median(values, 0, FEWEST_COUNTED).low));
}

/* One round that was spoiled by another guest of the host. */
TEST(1, "an outlier among nine values does not reach the interval") {
  const double values[] = {10, 11, 12, 13, 14, 15, 16, 17, 100000};
  struct estimate estimate = estimate_median(values, 9, FEWEST_TIMED);
  CHECK(estimate.median == 14);
  CHECK(estimate.low == 11 && estimate.high == 17);
}

TEST(1, "a round that failed counts as none") {
  const double all[] = {3, NAN, 1, 4, NAN, 1, 5, 9, 2}, rest[] = {3, 1, 4, 1, 5, 9, 2};
  CHECK(same(estimate_median(all, 9, FEWEST_TIMED), estimate_median(rest, 7, FEWEST_TIMED)));
}

/* Skewed, as latencies are; the median of the distribution is known: ln 2. */
static unsigned per_mille_covered(size_t rounds, size_t repetitions) {
  size_t covered = 0;
  struct random random;
  random_seed(&random, rounds);
  for (size_t i = 0; i < repetitions; i++) {
    double values[ROUNDS_MAX];
    for (size_t k = 0; k < rounds; k++)
      values[k] = random_exponential(&random, 1);
    struct estimate estimate = estimate_median(values, rounds, FEWEST_TIMED);
    CHECK(estimate.low <= estimate.median && estimate.median <= estimate.high);
    covered += estimate.low <= log(2) && log(2) <= estimate.high;
  }
  NOTE("%zu rounds: %zu of %zu intervals have the true median", rounds, covered, repetitions);
  return (unsigned)(covered * 1000 / repetitions);
}

TEST(2, "an interval has the true median as often as its coverage says") {
  const size_t rounds[] = {3, 4, 5, 6, 7, 8, 9, 15, 25};
  for (size_t i = 0; i < sizeof rounds / sizeof *rounds; i++) {
    double covered = per_mille_covered(rounds[i], REPETITIONS) / 1000.0;
    CHECK(near(covered, estimate_coverage(rounds[i], FEWEST_TIMED), 0.045));
  }
}

TEST(2, "its coverage is exact: 1 - 2^(1 - n) of the range, binomial without the ends") {
  CHECK(near(estimate_coverage(3, FEWEST_TIMED), 0.75, 1e-9));
  CHECK(near(estimate_coverage(6, FEWEST_TIMED), 1 - 1.0 / 32, 1e-9));
  CHECK(near(estimate_coverage(9, FEWEST_TIMED), 1 - 20.0 / 512, 1e-9));
  CHECK_IS(estimate_left_out(8), ==, 0);
  CHECK_IS(estimate_left_out(9), ==, 1);
  CHECK(estimate_coverage(0, FEWEST_TIMED) <= 0 && estimate_coverage(2, FEWEST_TIMED) <= 0);
}

TEST(2, "from six rounds on, no interval covers less than 95 %") {
  for (size_t rounds = 6; rounds <= 1000; rounds++)
    CHECK(estimate_coverage(rounds, FEWEST_TIMED) >= 0.95);
}

/* ---- ratios ---------------------------------------------------------------------------------- */

TEST(4, "a ratio is taken round by round, so that a slow round slows both") {
  const double values[] = {2, 20, 2.2, 200, 2.1}, baseline[] = {1, 10, 1.1, 100, 1.05};
  struct estimate estimate = estimate_ratio(values, baseline, 5, FEWEST_TIMED);
  CHECK(near(estimate.median, 2, 1e-9));
  CHECK(near(estimate.low, 2, 1e-9) && near(estimate.high, 2, 1e-9));
  CHECK(estimate_resolved(estimate));
}

TEST(4, "pairs without a number or with a baseline of 0 are left out") {
  const double values[] = {NAN, 3, 3, 0, 3, 6, 9}, baseline[] = {1, NAN, 2, 0, 0, 4, 6};
  struct estimate estimate = estimate_ratio(values, baseline, 7, FEWEST_TIMED);
  CHECK(estimate.median == 1.5 && estimate.low == 1.5 && estimate.high == 1.5);
  CHECK(isnan(estimate_ratio(values, baseline, 2, FEWEST_TIMED).median));
}

TEST(4, "an interval that has 1 in it or at its end is not resolved") {
  CHECK(!estimate_resolved((struct estimate){1.1, 0.9, 1.2, 0.97}));
  CHECK(!estimate_resolved((struct estimate){1.1, 1.0, 1.2, 0.97}));
  CHECK(!estimate_resolved((struct estimate){0.9, 0.8, 1.0, 0.97}));
  CHECK(estimate_resolved((struct estimate){1.1, 1.01, 1.2, 0.97}));
  CHECK(estimate_resolved((struct estimate){0.9, 0.8, 0.99, 0.97}));
}

TEST(5, "runs of different lengths are compared by all quotients") {
  const double now[] = {20, 21, 22, 19, 20}, before[] = {10, 10, 11, 9, 10, 10, 10};
  struct estimate estimate = estimate_ratio_of_medians(now, 5, before, 7, FEWEST_TIMED);
  CHECK(near(estimate.median, 2, 1e-9));
  CHECK(estimate.low > 1.6 && estimate.high < 2.5);
  CHECK(estimate.coverage >= 0.95);
}

TEST(5, "with fewer than three values on a side a quotient has no interval; none has no estimate") {
  const double fours[] = {4, 4, 4}, twos[] = {2, 2, 2}, zero = 0;
  struct estimate estimate = estimate_ratio_of_medians(fours, 3, twos, 2, FEWEST_TIMED);
  CHECK(estimate.median == 2 && isnan(estimate.low) && isnan(estimate.high));
  CHECK(!estimate_resolved(estimate));
  estimate = estimate_ratio_of_medians(fours, 3, twos, 3, FEWEST_TIMED);
  CHECK(estimate.low == 2 && estimate.high == 2);
  CHECK(isnan(estimate_ratio_of_medians(fours, 1, twos, 0, FEWEST_TIMED).median));
  CHECK(isnan(estimate_ratio_of_medians(fours, 1, &zero, 1, FEWEST_TIMED).median));
}

/* 2 / 20: of 20 ways to mix 3 and 3 values, two have all of one side above the other. */
TEST(5, "the coverage of quotients is that of Mann and Whitney's tables") {
  const double values[] = {1, 1.01, 1.02, 1.03, 1.04};
  CHECK(near(estimate_ratio_of_medians(values, 3, values, 3, FEWEST_TIMED).coverage, 0.9, 1e-9));
  CHECK(near(estimate_ratio_of_medians(values, 5, values, 5, FEWEST_TIMED).coverage,
             1 - 2 * 4.0 / 252, 1e-9));
}

TEST(5, "equal runs are reported as different as often as the coverage says") {
  const size_t rounds[] = {3, 5, 9};
  for (size_t i = 0; i < 3; i++) {
    size_t resolved = 0;
    double coverage = 0;
    struct random random;
    random_seed(&random, i);
    for (size_t k = 0; k < REPETITIONS; k++) {
      double now[ROUNDS_MAX], before[ROUNDS_MAX];
      for (size_t round = 0; round < rounds[i]; round++) {
        now[round] = 1 + random_exponential(&random, 1);
        before[round] = 1 + random_exponential(&random, 1);
      }
      struct estimate estimate =
          estimate_ratio_of_medians(now, rounds[i], before, rounds[i], FEWEST_TIMED);
      coverage = estimate.coverage;
      resolved += estimate_resolved(estimate);
    }
    CHECK(near((double)resolved / REPETITIONS, 1 - coverage, 0.03));
  }
}

TEST(5, "a real difference is found, also between more rounds than are counted exactly") {
  double now[200], before[200];
  struct random random;
  random_seed(&random, 5);
  for (size_t i = 0; i < 200; i++) {
    now[i] = 1.2 * (1 + 0.05 * random_exponential(&random, 1));
    before[i] = 1 + 0.05 * random_exponential(&random, 1);
  }
  for (size_t rounds = 5; rounds <= 200; rounds += 65) {
    struct estimate estimate = estimate_ratio_of_medians(now, rounds, before, rounds, FEWEST_TIMED);
    CHECK(estimate.low > 1 && estimate.low <= estimate.median && estimate.median <= estimate.high);
    CHECK(near(estimate.median, 1.2, 0.06));
  }
}

/* ---- the generator -----------------------------------------------------------------------------
 */

TEST(6, "a seed gives its numbers again, another seed others") {
  struct random a, b, c;
  random_seed(&a, 1);
  random_seed(&b, 1);
  random_seed(&c, 2);
  for (int i = 0; i < 1000; i++) {
    uint64_t drawn = random_next(&a);
    CHECK(drawn == random_next(&b));
    CHECK(drawn != random_next(&c));
  }
}

/* From the authors' reference code, state {1, 2, 3, 4}. */
TEST(6, "it is xoshiro256**") {
  struct random random = {{1, 2, 3, 4}};
  CHECK(random_next(&random) == 11520);
  CHECK(random_next(&random) == 0);
  CHECK(random_next(&random) == 1509978240);
}

/* Exceeded by chance once in 10,000 (Wilson & Hilferty 1931). */
static double chi_square_limit(size_t degrees) {
  double spread = 2 / (9 * (double)degrees);
  return (double)degrees * pow(1 - spread + 3.72 * sqrt(spread), 3);
}

/* Sum of (observed - expected)^2 / expected over the cells. */
static double chi_square(const size_t *cells, size_t count, double expected) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) {
    double distance = (double)cells[i] - expected;
    sum += distance * distance / expected;
  }
  return sum;
}

TEST(7, "numbers below a bound are even, whatever the bound") {
  struct random random;
  random_seed(&random, 5);
  for (size_t bound = 2; bound <= 20; bound++) {
    size_t cells[20] = {0}, draws = 2000 * bound;
    for (size_t i = 0; i < draws; i++) {
      uint64_t drawn = random_below(&random, bound);
      CHECK(drawn < bound);
      cells[drawn]++;
    }
    NOTE("bound %zu: %g", bound, chi_square(cells, bound, 2000));
    CHECK(chi_square(cells, bound, 2000) < chi_square_limit(bound - 1));
  }
  CHECK_IS(random_below(&random, 1), ==, 0);
}

TEST(7, "a bound of more than half of 64 bits holds") {
  struct random random;
  random_seed(&random, 5);
  uint64_t bound = (UINT64_C(1) << 63) + 1, upper = 0;
  for (int i = 0; i < 1000; i++) {
    uint64_t drawn = random_below(&random, bound);
    CHECK(drawn < bound);
    upper += drawn >= bound / 2;
  }
  CHECK(near((double)upper, 500, 80));
}

TEST(7, "every order of four is shuffled equally often") {
  enum {
    ORDERS = 24,
    EACH = 1000
  };
  size_t cells[256] = {0}, seen[ORDERS], orders = 0;
  struct random random;
  random_seed(&random, 42);
  for (int i = 0; i < ORDERS * EACH; i++) {
    size_t indexes[4] = {0, 1, 2, 3};
    random_shuffle(&random, indexes, 4);
    cells[indexes[0] << 6 | indexes[1] << 4 | indexes[2] << 2 | indexes[3]]++;
  }
  for (size_t i = 0; i < 256; i++)
    if (cells[i]) {
      CHECK_IS(orders, <, ORDERS);
      seen[orders++] = cells[i];
    }
  CHECK_IS(orders, ==, ORDERS);
  CHECK(chi_square(seen, ORDERS, EACH) < chi_square_limit(ORDERS - 1));
}

TEST(8, "exponential values have their mean and median, and are never negative") {
  enum {
    DRAWS = 200000
  };
  struct random random;
  random_seed(&random, 3);
  double sum = 0;
  size_t below = 0;
  for (int i = 0; i < DRAWS; i++) {
    double drawn = random_exponential(&random, 250);
    CHECK(drawn >= 0 && isfinite(drawn));
    sum += drawn;
    below += drawn < 250 * log(2);
  }
  CHECK(near(sum / DRAWS, 250, 2.5));
  CHECK(near((double)below / DRAWS, 0.5, 0.005));
}

TEST(8, "unit values are from 0 to below 1 and even") {
  struct random random;
  random_seed(&random, 3);
  size_t cells[100] = {0};
  for (int i = 0; i < 100000; i++) {
    double drawn = random_unit(&random);
    CHECK(drawn >= 0 && drawn < 1);
    cells[(size_t)(drawn * 100)]++;
  }
  CHECK(chi_square(cells, 100, 1000) < chi_square_limit(99));
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
