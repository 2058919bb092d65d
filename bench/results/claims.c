/* SPDX-License-Identifier: MIT */
/*
 * claims.c - see claims.h.
 *
 * A verdict comes from the ratio of two costs, paired by round. Whether the ratio differs from 1 is
 * not the question: with enough rounds everything differs from 1, and no line is level to the last
 * percent. The question is whether the interval lies on one side of a stated threshold.
 */
#include "claims.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document_access.h"
#include "estimates.h"
#include "significance.h"

static const char HOLDS[] = "holds", FAILS[] = "does not hold", UNRESOLVED[] = "not resolved";

/* ---- the claims as JSON ------------------------------------------------------------ */

static json_t *names_to_json(const char *const *names) {
  json_t *array = json_array();
  for (size_t i = 0; i < CLAIM_NAMES && names[i]; i++)
    json_array_append_new(array, json_string(names[i]));
  return array;
}

json_t *claims_to_json(const struct claims *claims) {
  json_t *list = json_array();
  for (size_t i = 0; i < claims->count; i++) {
    const struct claim *claim = &claims->at[i];
    json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o, s:o}", "by", claim->by, "found",
                                          claim->found, "expected", claim->expected, "about",
                                          names_to_json(claim->about), "beside",
                                          names_to_json(claim->beside)));
  }
  return json_pack("{s:s, s:f, s:o}", "metric", claims->metric, "threshold", claims->threshold,
                   "list", list);
}

/* ---- the figures ------------------------------------------------------------------- */

struct judge_context {
  const json_t *experiment;
  const char *metric;
  double threshold;
  const json_t *none; /* the point at 0 */
  bool busy;          /* the machine was: nothing is resolved */
};

static const json_t *figure_of(const struct judge_context *context, const char *contestant,
                               const json_t *point) {
  const json_t *figure = find_entry(json_object_get(context->experiment, "figures"), contestant,
                                    member_text(point, "id"), context->metric);
  return values_present(figure) > 0 ? figure : NULL;
}

static const json_t *point_at_zero(const json_t *points) {
  for (size_t i = 0; i < json_array_size(points); i++)
    if (member_number(json_array_get(points, i), "x") == 0)
      return json_array_get(points, i);
  return NULL;
}

/* The point farthest from 0, on the same line, where this contestant (NULL: any) has a figure: not
 * all can have equally many connections. */
static const json_t *farthest(const struct judge_context *context, const char *contestant) {
  const json_t *points = json_object_get(context->experiment, "points"), *most = context->none;
  for (size_t i = 0; i < json_array_size(points); i++) {
    const json_t *point = json_array_get(points, i);
    bool same_line = strcmp(member_text(point, "group"), member_text(context->none, "group")) == 0;
    if (same_line && member_number(point, "x") > member_number(most, "x") &&
        (!contestant || figure_of(context, contestant, point)))
      most = point;
  }
  return most == context->none ? NULL : most;
}

/* ---- one ratio and its threshold ------------------------------------------------------ */

/* The chance to find as many rounds on that side of the threshold as there are: NaN if the interval
 * is on neither. */
static double chance_of(const struct judge_context *context, const json_t *cost, const json_t *base,
                        const json_t *ratio) {
  bool above = member_number(ratio, "low") > context->threshold;
  bool below = member_number(ratio, "high") < context->threshold;
  if (!above && !below)
    return NAN;
  struct numbers costs = numbers_of(cost), bases = numbers_of(base);
  size_t hits = 0, rounds = 0;
  for (size_t i = 0; costs.at && bases.at && i < costs.count && i < bases.count; i++) {
    double one = costs.at[i] / bases.at[i];
    rounds += isfinite(one) ? 1 : 0;
    hits += isfinite(one) && above == (one > context->threshold) ? 1 : 0;
  }
  free(costs.at);
  free(bases.at);
  return rounds > 0 ? sign_test(hits, rounds) : NAN;
}

/* What the baseline's second run differed by at both points: a smaller effect cannot be seen. */
static double visible_from(const struct judge_context *context, const json_t *entry) {
  double here = again_factor(context->experiment, member_text(entry, "point"), context->metric);
  double there =
      again_factor(context->experiment, member_text(context->none, "id"), context->metric);
  return isnan(here) || isnan(there) ? INFINITY : fmax(here, there);
}

static const char *seen_in(const struct judge_context *context, const json_t *entry,
                           const char *expected) {
  const json_t *ratio = json_object_get(entry, "ratio");
  bool compared = strcmp(expected, CLAIM_NO_FASTER) == 0;
  double from = visible_from(context, entry);
  if (context->busy || !(member_number(ratio, "chance") <= FALSE_SHARE))
    return UNRESOLVED;
  if (member_number(ratio, "low") > context->threshold && member_number(ratio, "median") > from)
    return compared ? "faster" : CLAIM_RISES;
  if (member_number(ratio, "high") < context->threshold && from < context->threshold)
    return compared ? CLAIM_NO_FASTER : CLAIM_FLAT;
  return UNRESOLVED;
}

/* Append to `judged`, unless one of them was not measured; its chance is not yet one among many. */
static int compare_one(const struct judge_context *context, const char *contestant,
                       const char *beside, json_t *judged) {
  const json_t *point = beside ? context->none : farthest(context, contestant);
  const json_t *base = figure_of(context, contestant, context->none);
  const json_t *cost = point ? figure_of(context, beside ? beside : contestant, point) : NULL;
  if (!base || !cost)
    return 0;
  json_t *entry =
      json_pack("{s:s, s:o, s:s}", "contestant", contestant, "beside",
                beside ? json_string(beside) : json_null(), "point", member_text(point, "id"));
  int error = set_ratio(entry, cost, base, FEWEST_TIMED);
  json_t *ratio = json_object_get(entry, "ratio");
  if (json_is_object(ratio))
    error |=
        json_object_set_new(ratio, "chance", number_to_json(chance_of(context, cost, base, ratio)));
  error |= json_array_append_new(judged, entry);
  return error ? -ENOMEM : 0;
}

static int compare_all(const struct judge_context *context, json_t *claim) {
  const json_t *about = json_object_get(claim, "about"), *beside = json_object_get(claim, "beside");
  bool compared = strcmp(member_text(claim, "expected"), CLAIM_NO_FASTER) == 0;
  json_t *judged = json_array();
  int error = judged ? 0 : -ENOMEM;
  for (size_t i = 0; i < json_array_size(about); i++) {
    const char *contestant = json_string_value(json_array_get(about, i));
    size_t others = compared ? json_array_size(beside) : 1;
    for (size_t k = 0; !error && contestant && k < others; k++) {
      const char *other = compared ? json_string_value(json_array_get(beside, k)) : NULL;
      if (other || !compared)
        error = compare_one(context, contestant, other, judged);
    }
  }
  return json_object_set_new(claim, "judged", judged) < 0 ? -ENOMEM : error;
}

/* ---- many ----------------------------------------------------------------------------- */

/* The ratio of the i'th entry of all claims, or NULL if there are not as many. */
static json_t *ratio_at(const json_t *list, size_t i) {
  for (size_t claim = 0; claim < json_array_size(list); claim++) {
    const json_t *judged = json_object_get(json_array_get(list, claim), "judged");
    if (i < json_array_size(judged))
      return json_object_get(json_array_get(judged, i), "ratio");
    i -= json_array_size(judged);
  }
  return NULL;
}

static size_t count_judged(const json_t *list) {
  size_t count = 0;
  for (size_t claim = 0; claim < json_array_size(list); claim++)
    count += json_array_size(json_object_get(json_array_get(list, claim), "judged"));
  return count;
}

static int adjust_chances(const json_t *list) {
  size_t count = count_judged(list);
  double *chances = malloc((count + 1) * sizeof *chances);
  int error = chances ? 0 : -ENOMEM;
  for (size_t i = 0; !error && i < count; i++)
    chances[i] = member_number(ratio_at(list, i), "chance");
  if (!error)
    error = adjust_for_many(chances, count);
  for (size_t i = 0; !error && i < count; i++) {
    json_t *ratio = ratio_at(list, i);
    if (json_is_object(ratio) &&
        json_object_set_new(ratio, "chance", number_to_json(chances[i])) < 0)
      error = -ENOMEM;
  }
  free(chances);
  return error;
}

/* ---- verdicts ------------------------------------------------------------------------- */

static const char *verdict_on(const char *seen, const char *expected) {
  if (strcmp(seen, UNRESOLVED) == 0)
    return UNRESOLVED;
  return strcmp(seen, expected) == 0 ? HOLDS : FAILS;
}

/* The claim is refuted if it fails for one contestant, and confirmed only if it holds for all. */
static const char *sum_of(const json_t *judged) {
  const char *sum = json_array_size(judged) ? HOLDS : UNRESOLVED;
  for (size_t i = 0; i < json_array_size(judged); i++) {
    const char *one = member_text(json_array_get(judged, i), "verdict");
    if (strcmp(one, FAILS) == 0)
      return FAILS;
    if (strcmp(one, UNRESOLVED) == 0)
      sum = UNRESOLVED;
  }
  return sum;
}

static int judge_claim(const struct judge_context *context, json_t *claim) {
  const json_t *judged = json_object_get(claim, "judged");
  const char *expected = member_text(claim, "expected");
  int error = 0;
  for (size_t i = 0; i < json_array_size(judged); i++) {
    json_t *entry = json_array_get(judged, i);
    const char *seen = seen_in(context, entry, expected);
    error |= json_object_set_new(entry, "seen", json_string(seen));
    error |= json_object_set_new(entry, "verdict", json_string(verdict_on(seen, expected)));
  }
  error |= json_object_set_new(claim, "verdict", json_string(sum_of(judged)));
  return error ? -ENOMEM : 0;
}

static int say_unjudged(json_t *claims, const struct judge_context *context) {
  char why[160];
  const char *what = member_text(json_object_get(context->experiment, "x_axis"), "label");
  snprintf(why, sizeof why, "they need a point with 0 and one with more %s",
           *what && strlen(what) < 80 ? what : "on the axis");
  return json_object_set_new(claims, "unjudged", json_string(why)) < 0 ? -ENOMEM : 0;
}

int claims_judge(json_t *experiment, bool busy) {
  json_t *claims = json_object_get(experiment, "claims");
  const json_t *list = json_object_get(claims, "list");
  if (!json_is_object(claims))
    return 0;
  struct judge_context context = {
      .experiment = experiment,
      .metric = member_text(claims, "metric"),
      .threshold = member_number(claims, "threshold"),
      .none = point_at_zero(json_object_get(experiment, "points")),
      .busy = busy,
  };
  bool can_judge = context.none && farthest(&context, NULL);
  json_object_del(claims, "unjudged");
  int error = can_judge ? 0 : say_unjudged(claims, &context);
  for (size_t i = 0; !error && i < json_array_size(list); i++) {
    json_t *claim = json_array_get(list, i);
    json_object_del(claim, "verdict");
    json_object_del(claim, "judged");
    if (can_judge && json_is_object(claim))
      error = compare_all(&context, claim);
  }
  if (!error && can_judge)
    error = adjust_chances(list);
  for (size_t i = 0; !error && can_judge && i < json_array_size(list); i++)
    if (json_is_object(json_array_get(list, i)))
      error = judge_claim(&context, json_array_get(list, i));
  return error;
}
