/* SPDX-License-Identifier: MIT */
/* significance.c - see significance.h. */
#include "significance.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum {
  MOST_EXACT = 200 /* rounds; beyond, the sum is almost normal */
};

/* ---- one comparison --------------------------------------------------------------------------- */

/* The probability that the sum of `rounds` values, each -1, 0 or 1 with one third, is at least
 * `sum` or at most -`sum`; sum > 0. */
static double both_tails(size_t rounds, size_t sum) {
  /* chances[rounds + s]: of the sum s so far */
  double chances[2 * MOST_EXACT + 3] = {0};
  size_t zero = rounds + 1;
  chances[zero] = 1;
  for (size_t i = 0; i < rounds; i++) {
    double before = 0;
    for (size_t at = 1; at < 2 * rounds + 2; at++) {
      double own = chances[at];
      chances[at] = (before + own + chances[at + 1]) / 3;
      before = own;
    }
  }
  double tail = 0;
  for (size_t s = sum; s <= rounds; s++)
    tail += chances[zero + s];
  return fmin(1, 2 * tail);
}

double beyond_baseline(const double *values, const double *baseline, const double *again,
                       size_t count) {
  size_t rounds = 0;
  double sum = 0;
  for (size_t i = 0; i < count; i++) {
    if (!isfinite(values[i]) || !isfinite(baseline[i]) || !isfinite(again[i]))
      continue;
    rounds++;
    sum += values[i] > fmax(baseline[i], again[i]) ? 1 : 0;
    sum -= values[i] < fmin(baseline[i], again[i]) ? 1 : 0;
  }
  sum = fabs(sum);
  if (rounds == 0 || sum < 1)
    return 1;
  if (rounds > MOST_EXACT)
    return erfc((sum - 0.5) / sqrt(2 * 2.0 / 3 * (double)rounds));
  return both_tails(rounds, (size_t)sum);
}

double sign_test(size_t hits, size_t count) {
  double chance = 0, n = (double)count;
  for (size_t k = hits; k <= count; k++)
    chance += exp(lgamma(n + 1) - lgamma((double)k + 1) - lgamma(n - (double)k + 1) - n * log(2));
  return fmin(1, chance);
}

/* ---- many --------------------------------------------------------------------------------------- */

static int by_value(const void *left, const void *right) {
  const double *a = *(const double *const *)left, *b = *(const double *const *)right;
  return (*a > *b) - (*a < *b);
}

int adjust_for_many(double *probabilities, size_t count) {
  double **sorted = malloc((count + 1) * sizeof *sorted);
  size_t tests = 0;
  if (!sorted)
    return -ENOMEM;
  for (size_t i = 0; i < count; i++)
    if (!isnan(probabilities[i]))
      sorted[tests++] = &probabilities[i];
  if (tests > 1)
    qsort(sorted, tests, sizeof *sorted, by_value);
  double least = 1;
  for (size_t rank = tests; rank > 0; rank--) {
    least = fmin(least, *sorted[rank - 1] * (double)tests / (double)rank);
    *sorted[rank - 1] = least;
  }
  free(sorted);
  return 0;
}
