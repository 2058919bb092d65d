/* SPDX-License-Identifier: MIT */
/* estimates.c - see estimates.h. */
#include "estimates.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "claims.h"
#include "document_access.h"
#include "quality.h"
#include "significance.h"

/* ---- estimates of an experiment ------------------------------------------------------------------ */

static const json_t *baseline_of(const json_t *experiment, const json_t *entry) {
  return find_entry(json_object_get(experiment, "figures"), member_text(experiment, "baseline"),
                    member_text(entry, "point"), member_text(entry, "metric"));
}

static int estimate_entry(const json_t *experiment, json_t *entry, bool is_figure) {
  const json_t *baseline = baseline_of(experiment, entry);
  size_t fewest = metric_fewest(metric_of(experiment, entry));
  int error = is_figure ? set_median(entry, fewest) : 0;
  if (error)
    return error;
  if (baseline && baseline != entry)
    return set_ratio(entry, entry, baseline, fewest);
  return json_object_set_new(entry, "ratio", json_null()) < 0 ? -ENOMEM : 0;
}

static int estimate_list(const json_t *experiment, const char *key) {
  const json_t *entries = json_object_get(experiment, key);
  bool is_figure = *key == 'f';
  int error = 0;
  for (size_t i = 0; !error && i < json_array_size(entries); i++)
    error = estimate_entry(experiment, json_array_get(entries, i), is_figure);
  return error;
}

/* ---- which differences are resolved -------------------------------------------------------------- */

static double as_factor(double ratio) {
  return ratio < 1 ? 1 / ratio : ratio;
}

static const json_t *again_of(const json_t *experiment, const char *point, const char *metric) {
  return find_entry(json_object_get(experiment, "resolution"), "", point, metric);
}

double again_factor(const json_t *experiment, const char *point, const char *metric) {
  const json_t *ratio = json_object_get(again_of(experiment, point, metric), "ratio");
  double low = member_number(ratio, "low"), high = member_number(ratio, "high");
  return low > 0 && high > 0 ? fmax(as_factor(low), as_factor(high)) : NAN;
}

/* NaN: nothing to compare, or a counted figure, which has no chance in it. */
static double chance_of(const json_t *experiment, const json_t *figure) {
  if (!json_is_object(json_object_get(figure, "ratio")) ||
      metric_counted(metric_of(experiment, figure)))
    return NAN;
  struct numbers own = numbers_of(figure), base = numbers_of(baseline_of(experiment, figure)),
                 twin = numbers_of(again_of(experiment, member_text(figure, "point"),
                                            member_text(figure, "metric")));
  size_t rounds = own.count < base.count ? own.count : base.count;
  rounds = rounds < twin.count ? rounds : twin.count;
  double chance =
      own.at && base.at && twin.at ? beyond_baseline(own.at, base.at, twin.at, rounds) : NAN;
  free(own.at);
  free(base.at);
  free(twin.at);
  return chance;
}

/* A count that differs by less is called the same: a call more at the end of a run. */
#define COUNTED_LEAST 1.01

static bool is_resolved(const json_t *experiment, const json_t *figure, double chance, bool busy) {
  const json_t *ratio = json_object_get(figure, "ratio");
  bool counted = metric_counted(metric_of(experiment, figure));
  double factor =
      again_factor(experiment, member_text(figure, "point"), member_text(figure, "metric"));
  return json_is_true(json_object_get(ratio, "resolved")) &&
         as_factor(member_number(ratio, "median")) >
             (counted ? fmax(factor, COUNTED_LEAST) : factor) &&
         (counted || (chance <= FALSE_SHARE && !busy));
}

static int resolve_figures(const json_t *experiment, bool busy) {
  const json_t *figures = json_object_get(experiment, "figures");
  size_t count = json_array_size(figures);
  double *chances = malloc((count + 1) * sizeof *chances);
  int error = chances ? 0 : -ENOMEM;
  for (size_t i = 0; !error && i < count; i++)
    chances[i] = chance_of(experiment, json_array_get(figures, i));
  if (!error)
    error = adjust_for_many(chances, count);
  for (size_t i = 0; !error && i < count; i++) {
    const json_t *figure = json_array_get(figures, i);
    json_t *ratio = json_object_get(figure, "ratio");
    bool resolved = is_resolved(experiment, figure, chances[i], busy);
    if (json_is_object(ratio) &&
        (json_object_set_new(ratio, "resolved", json_boolean(resolved)) < 0 ||
         json_object_set_new(ratio, "chance", number_to_json(chances[i])) < 0))
      error = -ENOMEM;
  }
  free(chances);
  return error;
}

/* ---- a document ---------------------------------------------------------------------------------- */

int document_judge(json_t *document) {
  const json_t *experiments = json_object_get(document, "experiments");
  int error = 0;
  for (size_t i = 0; !error && i < json_array_size(experiments); i++) {
    const json_t *experiment = json_array_get(experiments, i);
    error = estimate_list(experiment, "figures");
    error = error ? error : estimate_list(experiment, "resolution");
  }
  json_t *judgement = error ? NULL : quality_judge(document);
  if (!judgement || json_object_set_new(judgement, "rules", json_integer(JUDGEMENT_RULES)) < 0 ||
      json_object_set(document, "judgement", judgement) < 0)
    error = error ? error : -ENOMEM;
  bool busy = json_is_true(json_object_get(judgement, "busy"));
  for (size_t i = 0; !error && i < json_array_size(experiments); i++) {
    json_t *experiment = json_array_get(experiments, i);
    error = resolve_figures(experiment, busy);
    error = error ? error : claims_judge(experiment, busy);
  }
  json_decref(judgement);
  return error;
}
