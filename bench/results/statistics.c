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

static void take_interval(struct estimate *estimate, double resampled[RESAMPLES]) {
  qsort(resampled, RESAMPLES, sizeof *resampled, compare);
  estimate->low = resampled[TAIL - 1];
  estimate->high = resampled[RESAMPLES - TAIL];
}

static int bootstrap_median(const struct sorted *sorted, uint64_t seed, struct estimate *estimate) {
  double resampled[RESAMPLES];
  unsigned *drawn = malloc(sorted->count * sizeof *drawn);
  if (!drawn)
    return -1;
  struct random random;
  random_seed(&random, seed);
  for (size_t i = 0; i < RESAMPLES; i++)
    resampled[i] = resampled_median(sorted, drawn, &random);
  free(drawn);
  take_interval(estimate, resampled);
  widen_to_order(estimate, sorted);
  return 0;
}

double estimate_coverage(size_t count) {
  return count < FEWEST_TIMED ? 0 : fmin(0.95, 1 - 2 * pow(0.5, (double)count));
}

struct estimate estimate_median(const double *values, size_t count, size_t fewest, uint64_t seed) {
  struct sorted sorted = sorted_new(values, count);
  struct estimate estimate = nothing;
  estimate.median = sorted_median(&sorted);
  if (sorted.count >= fewest && sorted.count > 0 && bootstrap_median(&sorted, seed, &estimate) < 0)
    estimate = nothing;
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

static int bootstrap_ratio(const struct sorted *values, const struct sorted *baseline,
                           uint64_t seed, struct estimate *estimate) {
  double resampled[RESAMPLES];
  size_t room = values->count > baseline->count ? values->count : baseline->count;
  unsigned *drawn = malloc(room * sizeof *drawn);
  if (!drawn)
    return -1;
  struct random random;
  random_seed(&random, seed);
  for (size_t i = 0; i < RESAMPLES; i++) {
    double above = resampled_median(values, drawn, &random);
    resampled[i] = above / resampled_median(baseline, drawn, &random);
  }
  free(drawn);
  take_interval(estimate, resampled);
  return 0;
}

struct estimate estimate_ratio_of_medians(const double *values, size_t count,
                                          const double *baseline, size_t baseline_count,
                                          size_t fewest, uint64_t seed) {
  struct sorted above = sorted_new(values, count), below = sorted_new(baseline, baseline_count);
  struct estimate estimate = nothing;
  if (above.count > 0 && below.count > 0 && above.at[0] >= 0 && below.at[0] > 0) {
    estimate.median = sorted_median(&above) / sorted_median(&below);
    if (above.count >= fewest && below.count >= fewest &&
        bootstrap_ratio(&above, &below, seed, &estimate) < 0)
      estimate = nothing;
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
