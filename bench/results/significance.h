/* SPDX-License-Identifier: MIT */
/*
 * significance.h - is a difference more than chance, in a report that has hundreds of them?
 *
 * The tests here are exact and assume only that within a round the values of programs that do the
 * same could be exchanged. An interval that excludes 1 is no such test: of 200 equal ratios, 6 have
 * one by chance with 6 rounds.
 */
#ifndef BENCH_SIGNIFICANCE_H
#define BENCH_SIGNIFICANCE_H

#include <stddef.h>

/* What a report calls resolved is wrong in at most this share of cases, on average. */
#define FALSE_SHARE 0.05

/*
 * A contestant against both runs of the baseline (A/A). Each round counts +1 if it is above both,
 * -1 if it is below both, 0 if it is between them: one third each if all three are the same program.
 * The probability, under that assumption, of a sum at least as far from 0. Rounds in which one of
 * the three is missing (NaN) are left out; 1 if none is left. The least possible is 2 / 3^rounds:
 * 0.074 with 3 rounds, 0.0027 with 6.
 */
double beyond_baseline(const double *values, const double *baseline, const double *again,
                       size_t count);

/* The probability of `hits` or more of `count` tosses of a coin. */
double sign_test(size_t hits, size_t count);

/*
 * Replace each of `count` probabilities by the smallest share of false ones at which it would be
 * among those called resolved (Benjamini & Hochberg 1995). NaN
 * values stay and are no comparison. 0, -ENOMEM.
 */
int adjust_for_many(double *probabilities, size_t count);

#endif
