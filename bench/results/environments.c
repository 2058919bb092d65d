/* SPDX-License-Identifier: MIT */
/* environments.c - see environments.h. */
#include "environments.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* "libraries" and then "libevent" in it: objects here are one level deep. */
static const json_t *value_at(const json_t *environment, const char *outer, const char *inner) {
  const json_t *value = json_object_get(environment, outer);
  return inner ? json_object_get(value, inner) : value;
}

static bool equal(const json_t *left, const json_t *right) {
  return left == right || (left && right && json_equal(left, right));
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
