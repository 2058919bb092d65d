/* SPDX-License-Identifier: MIT */
/*
 * histogram_buckets.h - the bucket of a value: private to the histogram's files.
 *
 * A value's bucket is determined by its leading 11 bits. `shift` is the number of bits below them
 * that are dropped: none up to 2,047, one more for each doubling from there. The buckets of one
 * shift follow those of the previous shift, so the index is (shift * 1,024) + the leading bits,
 * without a table, a loop or a division.
 */
#ifndef BENCH_HISTOGRAM_BUCKETS_H
#define BENCH_HISTOGRAM_BUCKETS_H

#include "histogram.h"

enum {
  HISTOGRAM_DIGITS = 3,
  HALF_BITS = 10,
  HALF = 1 << HALF_BITS, /* buckets for each doubling */
  SHIFTS = 32,           /* 2^41 < HISTOGRAM_HIGHEST < 2^42: 0 to 31 */
  BUCKETS = (SHIFTS + 1) * HALF
};

struct histogram {
  uint64_t count, min, max; /* min is UINT64_MAX if there are no values */
  uint64_t counts[BUCKETS];
};

static inline size_t bucket_of(uint64_t value) {
  unsigned shift = 63u - HALF_BITS - (unsigned)__builtin_clzll(value | HALF);
  return ((size_t)shift << HALF_BITS) + (size_t)(value >> shift);
}

static inline unsigned bucket_shift(size_t bucket) {
  return bucket < 2 * HALF ? 0 : (unsigned)(bucket >> HALF_BITS) - 1;
}

static inline uint64_t bucket_lowest(size_t bucket) {
  unsigned shift = bucket_shift(bucket);
  return (uint64_t)(bucket - ((size_t)shift << HALF_BITS)) << shift;
}

static inline uint64_t bucket_highest(size_t bucket) {
  return bucket_lowest(bucket) + (UINT64_C(1) << bucket_shift(bucket)) - 1;
}

/* In a sum, every value of a bucket counts as its middle. */
static inline double bucket_middle(size_t bucket) {
  return ((double)bucket_lowest(bucket) + (double)bucket_highest(bucket)) / 2;
}

/* Sums over the values, always in the order of the buckets: equal counts give equal sums to the
 * last bit, in whatever order the values were recorded. */
double histogram_sum(const struct histogram *histogram);
double histogram_sum_squares(const struct histogram *histogram);

/* For a histogram from outside: NULL if count, min and max agree with the counts, otherwise the
 * error (static). */
const char *histogram_fault(const struct histogram *histogram);

#endif
