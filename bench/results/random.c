/* SPDX-License-Identifier: MIT */
/*
 * random.c - the seeded generator of statistics.h: xoshiro256** (Blackman & Vigna, Scrambled
 * Linear Pseudorandom Number Generators, 2021), its state filled by splitmix64 so that seeds 1 and
 * 2 have nothing in common.
 */
#include <math.h>

#include "statistics.h"

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
