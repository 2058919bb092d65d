/* SPDX-License-Identifier: MIT */
/*
 * experiments.h - the list of experiments, and the texts around it in --help.
 */
#ifndef BENCH_EXPERIMENTS_H
#define BENCH_EXPERIMENTS_H

#include "bench.h"

/* In the order in which `all` runs them; ends with NULL. The same for `quick`. */
extern const struct experiment *const experiments_all[];
extern const struct experiment *const experiments_quick[];

/* NULL: there is none of that name. */
const struct experiment *experiment_find(const char *name);

/* Print "  latency    Round trips" for each on stdout. */
void experiments_print(void);

extern const char help_before_experiments[], help_after_experiments[];

#endif
