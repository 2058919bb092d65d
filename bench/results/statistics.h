/* SPDX-License-Identifier: MIT */
/*
 * statistics.h - estimates from a handful of rounds: medians, intervals, ratios.
 *
 * Rounds are few (3 to 30), not normal and have outliers (another guest of the host woke up), so
 * there is no mean and no standard deviation here: medians, and intervals between order statistics
 * (the inverted sign test; Conover, Practical Nonparametric Statistics, 1999, ch. 3). How often such
 * an interval contains the median of the distribution is known exactly, whatever the distribution;
 * it is called by that. It is the narrowest that misses the median in at most 2.5 % on each side.
 * Below 6 values none does, because all of them are on one side of it in 2^(1 - n) of cases; there
 * it is the whole range, with less:
 *
 *     rounds     3    4    5    6    7    8    9   10   11   12   15   20   25   30
 *     coverage  75   88   94   97   98   99   96   98   99   96   96   96   96   96  %
 *
 * Whether a difference is more than chance, among many: significance.h.
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
  double median, low, high;
  double coverage; /* how often such an interval has the true median: 0.96875; 0: there is none */
};

/* The number of values needed for an interval. Two values of a quantity that varies are not enough;
 * a counted quantity (system calls, instructions) hardly varies, so one is enough, and the interval
 * is that value. */
enum {
  FEWEST_COUNTED = 1,
  FEWEST_TIMED = 3
};

/* NaN values (a round that failed), and any beyond 1e300, are left out. All are NaN if none is left
 * (or no memory), `low` and `high` if fewer than `fewest` are left. */
struct estimate estimate_median(const double *values, size_t count, size_t fewest);

/* The coverage of such an interval of `count` values: 0.75 for 3; 0 for fewer than `fewest`. */
double estimate_coverage(size_t count, size_t fewest);

/* How many of `count` values such an interval leaves out at each end: 0 for up to 8. */
size_t estimate_left_out(size_t count);

/* The estimate of values[i] / baseline[i], round by round; pairs whose ratio is not finite (a NaN,
 * a baseline of 0) are left out. */
struct estimate estimate_ratio(const double *values, const double *baseline, size_t count,
                               size_t fewest);

/*
 * For runs that were not interleaved, such as those of two documents: the factor between them, as
 * Hodges and Lehmann's estimate of a shift of logarithms. It is the median of all quotients of one
 * of `values` and one of `baseline`, and its interval is between order statistics of these: that of
 * Mann and Whitney's test, with exact coverage (0.9 for 3 values on each side, 0.96 or more from 4
 * on). With fewer than `fewest` on a side there is no interval (NaN); no result if a side has no
 * values, if one is below 0, or one of the baseline is 0.
 */
struct estimate estimate_ratio_of_medians(const double *values, size_t count,
                                          const double *baseline, size_t baseline_count,
                                          size_t fewest);

/* Does the interval exclude 1? False, also without an interval, means "no difference resolved". */
bool estimate_resolved(struct estimate ratio);

double median_of(const double *values, size_t count); /* NaN values left out; NaN: none is left */

#endif
