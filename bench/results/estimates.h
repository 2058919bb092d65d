/* SPDX-License-Identifier: MIT */
/*
 * estimates.h - everything in a document that follows from its values: medians, intervals, ratios,
 * whether a difference is resolved, whether claims hold, whether the machine was quiet enough.
 *
 * A run stores values only; this fills in the rest, and does it again for merged documents and for
 * older ones, which other rules judged. So one place decides what may be concluded.
 */
#ifndef BENCH_ESTIMATES_H
#define BENCH_ESTIMATES_H

#include <jansson.h>

/* Which rules judged a document (its member judgement.rules); one with other rules, or with none,
 * is judged again when it is read. */
#define JUDGEMENT_RULES 1

/* The difference that the two runs of the baseline had at a figure's point (A/A): the farther end of
 * their ratio's interval, as a factor from 1 on. NaN: they have none. */
double again_factor(const json_t *experiment, const char *point, const char *metric);

/*
 * A ratio is resolved if all of this is true:
 *   - its interval excludes 1;
 *   - it is farther from 1 than the baseline was from itself at that point (A/A);
 *   - it is not to be expected among as many comparisons as the experiment has (significance.h);
 *   - the machine was quiet (quality.h).
 * A counted figure needs the first two, and to differ by more than 1 %. 0, -ENOMEM.
 */
int document_judge(json_t *document);

#endif
