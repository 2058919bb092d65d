/* SPDX-License-Identifier: MIT */
/*
 * judge.h - one figure, before and now: is it another, or is that noise?
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
  struct estimate ratio; /* now / before; NaN where there is none (before is 0) */
  double resolution;     /* a factor from 1 on, the coarser of both documents'; NaN: unknown */
  enum judgement judgement;
};

/*
 * How far apart the same contestant's two runs were (A/A): the end of that ratio's interval that is
 * farther from 1, as a factor from 1 on. NaN where the experiment does not say.
 */
double judge_resolution(const json_t *experiment, const json_t *figure);

/* `metric`: theirs, whose `better` is "lower" or "higher". 0, -ENOMEM. */
int judge(const json_t *before, const json_t *now, double resolution, const json_t *metric,
          uint64_t seed, struct judged *ret);

#endif
