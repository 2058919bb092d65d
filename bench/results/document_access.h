/* SPDX-License-Identifier: MIT */
/*
 * document_access.h - reading and writing the document's lists of figures, and the differences
 * between the machines of several documents, for code that combines documents.
 *
 * Members that are missing or of another type read as empty text, NaN or an empty list.
 */
#ifndef BENCH_DOCUMENT_ACCESS_H
#define BENCH_DOCUMENT_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "statistics.h"

const char *member_text(const json_t *object, const char *key);
double member_number(const json_t *object, const char *key);
/* Equal, or missing in both. */
bool same_member(const json_t *left, const json_t *right, const char *key);

/* An entry of "figures", of "resolution" (where `contestant` is "") or of "histograms" (`metric` is
 * ""), or NULL. */
json_t *find_entry(const json_t *list, const char *contestant, const char *point,
                   const char *metric);
/* The one that has the same contestant, point and metric as an entry of such a list. */
json_t *find_like(const json_t *list, const json_t *entry);

/* The entry whose member `key` is `text`, or NULL. */
json_t *find_named(const json_t *list, const char *key, const char *text);

/* The number of rounds in which an entry (or NULL) has a value. */
size_t values_present(const json_t *entry);

/* An entry's values, NaN where null. Free `at`, which is NULL if there is no memory. */
struct numbers {
  double *at;
  size_t count;
};
struct numbers numbers_of(const json_t *entry);

/* The metric and the point of a figure, or of another entry that names them; NULL: the experiment
 * has no such metric or point. */
const json_t *metric_of(const json_t *experiment, const json_t *entry);
const json_t *point_of(const json_t *experiment, const json_t *entry);
bool metric_counted(const json_t *metric);
size_t metric_fewest(const json_t *metric); /* values needed for an interval: statistics.h */

/* The number of rounds of the longest entry of an experiment. */
size_t rounds_of(const json_t *experiment);

/* A number, or null if JSON cannot represent it. A new reference. */
json_t *number_to_json(double value);

/* Set an entry's "median", "low" and "high", from its values. 0, -ENOMEM. */
int set_median(json_t *entry, size_t fewest);

/* Set `to`'s "ratio" to {median, low, high, resolved}, the ratio of an entry's values to those of
 * `baseline`, round by round; null if there is none. Here "resolved" is only that the interval
 * excludes 1. 0, -ENOMEM. */
int set_ratio(json_t *to, const json_t *entry, const json_t *baseline, size_t fewest);

/* ---- the machines of several documents ------------------------------------------------------ */

/*
 * The members that are not the same in every "environment" of `runs`, an array of objects: an array
 * of {"member": "libraries.libevent", "values": [one each, null if missing]}. Members of members
 * are compared one by one. A new reference, NULL: no memory.
 */
json_t *environments_differences(const json_t *runs);

/* A value as readable text: without quotes, "-" for null. A new string, NULL: no memory. */
char *environment_value_text(const json_t *value);

#endif
