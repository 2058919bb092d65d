/* SPDX-License-Identifier: MIT */
/*
 * statistics.h - estimates from a handful of rounds: medians, intervals, ratios.
 *
 * Rounds are few (3 to 30), not normal and have outliers (another guest of the host woke up), so
 * there is no mean and no standard deviation here: medians, and percentile-bootstrap intervals of
 * them (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13), from a seeded
 * generator, so that the same values and seed give the same interval.
 *
 * Accuracy with few rounds. The bootstrap's interval of a median, nominally 95 %, contains it in 94
 * % of cases with 5 or 6 rounds, but in 88 % with 4 or 7 and in 75 % with 3 (4,000 repetitions,
 * values drawn from an exponential distribution). Therefore the interval here is never narrower
 * than that between the order statistics that enclose the median with 95 % whatever the
 * distribution (the inverted sign test; Conover, Practical Nonparametric Statistics, 1999, ch. 3):
 * from 6 rounds on it has at least its nominal coverage. Below 6, no interval made from the values
 * can have it, because all of them lie on one side of the median with probability 2^(1 - n); there
 * it is the whole range:
 *
 *     rounds     3    4    5    6    7    8    9   10   11   12   15   20   25   30
 *     bootstrap  74   88   94   94   88   93   95   95   94   94   93   94   96   94  % measured
 *     here       74   88   94   97   98   99   96   98   99   96   96   96   96   96  % measured
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
  double median, low, high; /* low and high: its 95 % interval, as described above */
};

/* The number of values needed for an interval. Two values of a quantity that varies are not enough;
 * a counted quantity (system calls, instructions) hardly varies, so one is enough, and the interval
 * is that value. */
enum {
  FEWEST_COUNTED = 1,
  FEWEST_TIMED = 3
};

/* NaN values (a round that failed), and any beyond 1e300, are left out. All three are NaN if none
 * is left (or no memory), `low` and `high` if fewer than `fewest` are left. Up to 5 values, the
 * interval is from the smallest to the largest. */
struct estimate estimate_median(const double *values, size_t count, size_t fewest, uint64_t seed);

/* The probability that such an interval of `count` values (3 or more) contains the true median, up
 * to 0.95: up to 5 values the whole range misses it only if all are on one side of it. */
double estimate_coverage(size_t count);

/* The estimate of values[i] / baseline[i], round by round; pairs whose ratio is not finite (a NaN,
 * a baseline of 0) are left out. */
struct estimate estimate_ratio(const double *values, const double *baseline, size_t count,
                               size_t fewest, uint64_t seed);

/*
 * For runs that were not interleaved, such as those of two documents: the median of `values`
 * divided by that of `baseline`, each resampled separately. Two equal runs are falsely reported as
 * different in 9 % of cases with 3 values per side, 3 to 4 % from 5 on (measured as above). With
 * fewer than `fewest` on a side there is no interval (NaN); no result if a side has no values, if
 * one is below 0, or one of the baseline is 0.
 */
struct estimate estimate_ratio_of_medians(const double *values, size_t count,
                                          const double *baseline, size_t baseline_count,
                                          size_t fewest, uint64_t seed);

/* Does the interval exclude 1? False, also without an interval, means "no difference resolved". */
bool estimate_resolved(struct estimate ratio);

double median_of(const double *values, size_t count); /* NaN values left out; NaN: none is left */

#endif
