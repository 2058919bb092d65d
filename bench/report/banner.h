/* SPDX-License-Identifier: MIT */
/* banner.h - what every report says first, because nothing below it may be read without. */
#ifndef BENCH_BANNER_H
#define BENCH_BANNER_H

#include <jansson.h>

/* Sentences about a machine that was too busy (results/quality.h); empty if it was quiet. A new
 * reference; NULL: no memory. */
json_t *banner_of(const json_t *document);

/* The same about an experiment in which no run was valid: instead of its tables. */
json_t *banner_of_experiment(const json_t *experiment);

/* The rounds that were planned for it; 0: unknown. */
size_t rounds_planned(const json_t *experiment);

#endif
