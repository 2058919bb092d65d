/* SPDX-License-Identifier: MIT */
/*
 * compare_table.c - see compare_table.h.
 *
 * Old and new are printed in one row and in one unit, with a digit more than in other reports: a
 * change from 331 to 332 instructions must be visible.
 */
#include "compare_table.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli.h"
#include "quantity.h"
#include "results/document_access.h"
#include "results/environments.h"

enum {
  DIGITS = 4,
  POINT_LEAST = 16,
  CONTESTANT_LEAST = 20,
  METRIC_LEAST = 14,
  TEXT_MOST = 40,
  VALUE_COLUMNS = 13,
  RATIO_COLUMNS = 24, /* "1.053 [1.021, 1.084]" */
};

/* ---- texts in columns ---------------------------------------------------------------------- */

static void put_column(struct compare_table *table, const char *text, size_t columns) {
  line_left(&table->line, text, columns);
  table->line.blanks++;
}

static void put_figure_texts(struct compare_table *table, const json_t *figure,
                             const char *metric) {
  put_column(table, member_text(figure, "point"), table->point);
  put_column(table, member_text(figure, "contestant"), table->contestant);
  put_column(table, metric, table->metric);
}

static size_t columns_of(const json_t *object, const char *key) {
  char *safe = harmless(member_text(object, key));
  size_t columns = safe ? text_columns(safe) : 0;
  free(safe);
  return columns;
}

static size_t wider(size_t one, size_t other) {
  size_t most = one > other ? one : other;
  return most < TEXT_MOST ? most : TEXT_MOST;
}

static size_t widest(const json_t *figures, const char *key, size_t least) {
  size_t most = least;
  for (size_t i = 0; i < json_array_size(figures); i++)
    most = wider(most, columns_of(json_array_get(figures, i), key));
  return most;
}

/* "calls, k calls": a unit may get a prefix. */
static size_t widest_metric(const json_t *metrics) {
  size_t most = METRIC_LEAST;
  for (size_t i = 0; i < json_array_size(metrics); i++) {
    const json_t *metric = json_array_get(metrics, i);
    most = wider(most, columns_of(metric, "id") + columns_of(metric, "unit") + strlen(", k "));
  }
  return most;
}

static void put_title(struct compare_table *table, const json_t *experiment) {
  fprintf(table->line.to, "\n%s", cli_bold());
  line_put(&table->line, member_text(experiment, "title"));
  fputs(cli_plain(), table->line.to);
  line_end(&table->line);
}

void compare_put_head(struct compare_table *table, const json_t *experiment) {
  const json_t *figures = json_object_get(experiment, "figures");
  table->point = widest(figures, "point", POINT_LEAST);
  table->contestant = widest(figures, "contestant", CONTESTANT_LEAST);
  table->metric = widest_metric(json_object_get(experiment, "metrics"));
  put_title(table, experiment);
  put_column(table, "point", table->point);
  put_column(table, "contestant", table->contestant);
  put_column(table, "metric", table->metric);
  line_right(&table->line, "old", VALUE_COLUMNS - 1);
  line_right(&table->line, "new", VALUE_COLUMNS);
  table->line.blanks += 2;
  put_column(table, "new/old [95 %]", RATIO_COLUMNS);
  line_put(&table->line, "verdict");
  line_end(&table->line);
}

/* ---- rows ---------------------------------------------------------------------------------- */

static void put_ratio(struct compare_table *table, const struct estimate *ratio) {
  char median[QUANTITY_SIZE], low[QUANTITY_SIZE], high[QUANTITY_SIZE];
  char text[3 * QUANTITY_SIZE + 8] = "-";
  if (!isnan(ratio->median))
    snprintf(text, sizeof text, "%s [%s, %s]", digits_text(median, ratio->median, DIGITS),
             digits_text(low, ratio->low, DIGITS), digits_text(high, ratio->high, DIGITS));
  put_column(table, text, RATIO_COLUMNS);
}

static void put_verdict(struct compare_table *table, const struct judged *judged) {
  static const char *const words[] = {
      [JUDGED_SAME] = "no difference resolved",
      [JUDGED_REGRESSION] = "regression",
      [JUDGED_IMPROVEMENT] = "improvement",
  };
  char percent[QUANTITY_SIZE];
  line_put(&table->line, words[judged->judgement]);
  if (judged->judgement == JUDGED_SAME && estimate_resolved(judged->ratio)) {
    if (isnan(judged->resolution))
      fputs(" (no A/A to compare it with)", table->line.to);
    else
      fprintf(table->line.to, " (within the A/A resolution, %s %%)",
              quantity_text(percent, (judged->resolution - 1) * 100));
  }
}

void compare_put_row(struct compare_table *table, const json_t *figure, const json_t *metric,
                     const struct judged *judged) {
  char before[QUANTITY_SIZE], now[QUANTITY_SIZE], what[2 * UNIT_SIZE];
  struct scale scale = scale_for(member_text(metric, "unit"), judged->before);
  const char *id = member_text(metric, "id");
  bool alone = !*scale.unit || strcmp(scale.unit, id) == 0; /* "calls", not "calls, calls" */
  snprintf(what, sizeof what, "%.40s%s%s", id, alone ? "" : ", ", alone ? "" : scale.unit);
  put_figure_texts(table, figure, what);
  line_right(&table->line, digits_text(before, judged->before * scale.factor, DIGITS),
             VALUE_COLUMNS - 1);
  line_right(&table->line, digits_text(now, judged->now * scale.factor, DIGITS), VALUE_COLUMNS);
  table->line.blanks += 2;
  put_ratio(table, &judged->ratio);
  put_verdict(table, judged);
  line_end(&table->line);
}

void compare_put_missing(struct compare_table *table, const json_t *figure, const char *where) {
  put_figure_texts(table, figure, member_text(figure, "metric"));
  line_put(&table->line, "only in ");
  line_put(&table->line, where);
  line_end(&table->line);
}

void compare_put_failing(struct compare_table *table, const json_t *figure, const json_t *failure) {
  put_figure_texts(table, figure, member_text(figure, "metric"));
  line_put(&table->line, "regression: fails in NEW: ");
  line_put(&table->line, member_text(failure, "reason"));
  line_end(&table->line);
}

/* ---- obstacles to comparing ---------------------------------------------------------------- */

static void put_value(struct compare_table *table, const json_t *value) {
  char *text = environment_value_text(value);
  line_put(&table->line, text ? text : "?");
  free(text);
}

void compare_put_difference(struct compare_table *table, const char *member, const json_t *before,
                            const json_t *now) {
  line_put(&table->line, "  ");
  line_put(&table->line, member);
  line_put(&table->line, ": ");
  put_value(table, before);
  line_put(&table->line, ", now ");
  put_value(table, now);
  line_end(&table->line);
}

void compare_put_other_parameter(struct compare_table *table, const json_t *experiment,
                                 const char *parameter) {
  put_title(table, experiment);
  line_put(&table->line, "not compared: measured with another ");
  line_put(&table->line, parameter);
  line_end(&table->line);
}

void compare_put_only_in(struct compare_table *table, const json_t *experiment, const char *where) {
  fputs("\nexperiment ", table->line.to);
  line_put(&table->line, member_text(experiment, "name"));
  line_put(&table->line, ": only in ");
  line_put(&table->line, where);
  line_end(&table->line);
}
