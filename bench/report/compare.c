/* SPDX-License-Identifier: MIT */
/*
 * compare.c - `bench compare OLD.json NEW.json`: which figures became slower or faster, and which
 * differences are not resolved.
 *
 * Two runs on a machine that is not idle always differ, and resampling only covers variation within
 * each of them. Variation between runs is visible only in the A/A check. So a change counts only if
 * both agree: the interval of the ratio excludes 1, and the ratio is larger than the difference
 * between two measurements of the same contestant in either document. How often that is wrong was
 * measured: docs/bench-schema.md.
 *
 * The table is on stdout. Obstacles to comparing (another machine, another setting, an entry in
 * only one document) are printed in it, not ignored. Old and new are printed in one row and in one
 * unit, with a digit more than in other reports: a change from 331 to 332 instructions must be
 * visible.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "banner.h"
#include "bench.h"
#include "common/cli.h"
#include "common/say.h"
#include "line.h"
#include "quantity.h"
#include "results/alike.h"
#include "results/document_access.h"
#include "results/estimates.h"

/* ---- one figure, before and now ------------------------------------------------------------- */

enum judgement {
  SAME, /* no difference resolved */
  REGRESSION,
  IMPROVEMENT,
};

struct judged {
  double before, now;    /* medians */
  struct estimate ratio; /* now / before; NaN if there is none (before is 0) */
  double resolution;     /* a factor from 1 on, the coarser of the two documents'; NaN: unknown */
  enum judgement judgement;
};

static double as_factor(double ratio) {
  return ratio < 1 ? 1 / ratio : ratio;
}

/* All rounds were 0 and none is now: a cost appeared, although there is no ratio. */
static bool rose_from_zero(const json_t *before, const json_t *now, size_t fewest) {
  const json_t *zeros = json_object_get(before, "values"), *costs = json_object_get(now, "values");
  for (size_t i = 0; i < json_array_size(zeros); i++)
    if (json_number_value(json_array_get(zeros, i)) != 0)
      return false;
  for (size_t i = 0; i < json_array_size(costs); i++)
    if (json_is_number(json_array_get(costs, i)) &&
        json_number_value(json_array_get(costs, i)) <= 0)
      return false;
  return values_present(before) >= fewest && values_present(now) >= fewest;
}

static enum judgement judgement_of(const struct judged *judged, bool rose, const json_t *metric) {
  double ratio = judged->ratio.median;
  bool changed = estimate_resolved(judged->ratio) && as_factor(ratio) > judged->resolution;
  if (!rose && !changed)
    return SAME;
  bool worse_if_more = member_text(metric, "better")[0] == 'l';
  return worse_if_more == (rose || ratio > 1) ? REGRESSION : IMPROVEMENT;
}

/* `metric`: of both, whose `better` is "lower" or "higher". 0, -ENOMEM. */
static int judge(const json_t *before, const json_t *now, double resolution, const json_t *metric,
                 struct judged *ret) {
  size_t fewest = metric_fewest(metric);
  struct numbers was = numbers_of(before), is = numbers_of(now);
  int error = was.at && is.at ? 0 : -ENOMEM;
  if (!error) {
    *ret = (struct judged){
        .before = median_of(was.at, was.count),
        .now = median_of(is.at, is.count),
        .ratio = estimate_ratio_of_medians(is.at, is.count, was.at, was.count, fewest),
        .resolution = resolution,
    };
    bool rose = isnan(ret->ratio.median) && rose_from_zero(before, now, fewest);
    ret->judgement = judgement_of(ret, rose, metric);
  }
  free(was.at);
  free(is.at);
  return error;
}

/* ---- texts in columns ----------------------------------------------------------------------- */

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

static void put_column(struct compare_table *table, const char *text, size_t columns) {
  line_left(&table->line, text, columns);
  table->line.blanks++;
}

static void put_texts(struct compare_table *table, const char *point, const char *contestant,
                      const char *metric) {
  put_column(table, point, table->point);
  put_column(table, contestant, table->contestant);
  put_column(table, metric, table->metric);
}

static void widen(size_t *columns, const json_t *object, const char *key, size_t more) {
  size_t wanted = harmless_columns(member_text(object, key)) + more;
  wanted = wanted < TEXT_MOST ? wanted : TEXT_MOST;
  *columns = wanted > *columns ? wanted : *columns;
}

static void set_columns(struct compare_table *table, const json_t *experiment) {
  const json_t *figures = json_object_get(experiment, "figures");
  const json_t *metrics = json_object_get(experiment, "metrics");
  table->point = POINT_LEAST;
  table->contestant = CONTESTANT_LEAST;
  table->metric = METRIC_LEAST;
  for (size_t i = 0; i < json_array_size(figures); i++) {
    widen(&table->point, json_array_get(figures, i), "point", 0);
    widen(&table->contestant, json_array_get(figures, i), "contestant", 0);
  }
  for (size_t i = 0; i < json_array_size(metrics); i++) {
    const json_t *metric = json_array_get(metrics, i);
    size_t unit = 0;
    widen(&unit, metric, "unit", strlen(", k ")); /* "calls, k calls": it may get a prefix */
    widen(&table->metric, metric, "id", unit);
  }
}

static void put_title(struct compare_table *table, const json_t *experiment) {
  fprintf(table->line.to, "\n%s", cli_bold());
  line_put(&table->line, member_text(experiment, "title"));
  fputs(cli_plain(), table->line.to);
  line_end(&table->line);
}

static void put_head(struct compare_table *table, const json_t *experiment) {
  set_columns(table, experiment);
  put_title(table, experiment);
  put_texts(table, "point", "contestant", "metric");
  line_right(&table->line, "old", VALUE_COLUMNS - 1);
  line_right(&table->line, "new", VALUE_COLUMNS);
  table->line.blanks += 2;
  put_column(table, "new/old [interval]", RATIO_COLUMNS);
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
      [SAME] = "no difference resolved",
      [REGRESSION] = "regression",
      [IMPROVEMENT] = "improvement",
  };
  char percent[QUANTITY_SIZE];
  line_put(&table->line, words[judged->judgement]);
  if (judged->judgement == SAME && estimate_resolved(judged->ratio)) {
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
  put_texts(table, member_text(figure, "point"), member_text(figure, "contestant"), what);
  line_right(&table->line, digits_text(before, judged->before * scale.factor, DIGITS),
             VALUE_COLUMNS - 1);
  line_right(&table->line, digits_text(now, judged->now * scale.factor, DIGITS), VALUE_COLUMNS);
  table->line.blanks += 2;
  put_ratio(table, &judged->ratio);
  put_verdict(table, judged);
  line_end(&table->line);
}

/* Instead of values: "only in OLD". */
static void put_note(struct compare_table *table, const json_t *figure, const char *note,
                     const char *detail) {
  put_texts(table, member_text(figure, "point"), member_text(figure, "contestant"),
            member_text(figure, "metric"));
  line_format(&table->line, "%s %s", note, detail);
  line_end(&table->line);
}

/* ---- which figures are compared ------------------------------------------------------------- */

struct comparison {
  struct compare_table table;
  const json_t *before, *now; /* an experiment's objects */
  bool busy;                  /* one of the machines was: no timed difference is resolved */
  size_t judged[3];           /* for each verdict */
  size_t newly_fails;         /* measured before, failed now */
};

/* It has no values now: because of a failure, perhaps; a run that was only invalid is none. */
static void report_missing(struct comparison *comparison, const json_t *figure) {
  const json_t *failures = json_object_get(comparison->now, "failures");
  for (size_t i = 0; i < json_array_size(failures); i++) {
    const json_t *failure = json_array_get(failures, i);
    if (!json_is_true(json_object_get(failure, "invalid")) &&
        strcmp(member_text(failure, "contestant"), member_text(figure, "contestant")) == 0 &&
        strcmp(member_text(failure, "point"), member_text(figure, "point")) == 0) {
      put_note(&comparison->table, figure,
               "regression: fails in NEW:", member_text(failure, "reason"));
      comparison->newly_fails++;
      return;
    }
  }
  put_note(&comparison->table, figure, "only in", "OLD");
}

/* The coarser one; unknown if one is. */
static double coarser_resolution(const struct comparison *comparison, const json_t *figure) {
  const char *point = member_text(figure, "point"), *metric = member_text(figure, "metric");
  double before = again_factor(comparison->before, point, metric);
  double now = again_factor(comparison->now, point, metric);
  return isnan(before) || isnan(now) ? NAN : fmax(before, now);
}

static int compare_figure(struct comparison *comparison, const json_t *before,
                          const json_t *metric) {
  const json_t *now = find_like(json_object_get(comparison->now, "figures"), before);
  if (values_present(before) == 0)
    return 0;
  if (values_present(now) == 0) {
    report_missing(comparison, before);
    return 0;
  }
  struct judged judged;
  int error = judge(before, now, coarser_resolution(comparison, before), metric, &judged);
  if (!error) {
    if (comparison->busy && !metric_counted(metric))
      judged.judgement = SAME;
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
        values_present(find_like(before, figure)) == 0)
      put_note(&comparison->table, figure, "only in", "NEW");
  }
  return error;
}

/* More or longer rounds measure the same thing, only better. */
static int compare_experiment(struct comparison *comparison) {
  static const char *const may_differ[] = {"rounds", "duration_ns", "warmup_ns", NULL};
  struct difference difference =
      experiments_differ(comparison->before, comparison->now, may_differ);
  if (!difference.what)
    return compare_figures(comparison);
  put_title(&comparison->table, comparison->before);
  line_format(&comparison->table.line, "not compared: measured with another %s %s", difference.what,
              difference.which);
  line_end(&comparison->table.line);
  return 0;
}

/* ---- two documents -------------------------------------------------------------------------- */

static int print_environments(struct text_line *line, const json_t *before, const json_t *now) {
  json_t *runs = json_pack("[O, O]", before, now);
  json_t *differences = environments_differences(runs);
  json_decref(runs);
  if (!differences)
    return -ENOMEM;
  if (json_array_size(differences) > 0)
    printf("The environments differ, which may explain changes:\n");
  for (size_t i = 0; i < json_array_size(differences); i++) {
    const json_t *difference = json_array_get(differences, i);
    const json_t *values = json_object_get(difference, "values");
    char *was = environment_value_text(json_array_get(values, 0));
    char *is = environment_value_text(json_array_get(values, 1));
    line_format(line, "  %s: %s, now %s", member_text(difference, "member"), was ? was : "?",
                is ? is : "?");
    line_end(line);
    free(was);
    free(is);
  }
  json_decref(differences);
  return 0;
}

/* True: no timed difference means anything. */
static bool print_busy(struct text_line *line, const json_t *document, const char *name) {
  json_t *banner = banner_of(document);
  size_t count = json_array_size(banner);
  for (size_t i = 0; i < count; i++) {
    const char *sentence = json_string_value(json_array_get(banner, i));
    line_format(line, "%s%s%s", i == 0 ? name : "  ", i == 0 ? ": " : "", sentence);
    line_end(line);
  }
  json_decref(banner);
  return count > 0;
}

static void print_only_in(struct text_line *line, const json_t *experiments, const json_t *others,
                          const char *where) {
  for (size_t i = 0; i < json_array_size(experiments); i++) {
    const char *name = member_text(json_array_get(experiments, i), "name");
    if (find_named(others, "name", name))
      continue;
    fputc('\n', line->to);
    line_format(line, "experiment %s: only in %s", name, where);
    line_end(line);
  }
}

static size_t print_summary(const struct comparison *comparison) {
  size_t regressions = comparison->judged[REGRESSION] + comparison->newly_fails;
  printf("\n%zu regression%s, %zu improvement%s, %zu without a resolved difference\n", regressions,
         regressions == 1 ? "" : "s", comparison->judged[IMPROVEMENT],
         comparison->judged[IMPROVEMENT] == 1 ? "" : "s", comparison->judged[SAME]);
  return regressions;
}

static int compare(const json_t *before, const json_t *now) {
  struct comparison comparison = {
      .table.line.to = stdout,
  };
  const json_t *old_experiments = json_object_get(before, "experiments");
  const json_t *new_experiments = json_object_get(now, "experiments");

  comparison.busy = print_busy(&comparison.table.line, before, "OLD");
  comparison.busy |= print_busy(&comparison.table.line, now, "NEW");
  int error = print_environments(&comparison.table.line, before, now);
  for (size_t i = 0; !error && i < json_array_size(old_experiments); i++) {
    comparison.before = json_array_get(old_experiments, i);
    comparison.now = find_named(new_experiments, "name", member_text(comparison.before, "name"));
    if (comparison.now)
      error = compare_experiment(&comparison);
  }
  if (error)
    return complain("cannot compare: no memory");
  print_only_in(&comparison.table.line, old_experiments, new_experiments, "OLD");
  print_only_in(&comparison.table.line, new_experiments, old_experiments, "NEW");
  size_t regressions = print_summary(&comparison);
  int failed = cli_finish_stdout();
  if (regressions + comparison.judged[IMPROVEMENT] + comparison.judged[SAME] == 0)
    return complain("nothing was compared: the two have no figure of the same kind in common");
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
