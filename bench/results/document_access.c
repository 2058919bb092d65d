/* SPDX-License-Identifier: MIT */
/* document_access.c - see document_access.h. Lists are searched linearly: they have hundreds of
 * entries, and are searched once per figure. */
#include "document_access.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *const figure_keys[] = {"contestant", "point", "metric", NULL};
const char *const resolution_keys[] = {"point", "metric", NULL};
const char *const histogram_keys[] = {"contestant", "point", NULL};

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

static bool is_like(const json_t *entry, const json_t *like, const char *const *keys) {
  for (; *keys; keys++)
    if (strcmp(member_text(entry, *keys), member_text(like, *keys)) != 0)
      return false;
  return true;
}

json_t *find_like(const json_t *list, const json_t *like, const char *const *keys) {
  for (size_t i = 0; i < json_array_size(list); i++)
    if (is_like(json_array_get(list, i), like, keys))
      return json_array_get(list, i);
  return NULL;
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

int numbers_of(const json_t *values, struct numbers *ret) {
  size_t count = json_array_size(values);
  double *at = malloc((count ? count : 1) * sizeof *at);
  if (!at)
    return -ENOMEM;
  for (size_t i = 0; i < count; i++) {
    const json_t *value = json_array_get(values, i);
    at[i] = json_is_number(value) ? json_number_value(value) : NAN;
  }
  *ret = (struct numbers){at, count};
  return 0;
}

size_t numbers_present(const struct numbers *numbers) {
  size_t present = 0;
  for (size_t i = 0; i < numbers->count; i++)
    present += isnan(numbers->at[i]) ? 0 : 1;
  return present;
}

const json_t *metric_of(const json_t *experiment, const json_t *entry) {
  return find_named(json_object_get(experiment, "metrics"), "id", member_text(entry, "metric"));
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

json_t *ratio_to_json(struct estimate ratio) {
  if (isnan(ratio.median))
    return json_null();
  return json_pack("{s:o, s:o, s:o, s:b}", "median", number_to_json(ratio.median), "low",
                   number_to_json(ratio.low), "high", number_to_json(ratio.high), "resolved",
                   (int)estimate_resolved(ratio));
}

struct estimate ratio_from_json(const json_t *ratio) {
  return (struct estimate){
      .median = member_number(ratio, "median"),
      .low = member_number(ratio, "low"),
      .high = member_number(ratio, "high"),
  };
}

/* ---- the machines of several documents ------------------------------------------------------ */

/* "libraries" and then "libevent" in it: objects here are one level deep. */
static const json_t *value_at(const json_t *environment, const char *outer, const char *inner) {
  const json_t *value = json_object_get(environment, outer);
  return inner ? json_object_get(value, inner) : value;
}

static bool is_listed(const json_t *differences, const json_t *member) {
  for (size_t i = 0; i < json_array_size(differences); i++)
    if (equal(json_object_get(json_array_get(differences, i), "member"), member))
      return true;
  return false;
}

static int append_difference(json_t *differences, json_t *member, const json_t *const *environments,
                             size_t count, const char *outer, const char *inner) {
  json_t *values = json_array();
  int error = 0;
  for (size_t i = 0; i < count; i++) {
    const json_t *value = value_at(environments[i], outer, inner);
    error |= json_array_append_new(values, value ? json_deep_copy(value) : json_null());
  }
  json_t *difference = json_pack("{s:O, s:o}", "member", member, "values", values);
  return error | json_array_append_new(differences, difference);
}

static int compare_member(json_t *differences, const json_t *const *environments, size_t count,
                          const char *outer, const char *inner) {
  bool same = true;
  for (size_t i = 1; i < count; i++)
    same = same &&
           equal(value_at(environments[0], outer, inner), value_at(environments[i], outer, inner));
  if (same)
    return 0;
  json_t *member = json_sprintf("%s%s%s", outer, inner ? "." : "", inner ? inner : "");
  int error = member ? 0 : -1;
  if (!error && !is_listed(differences, member))
    error = append_difference(differences, member, environments, count, outer, inner);
  json_decref(member);
  return error;
}

static bool all_have_object(const json_t *const *environments, size_t count, const char *outer) {
  for (size_t i = 0; i < count; i++)
    if (!json_is_object(json_object_get(environments[i], outer)))
      return false;
  return true;
}

/* All members that one environment has. Members that only another one has are found in its turn. */
static int compare_members_of(json_t *differences, const json_t *const *environments, size_t count,
                              const json_t *environment) {
  const char *outer, *inner;
  json_t *value, *part;
  int error = 0;
  json_object_foreach((json_t *)environment, outer, value) {
    if (all_have_object(environments, count, outer))
      json_object_foreach(value, inner, part) error |=
          compare_member(differences, environments, count, outer, inner);
    else
      error |= compare_member(differences, environments, count, outer, NULL);
  }
  return error;
}

json_t *environments_differences(const json_t *const *environments, size_t count) {
  json_t *differences = json_array();
  int error = differences ? 0 : -1;
  for (size_t i = 0; i < count; i++)
    error |= compare_members_of(differences, environments, count, environments[i]);
  if (error) {
    json_decref(differences);
    return NULL;
  }
  return differences;
}

char *environment_value_text(const json_t *value) {
  if (json_is_string(value))
    return strdup(json_string_value(value));
  if (!value || json_is_null(value))
    return strdup("-");
  return json_dumps(value,
                    JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(6));
}
