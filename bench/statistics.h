/* SPDX-License-Identifier: MIT */
/*
 * statistics.h - what may be said of a handful of rounds: medians, intervals, ratios.
 *
 * Rounds are few (3 to 30), not normal and have outliers (another guest of the host woke up), so
 * there is no mean and no standard deviation here: medians, and percentile-bootstrap intervals of
 * them (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13), from a seeded
 * generator, so that the same values and seed give the same interval.
 */
#ifndef BENCH_STATISTICS_H
#define BENCH_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A small seeded generator (xoshiro256**): shuffles, resampling, Poisson arrivals. */
struct random {
  uint64_t state[4];
};
void random_seed(struct random *random, uint64_t seed);
uint64_t random_next(struct random *random);
uint64_t random_below(struct random *random, uint64_t bound); /* 0 to bound - 1, unbiased */
double random_unit(struct random *random);                    /* 0 <= x < 1 */
double random_exponential(struct random *random, double mean);
void random_shuffle(struct random *random, size_t *indexes, size_t count);

struct estimate {
  double median, low, high; /* low and high: a 95 % bootstrap interval of the median */
};

/* NaN values (a round that failed) are left out; all three are NaN where none is left (or no
 * memory). With fewer than 3 values the interval is from the smallest to the largest. */
struct estimate estimate_median(const double *values, size_t count, uint64_t seed);

/* The estimate of values[i] / baseline[i], round by round; pairs whose ratio is no finite number (a
 * NaN, a baseline of 0) are left out. */
struct estimate estimate_ratio(const double *values, const double *baseline, size_t count,
                               uint64_t seed);

/*
 * Of runs that were not interleaved, as those of two documents: the median of `values` over that
 * of `baseline`, each resampled by itself. With fewer than 3 values on a side, the interval is
 * from the smallest quotient to the largest. NaN where a side has no values, where one is below 0,
 * or one of the baseline 0.
 */
struct estimate estimate_ratio_of_medians(const double *values, size_t count,
                                          const double *baseline, size_t baseline_count,
                                          uint64_t seed);

/* Does the interval leave 1 out? False: "no difference resolved". */
bool estimate_resolved(struct estimate ratio);

double median_of(const double *values, size_t count); /* NaN values left out; NaN: none is left */

#endif
