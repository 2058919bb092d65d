/* SPDX-License-Identifier: MIT */
/* document_access.c - see document_access.h. Lists are searched linearly: they have hundreds of
 * entries, and are searched once per figure. */
#include "document_access.h"

#include <errno.h>
#include <math.h>
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
