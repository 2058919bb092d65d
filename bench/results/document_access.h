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

/* The members that identify an entry: of "figures", "resolution" and "histograms". Each ends with
 * NULL. */
extern const char *const figure_keys[], *const resolution_keys[], *const histogram_keys[];

const char *member_text(const json_t *object, const char *key);
double member_number(const json_t *object, const char *key);
/* Equal, or missing in both. */
bool same_member(const json_t *left, const json_t *right, const char *key);

/* The entry of `list` whose members `keys` have the same text as those of `like`, or NULL. */
json_t *find_like(const json_t *list, const json_t *like, const char *const *keys);

/* The entry whose member `key` is `text`, or NULL. */
json_t *find_named(const json_t *list, const char *key, const char *text);

/* The number of rounds in which an entry (or NULL) has a value. */
size_t values_present(const json_t *entry);

/* An entry's values, NaN where null; belongs to the caller (free `at`). -ENOMEM. */
struct numbers {
  double *at;
  size_t count;
};
int numbers_of(const json_t *values, struct numbers *ret);
size_t numbers_present(const struct numbers *numbers); /* how many are not NaN */

/* The metric of a figure, or of an entry of "resolution"; NULL: the experiment has no such
 * metric. */
const json_t *metric_of(const json_t *experiment, const json_t *entry);
bool metric_counted(const json_t *metric);
size_t metric_fewest(const json_t *metric); /* values needed for an interval: statistics.h */

/* The number of rounds of the longest entry of an experiment. */
size_t rounds_of(const json_t *experiment);

/* A number, or null if JSON cannot represent it. New references. */
json_t *number_to_json(double value);
json_t *ratio_to_json(struct estimate ratio); /* {median, low, high, resolved} */
struct estimate ratio_from_json(const json_t *ratio);

/* ---- the machines of several documents ------------------------------------------------------ */

/*
 * The members that are not the same in all `environments`: an array of {"member":
 * "libraries.libevent", "values": [one each, null if missing]}. Members of members are compared one
 * by one. A new reference, NULL: no memory.
 */
json_t *environments_differences(const json_t *const *environments, size_t count);

/* A value as readable text: without quotes, "-" for null. A new string, NULL: no memory. */
char *environment_value_text(const json_t *value);

#endif
