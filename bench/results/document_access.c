/* SPDX-License-Identifier: MIT */
/* document_access.c - see document_access.h. Lists are searched linearly: they have hundreds of
 * entries, and are searched once per figure. */
#include "document_access.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *member_text(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

double member_number(const json_t *object, const char *key) {
  const json_t *number = json_object_get(object, key);
  return json_is_number(number) ? json_number_value(number) : NAN;
}

static bool equal(const json_t *left, const json_t *right) {
  return left == right || (left && right && json_equal(left, right));
}

bool same_member(const json_t *left, const json_t *right, const char *key) {
  return equal(json_object_get(left, key), json_object_get(right, key));
}

json_t *find_entry(const json_t *list, const char *contestant, const char *point,
                   const char *metric) {
  for (size_t i = 0; i < json_array_size(list); i++) {
    json_t *entry = json_array_get(list, i);
    if (strcmp(member_text(entry, "contestant"), contestant) == 0 &&
        strcmp(member_text(entry, "point"), point) == 0 &&
        strcmp(member_text(entry, "metric"), metric) == 0)
      return entry;
  }
  return NULL;
}

json_t *find_like(const json_t *list, const json_t *entry) {
  return find_entry(list, member_text(entry, "contestant"), member_text(entry, "point"),
                    member_text(entry, "metric"));
}

json_t *find_named(const json_t *list, const char *key, const char *text) {
  for (size_t i = 0; i < json_array_size(list); i++)
    if (strcmp(member_text(json_array_get(list, i), key), text) == 0)
      return json_array_get(list, i);
  return NULL;
}

size_t values_present(const json_t *entry) {
  const json_t *values = json_object_get(entry, "values");
  size_t present = 0;
  for (size_t i = 0; i < json_array_size(values); i++)
    present += json_is_number(json_array_get(values, i)) ? 1 : 0;
  return present;
}

struct numbers numbers_of(const json_t *entry) {
  const json_t *values = json_object_get(entry, "values");
  size_t count = json_array_size(values);
  struct numbers numbers = {malloc((count + 1) * sizeof *numbers.at), count};
  for (size_t i = 0; numbers.at && i < count; i++) {
    const json_t *value = json_array_get(values, i);
    numbers.at[i] = json_is_number(value) ? json_number_value(value) : NAN;
  }
  return numbers;
}

const json_t *metric_of(const json_t *experiment, const json_t *entry) {
  return find_named(json_object_get(experiment, "metrics"), "id", member_text(entry, "metric"));
}

const json_t *point_of(const json_t *experiment, const json_t *entry) {
  return find_named(json_object_get(experiment, "points"), "id", member_text(entry, "point"));
}

bool metric_counted(const json_t *metric) {
  return json_is_true(json_object_get(metric, "counted"));
}

size_t metric_fewest(const json_t *metric) {
  return metric_counted(metric) ? FEWEST_COUNTED : FEWEST_TIMED;
}

static size_t longest(const json_t *list) {
  size_t most = 0;
  for (size_t i = 0; i < json_array_size(list); i++) {
    size_t count = json_array_size(json_object_get(json_array_get(list, i), "values"));
    most = count > most ? count : most;
  }
  return most;
}

size_t rounds_of(const json_t *experiment) {
  size_t figures = longest(json_object_get(experiment, "figures"));
  size_t again = longest(json_object_get(experiment, "resolution"));
  return figures > again ? figures : again;
}

json_t *number_to_json(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

int set_median(json_t *entry, size_t fewest) {
  struct numbers values = numbers_of(entry);
  if (!values.at)
    return -ENOMEM;
  struct estimate estimate = estimate_median(values.at, values.count, fewest);
  free(values.at);
  int error = json_object_set_new(entry, "median", number_to_json(estimate.median));
  error |= json_object_set_new(entry, "low", number_to_json(estimate.low));
  error |= json_object_set_new(entry, "high", number_to_json(estimate.high));
  return error ? -ENOMEM : 0;
}

static json_t *ratio_to_json(struct estimate ratio) {
  if (isnan(ratio.median))
    return json_null();
  return json_pack("{s:o, s:o, s:o, s:b}", "median", number_to_json(ratio.median), "low",
                   number_to_json(ratio.low), "high", number_to_json(ratio.high), "resolved",
                   (int)estimate_resolved(ratio));
}

int set_ratio(json_t *to, const json_t *entry, const json_t *baseline, size_t fewest) {
  struct numbers values = numbers_of(entry), against = numbers_of(baseline);
  size_t count = values.count < against.count ? values.count : against.count;
  int error = values.at && against.at ? 0 : -ENOMEM;
  if (!error) {
    struct estimate ratio = estimate_ratio(values.at, against.at, count, fewest);
    error = json_object_set_new(to, "ratio", ratio_to_json(ratio)) < 0 ? -ENOMEM : 0;
  }
  free(values.at);
  free(against.at);
  return error;
}

/* ---- the machines of several documents ------------------------------------------------------ */

/* "libraries" and then "libevent" in it: objects here are one level deep. */
static json_t *value_at(const json_t *runs, size_t run, const char *outer, const char *inner) {
  json_t *environment = json_object_get(json_array_get(runs, run), "environment");
  json_t *value = json_object_get(environment, outer);
  return inner ? json_object_get(value, inner) : value;
}

static int add_if_different(json_t *differences, const json_t *runs, const char *outer,
                            const char *inner) {
  bool same = true;
  for (size_t i = 1; i < json_array_size(runs); i++)
    same = same && equal(value_at(runs, 0, outer, inner), value_at(runs, i, outer, inner));
  if (same)
    return 0;
  json_t *values = json_array();
  int error = 0;
  for (size_t i = 0; i < json_array_size(runs); i++) {
    json_t *value = value_at(runs, i, outer, inner);
    error |= json_array_append_new(values, value ? json_incref(value) : json_null());
  }
  json_t *member = json_sprintf("%s%s%s", outer, inner ? "." : "", inner ? inner : "");
  json_t *difference = json_pack("{s:o, s:o}", "member", member, "values", values);
  return error | json_array_append_new(differences, difference);
}

static bool all_have_object(const json_t *runs, const char *outer) {
  for (size_t i = 0; i < json_array_size(runs); i++)
    if (!json_is_object(value_at(runs, i, outer, NULL)))
      return false;
  return true;
}

static bool earlier_has(const json_t *runs, size_t run, const char *outer, const char *inner) {
  for (size_t i = 0; i < run; i++)
    if (value_at(runs, i, outer, inner))
      return true;
  return false;
}

/* The members that this run has and no earlier one. */
static int compare_members_of(json_t *differences, const json_t *runs, size_t run) {
  json_t *environment = json_object_get(json_array_get(runs, run), "environment"), *value, *part;
  const char *outer, *inner;
  int error = 0;
  json_object_foreach(environment, outer, value) {
    if (!all_have_object(runs, outer)) {
      if (!earlier_has(runs, run, outer, NULL))
        error |= add_if_different(differences, runs, outer, NULL);
      continue;
    }
    json_object_foreach(value, inner, part) {
      if (!earlier_has(runs, run, outer, inner))
        error |= add_if_different(differences, runs, outer, inner);
    }
  }
  return error;
}

json_t *environments_differences(const json_t *runs) {
  json_t *differences = json_array();
  int error = 0;
  for (size_t i = 0; i < json_array_size(runs); i++)
    error |= compare_members_of(differences, runs, i);
  if (!error)
    return differences;
  json_decref(differences);
  return NULL;
}

char *environment_value_text(const json_t *value) {
  if (json_is_string(value))
    return strdup(json_string_value(value));
  if (!value || json_is_null(value))
    return strdup("-");
  return json_dumps(value,
                    JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(6));
}
