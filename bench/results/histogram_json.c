/* SPDX-License-Identifier: MIT */
/*
 * histogram_json.c - a histogram in a document, without loss: the lowest value and the count of
 * each bucket that is not empty. Input is untrusted, perhaps written by hand, and is refused with a
 * reason unless it is consistent.
 */
#include "histogram.h"

#include <math.h>

#include "histogram_buckets.h"

static int append_counts(const struct histogram *histogram, json_t *counts) {
  for (size_t bucket = 0; bucket < BUCKETS; bucket++) {
    if (histogram->counts[bucket] == 0)
      continue;
    json_t *pair = json_pack("[I, I]", (json_int_t)bucket_lowest(bucket),
                             (json_int_t)histogram->counts[bucket]);
    if (json_array_append_new(counts, pair) < 0)
      return -1;
  }
  return 0;
}

json_t *histogram_to_json(const struct histogram *histogram) {
  json_t *counts = json_array();
  if (!counts || append_counts(histogram, counts) < 0) {
    json_decref(counts);
    return NULL;
  }
  return json_pack("{s:i, s:I, s:I, s:I, s:f, s:f, s:o}", "digits", HISTOGRAM_DIGITS, "count",
                   (json_int_t)histogram_count(histogram), "min",
                   (json_int_t)histogram_min(histogram), "max",
                   (json_int_t)histogram_max(histogram), "sum", histogram_sum(histogram),
                   "sum_squares", histogram_sum_squares(histogram), "counts", counts);
}

static bool take_integer(const json_t *json, uint64_t *ret) {
  if (!json_is_integer(json) || json_integer_value(json) < 0)
    return false;
  *ret = (uint64_t)json_integer_value(json);
  return true;
}

static const char *take_counts(struct histogram *histogram, const json_t *counts) {
  if (!json_is_array(counts))
    return "it has no \"counts\"";
  for (size_t i = 0; i < json_array_size(counts); i++) {
    const json_t *pair = json_array_get(counts, i);
    uint64_t value, count;
    if (json_array_size(pair) != 2 || !take_integer(json_array_get(pair, 0), &value) ||
        !take_integer(json_array_get(pair, 1), &count) || count == 0)
      return "one of its counts is not [value, n] with n above 0";
    if (value > HISTOGRAM_HIGHEST)
      return "one of its values is above an hour";
    size_t bucket = bucket_of(value);
    if (bucket_lowest(bucket) != value)
      return "one of its values is not where a bucket begins";
    if (histogram->counts[bucket])
      return "one of its values is there twice";
    histogram->counts[bucket] = count;
  }
  return NULL;
}

/* Another program may add up the sums in another order: equal to the third digit. */
static bool agrees(const json_t *json, double sum) {
  return json_is_number(json) && fabs(json_number_value(json) - sum) <= sum / 1000;
}

static const char *take(struct histogram *histogram, const json_t *json) {
  const json_t *digits = json_object_get(json, "digits");
  if (!json_is_object(json))
    return "it is not an object";
  if (!json_is_integer(digits) || json_integer_value(digits) != HISTOGRAM_DIGITS)
    return "its \"digits\" are not 3";
  if (!take_integer(json_object_get(json, "count"), &histogram->count) ||
      !take_integer(json_object_get(json, "min"), &histogram->min) ||
      !take_integer(json_object_get(json, "max"), &histogram->max))
    return "its \"count\", \"min\" or \"max\" is not a number from 0";
  if (histogram->count == 0 && histogram->min == 0)
    histogram->min = UINT64_MAX;

  const char *fault = take_counts(histogram, json_object_get(json, "counts"));
  if (!fault)
    fault = histogram_fault(histogram);
  if (fault)
    return fault;
  if (!agrees(json_object_get(json, "sum"), histogram_sum(histogram)) ||
      !agrees(json_object_get(json, "sum_squares"), histogram_sum_squares(histogram)))
    return "its \"sum\" or \"sum_squares\" is not that of its counts";
  return NULL;
}

struct histogram *histogram_from_json(const json_t *json, const char **why) {
  struct histogram *histogram = histogram_new();
  if (!histogram) {
    *why = "there is no memory for it";
    return NULL;
  }
  const char *fault = take(histogram, json);
  if (fault) {
    histogram_free(histogram);
    *why = fault;
    return NULL;
  }
  return histogram;
}
