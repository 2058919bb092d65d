/* SPDX-License-Identifier: MIT */
/*
 * histogram.c - see histogram.h. The counters, and the values computed from them; the JSON, pipe
 * and .hgrm forms are in files of their own.
 *
 * Recording keeps only what cannot be computed from the counters, the smallest and the largest
 * value. Sums are computed from the counters on demand: nothing is lost that would show in the
 * third digit, and merged histograms have exactly the sums of one that recorded all values.
 */
#include "histogram.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "histogram_buckets.h"

_Static_assert(HISTOGRAM_HIGHEST >> (HALF_BITS + SHIFTS) == 0, "every value has a bucket");

struct histogram *histogram_new(void) {
  struct histogram *histogram = malloc(sizeof *histogram);
  if (histogram)
    histogram_clear(histogram);
  return histogram;
}

void histogram_free(struct histogram *histogram) {
  free(histogram);
}

void histogram_clear(struct histogram *histogram) {
  memset(histogram, 0, sizeof *histogram);
  histogram->min = UINT64_MAX;
}

/* Rarely called, so that recording need not clamp: no value above `max` gets past this. */
static __attribute__((noinline)) uint64_t raise_max(struct histogram *histogram, uint64_t value) {
  histogram->max = value < HISTOGRAM_HIGHEST ? value : HISTOGRAM_HIGHEST;
  return histogram->max;
}

void histogram_record_many(struct histogram *histogram, uint64_t value, uint64_t count) {
  if (count == 0)
    return;
  if (value > histogram->max)
    value = raise_max(histogram, value);
  if (value < histogram->min)
    histogram->min = value;
  histogram->count += count;
  histogram->counts[bucket_of(value)] += count;
}

void histogram_record(struct histogram *histogram, uint64_t value) {
  histogram_record_many(histogram, value, 1);
}

void histogram_merge(struct histogram *to, const struct histogram *from) {
  if (from->min < to->min)
    to->min = from->min;
  if (from->max > to->max)
    to->max = from->max;
  to->count += from->count;
  for (size_t bucket = 0; bucket < BUCKETS; bucket++)
    to->counts[bucket] += from->counts[bucket];
}

uint64_t histogram_count(const struct histogram *histogram) {
  return histogram->count;
}

uint64_t histogram_min(const struct histogram *histogram) {
  return histogram->count ? histogram->min : 0;
}

uint64_t histogram_max(const struct histogram *histogram) {
  return histogram->max;
}

double histogram_sum(const struct histogram *histogram) {
  double sum = 0;
  for (size_t bucket = 0; bucket < BUCKETS; bucket++)
    if (histogram->counts[bucket])
      sum += (double)histogram->counts[bucket] * bucket_middle(bucket);
  return sum;
}

double histogram_sum_squares(const struct histogram *histogram) {
  double sum = 0;
  for (size_t bucket = 0; bucket < BUCKETS; bucket++)
    if (histogram->counts[bucket])
      sum += (double)histogram->counts[bucket] * bucket_middle(bucket) * bucket_middle(bucket);
  return sum;
}

double histogram_mean(const struct histogram *histogram) {
  return histogram->count ? histogram_sum(histogram) / (double)histogram->count : 0;
}

/* From the distances to the mean: the difference of two large sums would lose a small deviation. */
double histogram_stddev(const struct histogram *histogram) {
  if (histogram->count == 0)
    return 0;
  double mean = histogram_mean(histogram), squares = 0;
  for (size_t bucket = 0; bucket < BUCKETS; bucket++) {
    double distance = bucket_middle(bucket) - mean;
    squares += (double)histogram->counts[bucket] * distance * distance;
  }
  return sqrt(squares / (double)histogram->count);
}

/* The nearest rank: 1 to count. 99.9 is not exact in binary, and 999.0000000000001 of 1,000 values
 * must not become the 1,000th, so a few units in the last place are subtracted before rounding
 * up. */
static uint64_t rank_of(const struct histogram *histogram, double fraction) {
  double rank = ceil(fraction * (double)histogram->count * (1 - 4 * DBL_EPSILON));
  if (!(rank > 1))
    return 1;
  return rank < (double)histogram->count ? (uint64_t)rank : histogram->count;
}

static uint64_t value_of(const struct histogram *histogram, size_t bucket) {
  uint64_t highest = bucket_highest(bucket);
  return highest < histogram->max ? highest : histogram->max;
}

/* Continue from `bucket`, with `*count_up_to` values up to its end, to the one that contains
 * `rank`. */
static size_t bucket_with_rank(const struct histogram *histogram, size_t bucket, uint64_t rank,
                               uint64_t *count_up_to) {
  while (*count_up_to < rank)
    *count_up_to += histogram->counts[++bucket];
  return bucket;
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent) {
  if (histogram->count == 0)
    return 0;
  uint64_t count_up_to = histogram->counts[0];
  uint64_t rank = rank_of(histogram, percent / 100);
  return value_of(histogram, bucket_with_rank(histogram, 0, rank, &count_up_to));
}

uint64_t histogram_count_up_to(const struct histogram *histogram, uint64_t value) {
  size_t last = bucket_of(value < HISTOGRAM_HIGHEST ? value : HISTOGRAM_HIGHEST);
  uint64_t count = 0;
  for (size_t bucket = 0; bucket <= last; bucket++)
    count += histogram->counts[bucket];
  return count;
}

/* The step'th place on the HDR axis: 0, 0.1 ... 0.5, 0.55 ... 0.75, 0.775 ... with 5 ticks. */
static double percentile_at(size_t step, unsigned ticks) {
  double left = ldexp(1, -(int)(step / ticks));
  return 1 - left + left / 2 * (double)(step % ticks) / ticks;
}

size_t histogram_curve(const struct histogram *histogram, unsigned ticks,
                       struct histogram_point *points, size_t room) {
  if (histogram->count == 0 || ticks == 0)
    return 0;
  size_t count = 0, bucket = 0;
  uint64_t count_up_to = histogram->counts[0];
  size_t steps = (size_t)ticks * DBL_MANT_DIG; /* all later ones would be 1 */

  for (size_t step = 0; step < steps; step++) {
    double percentile = percentile_at(step, ticks);
    bucket = bucket_with_rank(histogram, bucket, rank_of(histogram, percentile), &count_up_to);
    if (points && count < room)
      points[count] = (struct histogram_point){
          .percentile = percentile,
          .value = value_of(histogram, bucket),
          .count_up_to = count_up_to,
      };
    count++;
    if (count_up_to == histogram->count)
      break;
  }
  if (points && count < room)
    points[count] = (struct histogram_point){1, histogram->max, histogram->count};
  return count + 1;
}

const char *histogram_fault(const struct histogram *histogram) {
  size_t first = BUCKETS, last = 0;
  uint64_t count = 0;
  for (size_t bucket = 0; bucket < BUCKETS; bucket++) {
    if (histogram->counts[bucket] == 0)
      continue;
    if (histogram->counts[bucket] > UINT64_MAX - count)
      return "its counts are more than 64 bits hold";
    count += histogram->counts[bucket];
    last = bucket;
    if (first == BUCKETS)
      first = bucket;
  }
  if (count != histogram->count)
    return "its counts do not add up to its count";
  if (count == 0)
    return histogram->min == UINT64_MAX && histogram->max == 0
               ? NULL
               : "it has a min or max but no values";
  if (histogram->min > histogram->max || histogram->max > HISTOGRAM_HIGHEST)
    return "its min is above its max, or its max above an hour";
  if (bucket_of(histogram->min) != first || bucket_of(histogram->max) != last)
    return "its min or max is not in the first or last bucket that has values";
  return NULL;
}
