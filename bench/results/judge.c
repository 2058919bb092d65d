/* SPDX-License-Identifier: MIT */
/*
 * judge.c - see judge.h.
 *
 * Two runs on a machine that is not idle always differ, and resampling only covers variation within
 * each of them. Variation between runs is visible only in the A/A check. So a change counts only if
 * both agree: the interval of the ratio excludes 1, and the ratio is larger than the difference
 * between two measurements of the same contestant in either document. How often that is wrong was
 * measured: docs/bench-schema.md.
 */
#include "judge.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "document_access.h"

static double as_factor(double ratio) {
  return ratio < 1 ? 1 / ratio : ratio;
}

double judge_resolution(const json_t *experiment, const json_t *figure) {
  const json_t *entry =
      find_like(json_object_get(experiment, "resolution"), figure, resolution_keys);
  struct estimate again = ratio_from_json(json_object_get(entry, "ratio"));
  if (!(again.low > 0) || !(again.high > 0))
    return NAN;
  return fmax(as_factor(again.low), as_factor(again.high));
}

static enum judgement direction(bool is_more, const char *better) {
  if (better[0] == 'l')
    return is_more ? JUDGED_REGRESSION : JUDGED_IMPROVEMENT;
  return is_more ? JUDGED_IMPROVEMENT : JUDGED_REGRESSION;
}

/* All rounds were 0 and none is now: a cost appeared, although there is no ratio. */
static bool rose_from_zero(const struct numbers *before, const struct numbers *now, size_t fewest) {
  for (size_t i = 0; i < before->count; i++)
    if (before->at[i] != 0 && !isnan(before->at[i]))
      return false;
  for (size_t i = 0; i < now->count; i++)
    if (now->at[i] <= 0)
      return false;
  return numbers_present(before) >= fewest && numbers_present(now) >= fewest;
}

static enum judgement judgement_of(const struct judged *judged, const struct numbers *before,
                                   const struct numbers *now, const json_t *metric) {
  const char *better = member_text(metric, "better");
  if (isnan(judged->ratio.median))
    return rose_from_zero(before, now, metric_fewest(metric)) ? direction(true, better)
                                                              : JUDGED_SAME;
  if (!estimate_resolved(judged->ratio) || !(as_factor(judged->ratio.median) > judged->resolution))
    return JUDGED_SAME;
  return direction(judged->ratio.median > 1, better);
}

static struct judged judged_of(const struct numbers *before, const struct numbers *now,
                               double resolution, const json_t *metric, uint64_t seed) {
  struct judged judged = {
      .before = median_of(before->at, before->count),
      .now = median_of(now->at, now->count),
      .ratio = estimate_ratio_of_medians(now->at, now->count, before->at, before->count,
                                         metric_fewest(metric), seed),
      .resolution = resolution,
  };
  judged.judgement = judgement_of(&judged, before, now, metric);
  return judged;
}

int judge(const json_t *before, const json_t *now, double resolution, const json_t *metric,
          uint64_t seed, struct judged *ret) {
  struct numbers old_values, new_values;
  if (numbers_of(json_object_get(before, "values"), &old_values) < 0)
    return -ENOMEM;
  if (numbers_of(json_object_get(now, "values"), &new_values) < 0) {
    free(old_values.at);
    return -ENOMEM;
  }
  *ret = judged_of(&old_values, &new_values, resolution, metric, seed);
  free(old_values.at);
  free(new_values.at);
  return 0;
}
