/* SPDX-License-Identifier: MIT */
/*
 * setup.h - from options to a lab that can run: every error in the options is reported before the
 * first measurement, not after half an hour.
 */
#ifndef BENCH_SETUP_H
#define BENCH_SETUP_H

#include "bench.h"
#include "options.h"

enum {
  EXPERIMENTS_MAX = 64
};

/* The named experiments, or those of quick or all; ends with NULL. Like all functions below: 0, or
 * an exit code after printing an error. */
int setup_experiments(const struct lab_options *options,
                      const struct experiment *ret[EXPERIMENTS_MAX + 1], enum bench_size *size);

/* Everything else; bench->size is set. */
int setup_bench(const struct lab_options *options, struct bench *ret);

/* Can the requested files be written? */
int setup_outputs(const struct lab_options *options);

/* As much as --help of an experiment needs. */
void setup_description(const struct lab_options *options, struct bench *ret);

#endif
