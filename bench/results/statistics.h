/* SPDX-License-Identifier: MIT */
/*
 * statistics.h - what may be said of a handful of rounds: medians, intervals, ratios.
 *
 * Rounds are few (3 to 30), not normal and have outliers (another guest of the host woke up), so
 * there is no mean and no standard deviation here: medians, and percentile-bootstrap intervals of
 * them (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13), from a seeded
 * generator, so that the same values and seed give the same interval.
 *
 * What few rounds can say. Called 95 %, the bootstrap's interval of a median has it in 94 % of
 * cases with 5 or 6 rounds, but in 88 % with 4 or 7 and in 75 % with 3 (4,000 repetitions, values
 * drawn from an exponential distribution). Therefore the interval here is never narrower than that
 * between the order statistics that enclose the median with 95 % whatever the distribution (the
 * sign test turned round; Conover, Practical Nonparametric Statistics, 1999, ch. 3): from 6 rounds
 * on it holds what it says. Below 6, no interval made of the values can, because all of them lie on
 * one side of the median with 2^(1 - n); there it is the whole range:
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
  double median, low, high; /* low and high: its 95 % interval, as said above */
};

/* How many values make an interval. Of what varies two say nothing; what is counted (system calls,
 * instructions) hardly does, so one says all, and the interval is that value. */
enum {
  FEWEST_COUNTED = 1,
  FEWEST_TIMED = 3
};

/* NaN values (a round that failed), and any beyond 1e300, are left out; all three are NaN where
 * none is left (or no memory), `low` and `high` where fewer than `fewest` are. Up to 5 values, the
 * interval is from the smallest to the largest. */
struct estimate estimate_median(const double *values, size_t count, size_t fewest, uint64_t seed);

/* How often such an interval of so many values (3 or more) has the true median in it, up to 0.95:
 * up to 5 values the whole range misses it only where all are on one side of it. */
double estimate_coverage(size_t count);

/* The estimate of values[i] / baseline[i], round by round; pairs whose ratio is no finite number (a
 * NaN, a baseline of 0) are left out. */
struct estimate estimate_ratio(const double *values, const double *baseline, size_t count,
                               size_t fewest, uint64_t seed);

/*
 * Of runs that were not interleaved, as those of two documents: the median of `values` over that
 * of `baseline`, each resampled by itself. Two runs of the same are told apart in 9 % of cases with
 * 3 values a side, 3 to 4 % from 5 on (measured as above). With fewer than `fewest` on a side there
 * is no interval (NaN); nothing where a side has no values, where one is below 0, or one of the
 * baseline 0.
 */
struct estimate estimate_ratio_of_medians(const double *values, size_t count,
                                          const double *baseline, size_t baseline_count,
                                          size_t fewest, uint64_t seed);

/* Does the interval leave 1 out? False, also where there is none: "no difference resolved". */
bool estimate_resolved(struct estimate ratio);

double median_of(const double *values, size_t count); /* NaN values left out; NaN: none is left */

#endif
