/* SPDX-License-Identifier: MIT */
/*
 * compare_table.h - the output of `bench compare`: a row for each figure that both documents have,
 * and a line for each obstacle to comparing.
 *
 * Every text in it may come from an untrusted document: line.h makes it harmless.
 */
#ifndef BENCH_COMPARE_TABLE_H
#define BENCH_COMPARE_TABLE_H

#include <stddef.h>

#include <jansson.h>

#include "line.h"
#include "results/judge.h"

/* Text columns are as wide as the texts of an experiment, within limits. */
struct compare_table {
  struct text_line line;
  size_t point, contestant, metric;
};

/* The machines differ in a member: before and now. */
void compare_put_difference(struct compare_table *table, const char *member, const json_t *before,
                            const json_t *now);

/* Title and table head of an experiment; and a line if it cannot be compared. */
void compare_put_head(struct compare_table *table, const json_t *experiment);
void compare_put_other_parameter(struct compare_table *table, const json_t *experiment,
                                 const char *parameter);
void compare_put_only_in(struct compare_table *table, const json_t *experiment, const char *where);

/* A figure: judged, present on one side only, or failing now. */
void compare_put_row(struct compare_table *table, const json_t *figure, const json_t *metric,
                     const struct judged *judged);
void compare_put_missing(struct compare_table *table, const json_t *figure, const char *where);
void compare_put_failing(struct compare_table *table, const json_t *figure, const json_t *failure);

#endif
