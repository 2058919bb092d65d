/* SPDX-License-Identifier: MIT */
/*
 * compare.c - `bench compare OLD.json NEW.json`: which figures became slower or faster, and which
 * differences are not resolved (judge.h).
 *
 * The table is on stdout. Obstacles to comparing (another machine, another setting, an entry in
 * only one document) are printed in it, not ignored. Old and new are printed in one row and in one
 * unit, with a digit more than in other reports: a change from 331 to 332 instructions must be
 * visible.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "common/cli.h"
#include "common/say.h"
#include "report.h"
#include "results/judge.h"

enum {
  DIGITS = 4,
  POINT_LEAST = 16,
  CONTESTANT_LEAST = 20,
  METRIC_LEAST = 14,
  TEXT_MOST = 40,
  VALUE_COLUMNS = 13,
  RATIO_COLUMNS = 24, /* "1.053 [1.021, 1.084]" */
};

/* Text columns are as wide as the texts of an experiment, within limits. */
struct compare_table {
  struct text_line line;
  size_t point, contestant, metric;
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

static void put_head(struct compare_table *table, const json_t *experiment) {
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

static void put_row(struct compare_table *table, const json_t *figure, const json_t *metric,
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

static void put_missing(struct compare_table *table, const json_t *figure, const char *where) {
  put_figure_texts(table, figure, member_text(figure, "metric"));
  line_format(&table->line, "only in %s", where);
  line_end(&table->line);
}

static void put_failing(struct compare_table *table, const json_t *figure, const json_t *failure) {
  put_figure_texts(table, figure, member_text(figure, "metric"));
  line_format(&table->line, "regression: fails in NEW: %s", member_text(failure, "reason"));
  line_end(&table->line);
}

/* ---- obstacles to comparing ---------------------------------------------------------------- */

static void put_difference(struct compare_table *table, const char *member, const json_t *before,
                           const json_t *now) {
  char *old_text = environment_value_text(before), *new_text = environment_value_text(now);
  line_format(&table->line, "  %s: %s, now %s", member, old_text ? old_text : "?",
              new_text ? new_text : "?");
  line_end(&table->line);
  free(old_text);
  free(new_text);
}

static void put_other_parameter(struct compare_table *table, const json_t *experiment,
                                const char *parameter) {
  put_title(table, experiment);
  line_format(&table->line, "not compared: measured with another %s", parameter);
  line_end(&table->line);
}

static void put_only_in(struct compare_table *table, const json_t *experiment, const char *where) {
  fputc('\n', table->line.to);
  line_format(&table->line, "experiment %s: only in %s", member_text(experiment, "name"), where);
  line_end(&table->line);
}

/* ---- which figures are compared ------------------------------------------------------------- */

struct comparison {
  struct compare_table table;
  const json_t *before, *now; /* an experiment's objects */
  uint64_t seed;
  size_t judged[3];   /* for each verdict */
  size_t newly_fails; /* measured before, failed now */
};

/* The failure because of which a figure has no values; a run that was only invalid does not
 * count. */
static const json_t *failure_of(const json_t *experiment, const json_t *figure) {
  const json_t *failures = json_object_get(experiment, "failures");
  for (size_t i = 0; i < json_array_size(failures); i++) {
    const json_t *failure = json_array_get(failures, i);
    if (!json_is_true(json_object_get(failure, "invalid")) &&
        strcmp(member_text(failure, "contestant"), member_text(figure, "contestant")) == 0 &&
        strcmp(member_text(failure, "point"), member_text(figure, "point")) == 0)
      return failure;
  }
  return NULL;
}

static void report_missing(struct comparison *comparison, const json_t *figure) {
  const json_t *failure = failure_of(comparison->now, figure);
  if (!failure) {
    put_missing(&comparison->table, figure, "OLD");
    return;
  }
  put_failing(&comparison->table, figure, failure);
  comparison->newly_fails++;
}

/* The coarser one; unknown if one is. */
static double coarser_resolution(const struct comparison *comparison, const json_t *figure) {
  double before = judge_resolution(comparison->before, figure);
  double now = judge_resolution(comparison->now, figure);
  return isnan(before) || isnan(now) ? NAN : fmax(before, now);
}

static int compare_figure(struct comparison *comparison, const json_t *before,
                          const json_t *metric) {
  const json_t *now = find_like(json_object_get(comparison->now, "figures"), before, figure_keys);
  if (values_present(before) == 0)
    return 0;
  if (values_present(now) == 0) {
    report_missing(comparison, before);
    return 0;
  }
  struct judged judged;
  int error =
      judge(before, now, coarser_resolution(comparison, before), metric, comparison->seed, &judged);
  if (!error) {
    comparison->judged[judged.judgement]++;
    put_row(&comparison->table, before, metric, &judged);
  }
  return error;
}

/* Metrics that are only descriptive have no better direction. */
static const json_t *judged_metric(const json_t *experiment, const json_t *figure) {
  const json_t *metric = metric_of(experiment, figure);
  return json_is_true(json_object_get(metric, "primary")) && *member_text(metric, "better") ? metric
                                                                                            : NULL;
}

static int compare_figures(struct comparison *comparison) {
  const json_t *before = json_object_get(comparison->before, "figures");
  const json_t *now = json_object_get(comparison->now, "figures");
  int error = 0;
  put_head(&comparison->table, comparison->before);
  for (size_t i = 0; !error && i < json_array_size(before); i++) {
    const json_t *figure = json_array_get(before, i);
    const json_t *metric = judged_metric(comparison->before, figure);
    if (metric)
      error = compare_figure(comparison, figure, metric);
  }
  for (size_t i = 0; i < json_array_size(now); i++) {
    const json_t *figure = json_array_get(now, i);
    if (judged_metric(comparison->now, figure) && values_present(figure) > 0 &&
        values_present(find_like(before, figure, figure_keys)) == 0)
      put_missing(&comparison->table, figure, "NEW");
  }
  return error;
}

/* The first parameter that makes the figures incomparable, or NULL. More or longer rounds measure
 * the same thing, only better. */
static const char *other_parameter(const json_t *before, const json_t *now) {
  static const char *const allowed[] = {"rounds", "duration_ns", "warmup_ns"};
  json_t *parameters = json_object_get(before, "parameters"), *value;
  const char *key;
  json_object_foreach(parameters, key, value) {
    bool may_differ = false;
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
      may_differ = may_differ || strcmp(key, allowed[i]) == 0;
    if (!may_differ && !same_member(parameters, json_object_get(now, "parameters"), key))
      return key;
  }
  return NULL;
}

static int compare_experiment(struct comparison *comparison) {
  const char *parameter = other_parameter(comparison->before, comparison->now);
  if (!parameter)
    return compare_figures(comparison);
  put_other_parameter(&comparison->table, comparison->before, parameter);
  return 0;
}

/* ---- two documents -------------------------------------------------------------------------- */

static int print_environments(struct compare_table *table, const json_t *before,
                              const json_t *now) {
  const json_t *const both[] = {json_object_get(before, "environment"),
                                json_object_get(now, "environment")};
  json_t *differences = environments_differences(both, 2);
  if (!differences)
    return -1;
  if (json_array_size(differences) > 0)
    printf("The environments differ, which may explain changes:\n");
  for (size_t i = 0; i < json_array_size(differences); i++) {
    const json_t *difference = json_array_get(differences, i);
    const json_t *values = json_object_get(difference, "values");
    put_difference(table, member_text(difference, "member"), json_array_get(values, 0),
                   json_array_get(values, 1));
  }
  json_decref(differences);
  return 0;
}

static void print_only_in(struct compare_table *table, const json_t *experiments,
                          const json_t *others, const char *where) {
  for (size_t i = 0; i < json_array_size(experiments); i++) {
    const json_t *experiment = json_array_get(experiments, i);
    if (!find_named(others, "name", member_text(experiment, "name")))
      put_only_in(table, experiment, where);
  }
}

static size_t print_summary(const struct comparison *comparison) {
  size_t regressions = comparison->judged[JUDGED_REGRESSION] + comparison->newly_fails;
  printf("\n%zu regression%s, %zu improvement%s, %zu without a resolved difference\n", regressions,
         regressions == 1 ? "" : "s", comparison->judged[JUDGED_IMPROVEMENT],
         comparison->judged[JUDGED_IMPROVEMENT] == 1 ? "" : "s", comparison->judged[JUDGED_SAME]);
  return regressions;
}

static int compare(const json_t *before, const json_t *now) {
  struct comparison comparison = {
      .table.line.to = stdout,
      .seed = (uint64_t)json_integer_value(json_object_get(now, "seed")),
  };
  const json_t *old_experiments = json_object_get(before, "experiments");
  const json_t *new_experiments = json_object_get(now, "experiments");

  int error = print_environments(&comparison.table, before, now);
  for (size_t i = 0; !error && i < json_array_size(old_experiments); i++) {
    comparison.before = json_array_get(old_experiments, i);
    comparison.now = find_named(new_experiments, "name", member_text(comparison.before, "name"));
    if (comparison.now)
      error = compare_experiment(&comparison);
  }
  if (error) {
    complain("cannot compare: no memory");
    return EXIT_TROUBLE;
  }
  print_only_in(&comparison.table, old_experiments, new_experiments, "OLD");
  print_only_in(&comparison.table, new_experiments, old_experiments, "NEW");
  size_t regressions = print_summary(&comparison);
  int failed = cli_finish_stdout();
  if (regressions + comparison.judged[JUDGED_IMPROVEMENT] + comparison.judged[JUDGED_SAME] == 0) {
    complain("nothing was compared: the two have no figure of the same kind in common");
    return EXIT_TROUBLE;
  }
  return regressions > 0 ? EXIT_TROUBLE : failed;
}

int documents_compare(const char *old_path, const char *new_path) {
  json_t *before = document_load(old_path);
  json_t *now = before ? document_load(new_path) : NULL;
  int result = now ? compare(before, now) : EXIT_TROUBLE;
  json_decref(before);
  json_decref(now);
  return result;
}
