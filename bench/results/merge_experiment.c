/* SPDX-License-Identifier: MIT */
/*
 * merge_experiment.c - appends one run's rounds of an experiment to those of another; see
 * document_access.h.
 *
 * The i'th value of every figure is of the same round of the same run, before and after: a value
 * that a run lacks is null. So ratios can be computed round by round over all runs.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "document_access.h"
#include "histogram.h"

enum {
  ROUND_MOST = 1000000000 /* a larger number is no round, and is left unchanged */
};

static int pad(json_t *values, size_t rounds) {
  int error = 0;
  while (!error && json_array_size(values) < rounds)
    error = json_array_append_new(values, json_null());
  return error;
}

/* The entry of `to` that is like `entry`: an existing one, or a copy of it without values. */
static json_t *entry_for(json_t *to, const json_t *entry) {
  json_t *there = find_like(to, entry);
  if (there)
    return there;
  there = json_deep_copy(entry);
  if (json_object_set_new(there, "values", json_array()) < 0 || json_array_append(to, there) < 0) {
    json_decref(there);
    return NULL;
  }
  json_decref(there); /* the array holds the reference */
  return there;
}

static int append_rounds(json_t *to, const json_t *from, size_t before, size_t rounds) {
  for (size_t i = 0; i < json_array_size(from); i++) {
    const json_t *entry = json_array_get(from, i);
    json_t *there = entry_for(to, entry);
    json_t *values = json_object_get(there, "values");
    if (!values || pad(values, before) < 0 ||
        json_array_extend(values, json_object_get(entry, "values")) < 0)
      return -ENOMEM;
  }
  for (size_t i = 0; i < json_array_size(to); i++)
    if (pad(json_object_get(json_array_get(to, i), "values"), rounds) < 0)
      return -ENOMEM;
  return 0;
}

static int add_histogram(json_t *entry, const json_t *from, const char **why) {
  struct histogram *sum = histogram_from_json(json_object_get(entry, "histogram"), why);
  struct histogram *more = histogram_from_json(json_object_get(from, "histogram"), why);
  int error = -EBADMSG;
  bool fits = sum && more && histogram_count(sum) <= INT64_MAX - histogram_count(more);
  if (sum && more && !fits)
    *why = "the two count more values than a number holds";
  if (fits) {
    histogram_merge(sum, more);
    error = json_object_set_new(entry, "histogram", histogram_to_json(sum)) < 0 ? -ENOMEM : 0;
  }
  histogram_free(sum);
  histogram_free(more);
  return error;
}

static int add_histograms(json_t *to, const json_t *from, const char **why) {
  int error = 0;
  for (size_t i = 0; !error && i < json_array_size(from); i++) {
    const json_t *entry = json_array_get(from, i);
    json_t *there = find_like(to, entry);
    if (there)
      error = add_histogram(there, entry, why);
    else
      error = json_array_append_new(to, json_deep_copy(entry)) < 0 ? -ENOMEM : 0;
  }
  return error;
}

/* Rounds are renumbered: those of the second run follow `before` others. */
static int append_failures(json_t *to, const json_t *from, size_t before) {
  int error = 0;
  for (size_t i = 0; !error && i < json_array_size(from); i++) {
    json_t *failure = json_deep_copy(json_array_get(from, i));
    const json_t *round = json_object_get(failure, "round");
    json_int_t number = json_integer_value(round);
    if (json_is_integer(round) && number >= 0 && number <= ROUND_MOST)
      error = json_object_set_new(failure, "round", json_integer(number + (json_int_t)before));
    error |= json_array_append_new(to, failure);
  }
  return error ? -ENOMEM : 0;
}

static bool has_text(const json_t *texts, const char *text) {
  for (size_t i = 0; i < json_array_size(texts); i++) {
    const char *there = json_string_value(json_array_get(texts, i));
    if (there && strcmp(there, text) == 0)
      return true;
  }
  return false;
}

static int unite_contestants(json_t *to, const json_t *from) {
  int error = 0;
  for (size_t i = 0; i < json_array_size(from); i++) {
    json_t *name = json_array_get(from, i);
    if (json_is_string(name) && !has_text(to, json_string_value(name)))
      error |= json_array_append(to, name);
  }
  return error ? -ENOMEM : 0;
}

static int unite(json_t *to, const json_t *from, const char *key) {
  int error = 0;
  for (size_t i = 0; i < json_array_size(from); i++) {
    json_t *entry = json_array_get(from, i);
    if (!find_named(to, key, member_text(entry, key)))
      error |= json_array_append_new(to, json_deep_copy(entry));
  }
  return error ? -ENOMEM : 0;
}

/* A contestant that took part in one of the runs is not absent. */
static void drop_present(json_t *absent, const json_t *contestants) {
  for (size_t i = json_array_size(absent); i-- > 0;)
    if (has_text(contestants, member_text(json_array_get(absent, i), "contestant")))
      json_array_remove(absent, i);
}

/* The experiment's list, created if missing. */
static json_t *list(json_t *experiment, const char *key) {
  if (!json_is_array(json_object_get(experiment, key)))
    json_object_set_new(experiment, key, json_array());
  return json_object_get(experiment, key);
}

static int keep_claims(json_t *to, const json_t *from) {
  const json_t *claims = json_object_get(from, "claims");
  if (!claims || json_object_get(to, "claims"))
    return 0;
  return json_object_set_new(to, "claims", json_deep_copy(claims)) < 0 ? -ENOMEM : 0;
}

int merge_experiment(json_t *to, const json_t *from, const char **why) {
  size_t before = rounds_of(to), rounds = before + rounds_of(from);
  json_t *contestants = list(to, "contestants"), *absent = list(to, "absent");
  int error = unite_contestants(contestants, json_object_get(from, "contestants"));
  error = error ? error : unite(absent, json_object_get(from, "absent"), "contestant");
  drop_present(absent, contestants);
  error = error ? error : unite(list(to, "points"), json_object_get(from, "points"), "id");
  for (size_t i = 0; !error && i < 2; i++) {
    const char *key = i == 0 ? "figures" : "resolution";
    error = append_rounds(list(to, key), json_object_get(from, key), before, rounds);
  }
  if (!error)
    error = append_failures(list(to, "failures"), json_object_get(from, "failures"), before);
  if (!error)
    error = add_histograms(list(to, "histograms"), json_object_get(from, "histograms"), why);
  error = error ? error : keep_claims(to, from);
  json_t *parameters = json_object_get(to, "parameters");
  if (!error && parameters &&
      json_object_set_new(parameters, "rounds", json_integer((json_int_t)rounds)) < 0)
    error = -ENOMEM;
  return error;
}

/* ---- estimates ------------------------------------------------------------------------------ */

static int set_median(json_t *figure, size_t fewest, uint64_t seed) {
  struct numbers values = numbers_of(figure);
  if (!values.at)
    return -ENOMEM;
  struct estimate estimate = estimate_median(values.at, values.count, fewest, seed);
  free(values.at);
  int error = json_object_set_new(figure, "median", number_to_json(estimate.median));
  error |= json_object_set_new(figure, "low", number_to_json(estimate.low));
  error |= json_object_set_new(figure, "high", number_to_json(estimate.high));
  return error ? -ENOMEM : 0;
}

static int estimate_entry(const json_t *experiment, json_t *entry, bool is_figure, uint64_t seed) {
  const json_t *baseline =
      find_entry(json_object_get(experiment, "figures"), member_text(experiment, "baseline"),
                 member_text(entry, "point"), member_text(entry, "metric"));
  size_t fewest = metric_fewest(metric_of(experiment, entry));
  int error = is_figure ? set_median(entry, fewest, seed) : 0;
  if (error)
    return error;
  if (baseline && baseline != entry)
    return set_ratio(entry, entry, baseline, fewest, seed);
  return json_object_set_new(entry, "ratio", json_null()) < 0 ? -ENOMEM : 0;
}

int merge_estimates(json_t *experiment, uint64_t seed) {
  const json_t *figures = json_object_get(experiment, "figures");
  const json_t *again = json_object_get(experiment, "resolution");
  int error = 0;
  for (size_t i = 0; !error && i < json_array_size(figures); i++)
    error = estimate_entry(experiment, json_array_get(figures, i), true, seed);
  for (size_t i = 0; !error && i < json_array_size(again); i++)
    error = estimate_entry(experiment, json_array_get(again, i), false, seed);
  return error ? error : claims_judge(experiment, seed);
}
