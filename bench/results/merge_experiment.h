/* SPDX-License-Identifier: MIT */
/*
 * merge_experiment.h - one experiment's rounds put after those of another run of it.
 */
#ifndef BENCH_MERGE_EXPERIMENT_H
#define BENCH_MERGE_EXPERIMENT_H

#include <stdint.h>

#include <jansson.h>

/* Add `from`, which merge_check let pass, to `to`. 0; -ENOMEM; -EBADMSG with a reason (static):
 * a histogram is none. */
int merge_experiment(json_t *to, const json_t *from, const char **why);

/* Compute every estimate anew from the values, and judge the claims again. 0, -ENOMEM. */
int merge_estimates(json_t *experiment, uint64_t seed);

#endif
