/* SPDX-License-Identifier: MIT */
/*
 * compare_table.h - what `bench compare` prints: a row for each figure that two documents have, and
 * a line for whatever stands in the way of comparing.
 *
 * Every text in it may come from a document of anywhere: line.h makes it harmless.
 */
#ifndef BENCH_COMPARE_TABLE_H
#define BENCH_COMPARE_TABLE_H

#include <stddef.h>

#include <jansson.h>

#include "../results/judge.h"
#include "line.h"

/* Columns of texts are as wide as an experiment's texts, within reason. */
struct compare_table {
  struct text_line line;
  size_t point, contestant, metric;
};

/* The machines differ in a member: before and now. */
void compare_put_difference(struct compare_table *table, const char *member, const json_t *before,
                            const json_t *now);

/* Title and head of an experiment; and where that cannot be compared. */
void compare_put_head(struct compare_table *table, const json_t *experiment);
void compare_put_other_parameter(struct compare_table *table, const json_t *experiment,
                                 const char *parameter);
void compare_put_only_in(struct compare_table *table, const json_t *experiment, const char *where);

/* A figure: judged, there on one side only, or failing now. */
void compare_put_row(struct compare_table *table, const json_t *figure, const json_t *metric,
                     const struct judged *judged);
void compare_put_missing(struct compare_table *table, const json_t *figure, const char *where);
void compare_put_failing(struct compare_table *table, const json_t *figure, const json_t *failure);

#endif
