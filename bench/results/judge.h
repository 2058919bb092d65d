/* SPDX-License-Identifier: MIT */
/*
 * judge.h - one figure, before and now: has it changed, or is it noise?
 */
#ifndef BENCH_JUDGE_H
#define BENCH_JUDGE_H

#include <stdint.h>

#include <jansson.h>

#include "statistics.h"

enum judgement {
  JUDGED_SAME, /* no difference resolved */
  JUDGED_REGRESSION,
  JUDGED_IMPROVEMENT,
};

struct judged {
  double before, now;    /* medians */
  struct estimate ratio; /* now / before; NaN if there is none (before is 0) */
  double resolution;     /* a factor from 1 on, the coarser of the two documents'; NaN: unknown */
  enum judgement judgement;
};

/*
 * The difference between the same contestant's two runs (A/A): the farther end of that ratio's
 * interval, as a factor from 1 on. NaN if the experiment does not have it.
 */
double judge_resolution(const json_t *experiment, const json_t *figure);

/* `metric`: of both, whose `better` is "lower" or "higher". 0, -ENOMEM. */
int judge(const json_t *before, const json_t *now, double resolution, const json_t *metric,
          uint64_t seed, struct judged *ret);

#endif
