/* SPDX-License-Identifier: MIT */
/*
 * figures.h - the document's lists of figures, read and written: by those that put documents
 * beside each other.
 *
 * Members that are missing or of another type read as empty text, NaN or an empty list.
 */
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "statistics.h"

/* Which members name an entry: of "figures", "resolution" and "histograms". Each ends with NULL. */
extern const char *const figure_keys[], *const resolution_keys[], *const histogram_keys[];

const char *member_text(const json_t *object, const char *key);
double member_number(const json_t *object, const char *key);

/* The entry of `list` whose members `keys` have the text that those of `like` have, or NULL. */
json_t *find_like(const json_t *list, const json_t *like, const char *const *keys);

/* The entry whose member `key` is `text`, or NULL. */
json_t *find_named(const json_t *list, const char *key, const char *text);

/* In how many rounds an entry (or NULL) has a value. */
size_t values_present(const json_t *entry);

/* An entry's values, NaN where null; belongs to the caller (free `at`). -ENOMEM. */
struct numbers {
  double *at;
  size_t count;
};
int numbers_of(const json_t *values, struct numbers *ret);
size_t numbers_present(const struct numbers *numbers); /* how many are not NaN */

/* The metric that a figure, or an entry of "resolution", is of; NULL: the experiment has none such.
 */
const json_t *metric_of(const json_t *experiment, const json_t *entry);
bool metric_counted(const json_t *metric);
size_t metric_fewest(const json_t *metric); /* values that make an interval: statistics.h */

/* How many rounds the longest entry of an experiment has. */
size_t rounds_of(const json_t *experiment);

/* A number, or null for what JSON has no number for. New references. */
json_t *number_to_json(double value);
json_t *ratio_to_json(struct estimate ratio); /* {median, low, high, resolved} */
struct estimate ratio_from_json(const json_t *ratio);

#endif
