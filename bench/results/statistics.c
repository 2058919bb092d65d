/* SPDX-License-Identifier: MIT */
/* statistics.c - see statistics.h. */
#include "statistics.h"

#include <math.h>
#include <stdlib.h>

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

/* The sum of two larger values might overflow, and no measurement is that large. */
#define LARGEST 1e300
/* An interval misses at most this much on either side, where its values are enough for that. */
#define ONE_SIDE 0.025

enum {
  MOST_EXACT = 50 /* values on a side */
};

static const struct estimate nothing = {NAN, NAN, NAN, 0};

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

/* ---- which order statistics enclose a median -------------------------------------------------- */

/* The probability that exactly `k` of n values lie below the median of their distribution: a coin. */
static double chance_of(size_t k, size_t n) {
  return exp(lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1) -
             (double)n * log(2));
}

/* The number of values left out at each end, and how often the rest then misses the median: on each
 * side at most 2.5 %, unless even the whole range misses it more often. */
static size_t values_left_out(size_t n, double *ret_missed) {
  double below = n > 0 ? chance_of(0, n) : 0.5;
  size_t out = 0;
  for (double next; out + 1 < n / 2; out++, below = next) {
    next = below + chance_of(out + 1, n);
    if (next > ONE_SIDE)
      break;
  }
  *ret_missed = 2 * below;
  return out;
}

double estimate_coverage(size_t count, size_t fewest) {
  double missed;
  if (count < fewest || count == 0)
    return 0;
  values_left_out(count, &missed);
  return 1 - missed;
}

size_t estimate_left_out(size_t count) {
  double missed;
  return values_left_out(count, &missed);
}

struct estimate estimate_median(const double *values, size_t count, size_t fewest) {
  struct sorted sorted = sorted_new(values, count);
  struct estimate estimate = nothing;
  estimate.median = sorted_median(&sorted);
  if (sorted.count >= fewest && sorted.count > 0) {
    double missed;
    size_t out = values_left_out(sorted.count, &missed);
    estimate.low = sorted.at[out];
    estimate.high = sorted.at[sorted.count - 1 - out];
    estimate.coverage = 1 - missed;
  }
  free(sorted.at);
  return estimate;
}

struct estimate estimate_ratio(const double *values, const double *baseline, size_t count,
                               size_t fewest) {
  double *ratios = malloc((count ? count : 1) * sizeof *ratios);
  if (!ratios)
    return nothing;
  for (size_t i = 0; i < count; i++) {
    double ratio = values[i] / baseline[i];
    ratios[i] = isfinite(ratio) ? ratio : NAN;
  }
  struct estimate estimate = estimate_median(ratios, count, fewest);
  free(ratios);
  return estimate;
}

/* ---- two runs that were not interleaved --------------------------------------------------------- */

/*
 * chances[u]: the probability that of m x n pairs u have the first above the second, if all values
 * come from one distribution. By recursion over the largest of all values: it is one of the m with
 * probability m / (m + n), and is then above all n others. NULL: no memory.
 */
static double *rank_sum_chances(size_t m, size_t n) {
  size_t size = m * n + 1;
  double *rows = calloc((n + 1) * size, sizeof *rows); /* rows[k]: for i and k values */
  for (size_t k = 0; rows && k <= n; k++)
    rows[k * size] = 1;
  for (size_t i = 1; rows && i <= m; i++)
    for (size_t k = 1; k <= n; k++) {
      double *with = &rows[k * size], *fewer = &rows[(k - 1) * size];
      double first = (double)i / (double)(i + k);
      for (size_t u = i * k + 1; u-- > 0;) /* with[u - k] is still that of i - 1 */
        with[u] = first * (u >= k ? with[u - k] : 0) + (1 - first) * fewer[u];
    }
  double *chances = rows ? malloc(size * sizeof *chances) : NULL;
  for (size_t u = 0; chances && u < size; u++)
    chances[u] = rows[n * size + u];
  free(rows);
  return chances;
}

/* All quotients of one of `above` and one of `below`, sorted. */
static struct sorted quotients_of(const struct sorted *above, const struct sorted *below) {
  struct sorted all = {.at = malloc((above->count * below->count + 1) * sizeof *all.at)};
  for (size_t i = 0; all.at && i < above->count; i++)
    for (size_t k = 0; k < below->count; k++)
      all.at[all.count++] = above->at[i] / below->at[k];
  if (all.count > 1)
    qsort(all.at, all.count, sizeof *all.at, compare);
  return all;
}

/* The quotients left out at each end: Mann and Whitney's U has this quantile, exactly up to
 * MOST_EXACT values on a side and by its normal approximation beyond. */
static size_t quotients_left_out(size_t m, size_t n, double *ret_missed) {
  size_t out = 0;
  if (m > MOST_EXACT || n > MOST_EXACT) {
    double middle = (double)m * (double)n / 2;
    double spread = sqrt(middle * (double)(m + n + 1) / 6);
    *ret_missed = 2 * ONE_SIDE;
    return (size_t)fmax(0, floor(middle - 1.96 * spread));
  }
  double *chances = rank_sum_chances(m, n), below = chances ? chances[0] : 0.5;
  for (double next; chances && out + 1 < m * n / 2; out++, below = next) {
    next = below + chances[out + 1];
    if (next > ONE_SIDE)
      break;
  }
  free(chances);
  *ret_missed = 2 * below;
  return out;
}

struct estimate estimate_ratio_of_medians(const double *values, size_t count,
                                          const double *baseline, size_t baseline_count,
                                          size_t fewest) {
  struct sorted above = sorted_new(values, count), below = sorted_new(baseline, baseline_count);
  struct estimate estimate = nothing;
  if (above.count > 0 && below.count > 0 && above.at[0] >= 0 && below.at[0] > 0) {
    struct sorted all = quotients_of(&above, &below);
    double missed;
    size_t out = quotients_left_out(above.count, below.count, &missed);
    estimate.median = sorted_median(&all);
    if (all.count > 0 && above.count >= fewest && below.count >= fewest) {
      estimate.low = all.at[out];
      estimate.high = all.at[all.count - 1 - out];
      estimate.coverage = 1 - missed;
    }
    free(all.at);
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
