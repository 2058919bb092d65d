/* SPDX-License-Identifier: MIT */
/*
 * statistics.c - see statistics.h.
 *
 * A resample of n sorted values is represented by how often each place was drawn, so its median is
 * found by walking over those counts: no value is copied and nothing is sorted again.
 */
#include "statistics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the seeded generator ------------------------------------------------------------------- */

/* xoshiro256** (Blackman & Vigna, Scrambled Linear Pseudorandom Number Generators, 2021), its state
 * filled by splitmix64 so that seeds 1 and 2 have nothing in common. */

static uint64_t splitmix(uint64_t *state) {
  uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

void random_seed(struct random *random, uint64_t seed) {
  for (size_t i = 0; i < 4; i++)
    random->state[i] = splitmix(&seed);
}

static uint64_t rotated(uint64_t x, int bits) {
  return (x << bits) | (x >> (64 - bits));
}

uint64_t random_next(struct random *random) {
  uint64_t *s = random->state;
  uint64_t result = rotated(s[1] * 5, 7) * 9;
  uint64_t shifted = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= shifted;
  s[3] = rotated(s[3], 45);
  return result;
}

/* Draw as many of the upper bits as bound - 1 has, until the result is below bound: less than two
 * draws on average, no division, and all numbers are equally likely. */
uint64_t random_below(struct random *random, uint64_t bound) {
  if (bound < 2)
    return 0;
  int unwanted = __builtin_clzll(bound - 1);
  uint64_t drawn;
  do
    drawn = random_next(random) >> unwanted;
  while (drawn >= bound);
  return drawn;
}

double random_unit(struct random *random) {
  return (double)(random_next(random) >> 11) * 0x1p-53;
}

double random_exponential(struct random *random, double mean) {
  return -mean * log1p(-random_unit(random));
}

void random_shuffle(struct random *random, size_t *indexes, size_t count) {
  for (size_t left = count; left > 1; left--) {
    size_t other = (size_t)random_below(random, left);
    size_t kept = indexes[left - 1];
    indexes[left - 1] = indexes[other];
    indexes[other] = kept;
  }
}

/* ---- estimates ------------------------------------------------------------------------------ */

enum {
  RESAMPLES = 2000,
  TAIL = RESAMPLES / 40 /* 2.5 % on either side */
};

/* The sum of two larger values might overflow, and no measurement is that large. */
#define LARGEST 1e300

static const struct estimate nothing = {NAN, NAN, NAN};

/* The values that can be measurements, sorted. */
struct sorted {
  double *at;
  size_t count;
};

static int compare(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

/* Empty if there is none, or no memory. */
static struct sorted sorted_new(const double *values, size_t count) {
  struct sorted sorted = {.at = malloc((count ? count : 1) * sizeof *values)};
  for (size_t i = 0; sorted.at && i < count; i++)
    if (fabs(values[i]) <= LARGEST)
      sorted.at[sorted.count++] = values[i];
  if (sorted.count > 1)
    qsort(sorted.at, sorted.count, sizeof *sorted.at, compare);
  return sorted;
}

static double sorted_median(const struct sorted *sorted) {
  size_t half = sorted->count / 2;
  if (sorted->count == 0)
    return NAN;
  return sorted->count % 2 ? sorted->at[half] : (sorted->at[half - 1] + sorted->at[half]) / 2;
}

/* The place of the rank'th (from 0) of all draws. */
static size_t place_of(const unsigned *drawn, size_t rank) {
  size_t place = 0;
  for (size_t seen = drawn[0]; seen <= rank; seen += drawn[place])
    place++;
  return place;
}

/* The largest k for which the k smallest of n values all lie below the median of their distribution
 * with a probability of at most 2.5 %, as in tossing a coin (the sign test). */
static size_t tail_of_coin(size_t n) {
  double chance = 0;
  for (size_t k = 0; k < n; k++) {
    chance += exp(lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1) -
                  (double)n * log(2));
    if (chance > 0.025)
      return k;
  }
  return 0;
}

/* Widen to at least the order statistics that enclose the median with a probability of 95 %, or to
 * all values if there are too few for that. */
static void widen_to_order(struct estimate *estimate, const struct sorted *sorted) {
  size_t tail = tail_of_coin(sorted->count);
  size_t first = tail > 0 ? tail - 1 : 0;
  estimate->low = fmin(estimate->low, sorted->at[first]);
  estimate->high = fmax(estimate->high, sorted->at[sorted->count - 1 - first]);
}

/* The median of one resample; `drawn` has room for a count of each. */
static double resampled_median(const struct sorted *sorted, unsigned *drawn,
                               struct random *random) {
  memset(drawn, 0, sorted->count * sizeof *drawn);
  for (size_t i = 0; i < sorted->count; i++)
    drawn[random_below(random, sorted->count)]++;
  size_t half = sorted->count / 2;
  double middle = sorted->at[place_of(drawn, half)];
  return sorted->count % 2 ? middle : (sorted->at[place_of(drawn, half - 1)] + middle) / 2;
}

/* The interval of the median of `values`, or of its ratio to that of `baseline` unless it is NULL. */
static void bootstrap(const struct sorted *values, const struct sorted *baseline, uint64_t seed,
                      struct estimate *estimate) {
  double resampled[RESAMPLES];
  size_t room = baseline && baseline->count > values->count ? baseline->count : values->count;
  unsigned *drawn = malloc(room * sizeof *drawn);
  if (!drawn) {
    *estimate = nothing;
    return;
  }
  struct random random;
  random_seed(&random, seed);
  for (size_t i = 0; i < RESAMPLES; i++) {
    resampled[i] = resampled_median(values, drawn, &random);
    if (baseline)
      resampled[i] /= resampled_median(baseline, drawn, &random);
  }
  free(drawn);
  qsort(resampled, RESAMPLES, sizeof *resampled, compare);
  estimate->low = resampled[TAIL - 1];
  estimate->high = resampled[RESAMPLES - TAIL];
  if (!baseline)
    widen_to_order(estimate, values);
}

double estimate_coverage(size_t count) {
  return count < FEWEST_TIMED ? 0 : fmin(0.95, 1 - 2 * pow(0.5, (double)count));
}

struct estimate estimate_median(const double *values, size_t count, size_t fewest, uint64_t seed) {
  struct sorted sorted = sorted_new(values, count);
  struct estimate estimate = nothing;
  estimate.median = sorted_median(&sorted);
  if (sorted.count >= fewest && sorted.count > 0)
    bootstrap(&sorted, NULL, seed, &estimate);
  free(sorted.at);
  return estimate;
}

struct estimate estimate_ratio(const double *values, const double *baseline, size_t count,
                               size_t fewest, uint64_t seed) {
  double *ratios = malloc((count ? count : 1) * sizeof *ratios);
  if (!ratios)
    return nothing;
  for (size_t i = 0; i < count; i++) {
    double ratio = values[i] / baseline[i];
    ratios[i] = isfinite(ratio) ? ratio : NAN;
  }
  struct estimate estimate = estimate_median(ratios, count, fewest, seed);
  free(ratios);
  return estimate;
}

struct estimate estimate_ratio_of_medians(const double *values, size_t count,
                                          const double *baseline, size_t baseline_count,
                                          size_t fewest, uint64_t seed) {
  struct sorted above = sorted_new(values, count), below = sorted_new(baseline, baseline_count);
  struct estimate estimate = nothing;
  if (above.count > 0 && below.count > 0 && above.at[0] >= 0 && below.at[0] > 0) {
    estimate.median = sorted_median(&above) / sorted_median(&below);
    if (above.count >= fewest && below.count >= fewest)
      bootstrap(&above, &below, seed, &estimate);
  }
  free(above.at);
  free(below.at);
  return estimate;
}

bool estimate_resolved(struct estimate ratio) {
  return ratio.low > 1 || ratio.high < 1;
}

double median_of(const double *values, size_t count) {
  struct sorted sorted = sorted_new(values, count);
  double median = sorted_median(&sorted);
  free(sorted.at);
  return median;
}
