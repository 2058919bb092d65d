/* SPDX-License-Identifier: MIT */
/*
 * merge_experiment.h - appends one run's rounds of an experiment to those of another.
 */
#ifndef BENCH_MERGE_EXPERIMENT_H
#define BENCH_MERGE_EXPERIMENT_H

#include <stdint.h>

#include <jansson.h>

/* Append `from`, which merge_check has accepted, to `to`. 0; -ENOMEM; -EBADMSG with a reason
 * (static): a histogram is invalid. */
int merge_experiment(json_t *to, const json_t *from, const char **why);

/* Compute every estimate again from the values, and judge the claims again. 0, -ENOMEM. */
int merge_estimates(json_t *experiment, uint64_t seed);

#endif
