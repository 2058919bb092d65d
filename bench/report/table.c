/* SPDX-License-Identifier: MIT */
/*
 * table.c - the report on the terminal (report_table of bench.h).
 *
 * For each experiment and primary metric a table: contestants are its rows, points its columns, as
 * many as fit into the line. A column has the median of the rounds, the wider half of its interval
 * in percent, and the ratio to the baseline. If there is room, ratios have their intervals
 * and "no difference resolved" is written out; otherwise it is "=".
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "banner.h"
#include "bench.h"
#include "line.h"
#include "table_notes.h"
#include "verdict.h"
#include "view.h"

enum {
  NARROW = 80,
  NAME_LEAST = 13, /* "  again (A/A)" */
  NAME_MOST = 24,
  CELL_SIZE = 128,
  VALUE_COLUMNS = 8,       /* "150,000" and a blank before it */
  SPREAD_COLUMNS = 7,      /* " ±>999%" */
  RATIO_COLUMNS = 7,       /* "  0.987" */
  LONG_RATIO_COLUMNS = 24, /* "  no difference resolved", "  1.05 [1.02, 1.08]" */
  POINTS_PER_TABLE = 8,
};

static const char UNRESOLVED[] = "no difference resolved";

struct table {
  struct text_line line;
  size_t width; /* of a line */
  size_t name;  /* of the contestants' column */
  bool roomy;   /* ratios have their intervals */
};

/* ---- the terminal ----------------------------------------------------------------------- */

static size_t line_width(FILE *to) {
  struct winsize size;
  if (isatty(fileno(to)) && ioctl(fileno(to), TIOCGWINSZ, &size) == 0 && size.ws_col >= NARROW)
    return size.ws_col;
  return NARROW;
}

static bool wants_colours(FILE *to) {
  const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
  return !(no && *no) && isatty(fileno(to)) && term && strcmp(term, "dumb") != 0;
}

/* ---- one cell: median, spread, ratio --------------------------------------------------- */

static size_t ratio_columns(struct table *table) {
  return table->roomy ? LONG_RATIO_COLUMNS : RATIO_COLUMNS;
}

static size_t column_width(struct table *table) {
  return VALUE_COLUMNS + SPREAD_COLUMNS + ratio_columns(table);
}

/* A counted figure is exact, not estimated. */
static void put_spread(struct table *table, const json_t *figure, const json_t *metric) {
  double median = member_number(figure, "median");
  double half = fmax(member_number(figure, "high") - median, median - member_number(figure, "low"));
  double percent = metric_counted(metric) ? NAN : 100 * half / fabs(median);
  char text[CELL_SIZE] = "";
  if (isfinite(percent) && percent > 999)
    snprintf(text, sizeof text, "±>999%%");
  else if (isfinite(percent))
    snprintf(text, sizeof text, percent < 9.95 ? "±%.1f%%" : "±%.0f%%", percent);
  line_right(&table->line, text, SPREAD_COLUMNS);
}

static void ratio_words(struct table *table, const json_t *ratio, const json_t *metric,
                        char text[CELL_SIZE]) {
  struct ratio_texts texts = ratio_texts(ratio);
  if (verdict_of(ratio, metric) == VERDICT_UNRESOLVED)
    snprintf(text, CELL_SIZE, "%s", table->roomy ? UNRESOLVED : "=");
  else if (table->roomy && !metric_counted(metric))
    snprintf(text, CELL_SIZE, "%.32s [%.32s, %.32s]", texts.median, texts.low, texts.high);
  else
    snprintf(text, CELL_SIZE, "%s", texts.median);
}

static void put_ratio(struct table *table, const json_t *ratio, const json_t *metric) {
  enum verdict verdict = verdict_of(ratio, metric);
  char text[CELL_SIZE] = "";
  if (verdict != VERDICT_NONE)
    ratio_words(table, ratio, metric, text);
  bool coloured = verdict == VERDICT_BETTER || verdict == VERDICT_WORSE;
  if (coloured)
    line_style(&table->line, verdict == VERDICT_BETTER ? "32" : "33");
  line_right(&table->line, text, ratio_columns(table));
  if (coloured)
    line_style(&table->line, "0");
}

static void put_cell(struct table *table, const json_t *figure, const json_t *metric,
                     double factor) {
  char value[QUANTITY_SIZE];
  line_right(&table->line, quantity_text(value, member_number(figure, "median") * factor),
             VALUE_COLUMNS);
  put_spread(table, figure, metric);
  put_ratio(table, json_object_get(figure, "ratio"), metric);
}

/* ---- one table: a metric at some points ------------------------------------------------- */

static void put_heading(struct table *table, const struct view *view, size_t metric,
                        const struct scale *scale, size_t first, size_t last) {
  char reading[96];
  metric_reading(reading, view_metric(view, metric), scale);
  fputc('\n', table->line.to);
  line_style(&table->line, "1");
  line_put(&table->line, member_text(view_metric(view, metric), "label"));
  line_style(&table->line, "0");
  if (*reading)
    line_format(&table->line, " (%s)", reading);
  fputc('\n', table->line.to);

  table->line.blanks = table->name;
  for (size_t point = first; point < last; point++) {
    char label[LABEL_SIZE];
    table->line.blanks += 2;
    line_left(&table->line, view_label(view, point, label), column_width(table) - 2);
  }
  line_end(&table->line);
}

static void put_again(struct table *table, const struct view *view, size_t metric, size_t first,
                      size_t last) {
  line_left(&table->line, "  again (A/A)", table->name);
  for (size_t point = first; point < last; point++) {
    const json_t *ratio = json_object_get(view_again(view, point, metric), "ratio");
    struct ratio_texts texts = ratio_texts(ratio);
    char text[CELL_SIZE] = "-";
    if (metric_counted(view_metric(view, metric)) && isfinite(member_number(ratio, "median")))
      snprintf(text, sizeof text, "%s", texts.median);
    else if (isfinite(member_number(ratio, "low")))
      snprintf(text, sizeof text, "[%s, %s]", texts.low, texts.high);
    line_right(&table->line, text, column_width(table));
  }
  line_end(&table->line);
}

static void put_rows(struct table *table, const struct view *view, size_t metric, size_t first,
                     size_t last) {
  struct scale scale = view_scale(view, metric, first, last);
  put_heading(table, view, metric, &scale, first, last);
  for (size_t contestant = 0; contestant < view->contestants; contestant++) {
    if (!view_took_part(view, contestant, metric, first, last))
      continue;
    line_left(&table->line, view_contestant(view, contestant), table->name);
    for (size_t point = first; point < last; point++)
      put_cell(table, view_figure(view, contestant, point, metric), view_metric(view, metric),
               scale.factor);
    line_end(&table->line);
    if (contestant == view->baseline)
      put_again(table, view, metric, first, last);
  }
}

static void put_metric(struct table *table, const struct view *view, size_t metric) {
  size_t fitting = (table->width - table->name) / column_width(table);
  if (fitting < 1)
    fitting = 1;
  for (size_t first = 0, count; first < view->points; first += count) {
    count = view_run(view, first, fitting < POINTS_PER_TABLE ? fitting : POINTS_PER_TABLE);
    if (view_measured(view, metric, first, first + count))
      put_rows(table, view, metric, first, first + count);
  }
}

/* ---- around the tables ------------------------------------------------------------------ */

static void put_absent(struct table *table, const json_t *experiment) {
  size_t i;
  json_t *one;
  json_array_foreach(json_object_get(experiment, "absent"), i, one) {
    fputs(i == 0 ? "\nabsent\n" : "", table->line.to);
    line_format(&table->line, "  %s: %s", member_text(one, "contestant"),
                member_text(one, "reason"));
    fputc('\n', table->line.to);
  }
}

static void put_resolution(FILE *to, struct resolution resolution) {
  char typical[QUANTITY_SIZE], worst[QUANTITY_SIZE];
  if (resolution.count > 0)
    fprintf(to,
            "\nA/A: the baseline against itself differs by up to %s %% typically, at worst\n"
            "     %s %%; of %zu intervals %zu span 1, about %.0f should. Less is noise.\n",
            quantity_text(typical, 100 * resolution.typical),
            quantity_text(worst, 100 * resolution.worst), resolution.count, resolution.spanning,
            resolution.expected);
  else if (resolution.counted > 0)
    fputs("\nA/A: counted, not timed; the difference of the second count is in its row\n", to);
  else
    fputs("\nA/A: not measured, so it is unknown what this machine can resolve\n", to);
}

static size_t name_width(const struct view *view) {
  size_t widest = NAME_LEAST;
  for (size_t i = 0; i < view->contestants; i++) {
    size_t columns = harmless_columns(view_contestant(view, i));
    widest = columns > widest ? columns : widest;
  }
  return widest < NAME_MOST ? widest : NAME_MOST;
}

/* Roomy if the largest table still needs no second block then. */
static bool has_room(struct table *table, const struct view *view) {
  size_t largest = 0;
  for (size_t first = 0, count; first < view->points; first += count) {
    count = view_run(view, first, view->points);
    largest = count > largest ? count : largest;
  }
  table->roomy = true;
  return largest * column_width(table) + table->name <= table->width;
}

static bool is_counted(const json_t *experiment) {
  const json_t *metrics = json_object_get(experiment, "metrics");
  return json_array_size(metrics) > 0 && metric_counted(json_array_get(metrics, 0));
}

static void put_legend(struct table *table, const json_t *experiment) {
  char interval[96];
  fputc('\n', table->line.to);
  if (is_counted(experiment))
    fputs("counted; ratio to ", table->line.to);
  else
    fprintf(table->line.to, "median, ± %s; ratio to ",
            interval_name(interval, rounds_of(experiment)));
  line_put(&table->line, member_text(experiment, "baseline"));
}

static void put_experiment(struct table *table, const json_t *document, const json_t *experiment) {
  struct view view;
  if (view_open(&view, experiment)) {
    fputs("no memory for a table\n", table->line.to);
    return;
  }
  fputc('\n', table->line.to);
  line_style(&table->line, "1");
  line_format(&table->line, "%s: %s", member_text(experiment, "name"),
              member_text(experiment, "title"));
  line_style(&table->line, "0");
  put_legend(table, experiment);
  table->name = name_width(&view);
  table->roomy = has_room(table, &view);
  if (!table->roomy)
    fprintf(table->line.to, "\n(=: %s)", UNRESOLVED);
  fputc('\n', table->line.to);
  json_t *banner = banner_of_experiment(experiment);
  if (json_array_size(banner) > 0)
    fputc('\n', table->line.to);
  sentences_table(&table->line, banner, "31");
  for (size_t metric = 0; metric < view.metrics; metric++) {
    if (view_primary(&view, metric))
      put_metric(table, &view, metric);
  }
  if (json_array_size(banner) == 0)
    claims_table(&table->line, experiment);
  json_decref(banner);
  put_absent(table, experiment);
  failures_table(&table->line, experiment);
  put_resolution(table->line.to, resolution_of(document, experiment));
  view_close(&view);
}

/* "two is epoll, also is poll" */
static void put_aliases(struct text_line *line, const json_t *document) {
  json_t *aliases = json_object_get(document, "aliases"), *runs;
  const char *name, *before = "\n";
  json_object_foreach(aliases, name, runs) {
    fputs(before, line->to);
    line_format(line, "%s is %s", name, json_is_string(runs) ? json_string_value(runs) : "?");
    before = ", ";
  }
  fputs(*before == ',' ? "\n" : "", line->to);
}

void report_table(const json_t *document, FILE *to) {
  struct table table = {.line = {.to = to, .colours = wants_colours(to)}, .width = line_width(to)};
  size_t i;
  json_t *experiment, *banner = banner_of(document), *verdict = verdict_sentences(document);
  sentences_table(&table.line, banner, "31");
  for (size_t k = 0; k < json_array_size(verdict); k++)
    sentence_table(&table.line, json_string_value(json_array_get(verdict, k)));
  json_decref(banner);
  json_decref(verdict);
  json_array_foreach(json_object_get(document, "experiments"), i, experiment) {
    put_experiment(&table, document, experiment);
  }
  if (json_is_true(json_object_get(document, "interrupted")))
    fputs("\ninterrupted: the results above are complete, the rest was not measured\n", to);
  hiccups_table(&table.line, document);
  put_aliases(&table.line, document);
  char *command = command_of(document);
  fputs("\nagain: ", to);
  line_put(&table.line, command ? command : "?");
  fputc('\n', to);
  free(command);
}
