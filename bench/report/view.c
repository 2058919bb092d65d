/* SPDX-License-Identifier: MIT */
/*
 * view.c - what the reports read from a document: an experiment's figures, indexed; the differences
 * that the machine can resolve; the command that repeats the run, to be pasted into a shell.
 */
#include "view.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results/statistics.h"

enum {
  CELLS_MOST = 1 << 24
};

static const json_t *list(const struct view *view, const char *key) {
  return json_object_get(view->experiment, key);
}

const char *view_contestant(const struct view *view, size_t contestant) {
  const char *name = json_string_value(json_array_get(list(view, "contestants"), contestant));
  return name ? name : "";
}

const json_t *view_point(const struct view *view, size_t point) {
  return json_array_get(list(view, "points"), point);
}

const json_t *view_metric(const struct view *view, size_t metric) {
  return json_array_get(list(view, "metrics"), metric);
}

const char *view_label(const struct view *view, size_t point, char to[LABEL_SIZE]) {
  const char *label = member_text(view_point(view, point), "label");
  const char *group = member_text(view_point(view, point), "group");
  bool named = *group == '\0' || strstr(label, group);
  snprintf(to, LABEL_SIZE, "%.32s%s%.80s", named ? "" : group, named ? "" : ", ", label);
  return to;
}

size_t view_find(const struct view *view, const char *name) {
  size_t i = 0;
  while (i < view->contestants && strcmp(view_contestant(view, i), name) != 0)
    i++;
  return i;
}

static size_t id_index(const json_t *objects, const char *id) {
  size_t i = 0, count = json_array_size(objects);
  while (i < count && strcmp(member_text(json_array_get(objects, i), "id"), id) != 0)
    i++;
  return i;
}

static const json_t **place(const struct view *view, size_t contestant, size_t point,
                            size_t metric) {
  return &view->figures[(contestant * view->points + point) * view->metrics + metric];
}

static void place_all(struct view *view, const json_t *entries, bool again) {
  size_t i;
  json_t *entry;
  json_array_foreach(entries, i, entry) {
    size_t contestant = view_find(view, member_text(entry, "contestant"));
    size_t point = id_index(list(view, "points"), member_text(entry, "point"));
    size_t metric = id_index(list(view, "metrics"), member_text(entry, "metric"));
    bool known = again || contestant < view->contestants;
    if (known && point < view->points && metric < view->metrics)
      *place(view, again ? view->contestants : contestant, point, metric) = entry;
  }
}

/* Lists of millions are not results, and the product of their lengths could overflow. */
static bool has_room(const struct view *view) {
  uint64_t cells = (uint64_t)view->points * view->metrics;
  return view->contestants < CELLS_MOST && view->points < CELLS_MOST &&
         view->metrics < CELLS_MOST && cells < CELLS_MOST && view->contestants * cells < CELLS_MOST;
}

int view_open(struct view *view, const json_t *experiment) {
  *view = (struct view){.experiment = experiment};
  view->contestants = json_array_size(list(view, "contestants"));
  view->points = json_array_size(list(view, "points"));
  view->metrics = json_array_size(list(view, "metrics"));
  view->baseline = view_find(view, member_text(experiment, "baseline"));
  size_t rows = view->contestants + 1; /* the last one: the baseline's second run */
  if (has_room(view))
    view->figures = calloc(rows * view->points * view->metrics + 1, sizeof *view->figures);
  if (!view->figures)
    return -ENOMEM;
  place_all(view, list(view, "figures"), false);
  place_all(view, list(view, "resolution"), true);
  return 0;
}

void view_close(struct view *view) {
  free(view->figures);
  *view = (struct view){0};
}

const json_t *view_figure(const struct view *view, size_t contestant, size_t point, size_t metric) {
  return *place(view, contestant, point, metric);
}

const json_t *view_again(const struct view *view, size_t point, size_t metric) {
  return *place(view, view->contestants, point, metric);
}

struct histogram *view_histogram(const struct view *view, size_t contestant, size_t point) {
  const json_t *entry = find_entry(list(view, "histograms"), view_contestant(view, contestant),
                                   member_text(view_point(view, point), "id"), "");
  const char *why;
  struct histogram *histogram =
      entry ? histogram_from_json(json_object_get(entry, "histogram"), &why) : NULL;
  if (!histogram || histogram_count(histogram) > 0)
    return histogram;
  histogram_free(histogram);
  return NULL;
}

bool view_primary(const struct view *view, size_t metric) {
  return json_is_true(json_object_get(view_metric(view, metric), "primary"));
}

bool view_took_part(const struct view *view, size_t contestant, size_t metric, size_t first,
                    size_t last) {
  size_t point = first;
  while (point < last && !view_figure(view, contestant, point, metric))
    point++;
  return point < last;
}

bool view_measured(const struct view *view, size_t metric, size_t first, size_t last) {
  size_t contestant = 0;
  while (contestant < view->contestants && !view_took_part(view, contestant, metric, first, last))
    contestant++;
  return contestant < view->contestants;
}

size_t view_primary_at(const struct view *view, size_t point) {
  size_t metric = 0;
  while (metric < view->metrics &&
         !(view_primary(view, metric) && view_measured(view, metric, point, point + 1)))
    metric++;
  return metric;
}

/* Around the middle figure: a few slow contestants must not turn the others into 0.00. */
struct scale view_scale(const struct view *view, size_t metric, size_t first, size_t last) {
  const char *unit = member_text(view_metric(view, metric), "unit");
  size_t count = 0;
  double *medians = malloc((view->contestants * (last - first) + 1) * sizeof *medians);
  if (!medians)
    return scale_for(unit, NAN);
  for (size_t contestant = 0; contestant < view->contestants; contestant++) {
    for (size_t point = first; point < last; point++)
      medians[count++] = member_number(view_figure(view, contestant, point, metric), "median");
  }
  double typical = median_of(medians, count);
  free(medians);
  return scale_for(unit, typical);
}

size_t view_run(const struct view *view, size_t first, size_t most) {
  const char *group = member_text(view_point(view, first), "group");
  size_t left = 1;
  while (first + left < view->points &&
         strcmp(member_text(view_point(view, first + left), "group"), group) == 0)
    left++;
  size_t tables = (left + most - 1) / most;
  return (left + tables - 1) / tables;
}

const char *metric_reading(char to[96], const json_t *metric, const struct scale *scale) {
  const char *better = member_text(metric, "better");
  snprintf(to, 96, "%s%s%.16s%s", scale->unit, *scale->unit && *better ? ", " : "", better,
           *better ? " is better" : "");
  return to;
}

struct ratio_texts ratio_texts(const json_t *ratio) {
  struct ratio_texts texts;
  ratio_text(texts.median, member_number(ratio, "median"));
  ratio_text(texts.low, member_number(ratio, "low"));
  ratio_text(texts.high, member_number(ratio, "high"));
  return texts;
}

const char *interval_name(char to[96], size_t rounds) {
  double covered = 100 * estimate_coverage(rounds, FEWEST_TIMED);
  size_t out = estimate_left_out(rounds);
  if (rounds < FEWEST_TIMED)
    snprintf(to, 96, "no interval: fewer than %d rounds", (int)FEWEST_TIMED);
  else if (out == 0)
    snprintf(to, 96, "range of %zu rounds (%.0f %%)", rounds, covered);
  else
    snprintf(to, 96, "range of %zu rounds without %zu at each end (%.0f %%)", rounds, out, covered);
  return to;
}

enum verdict verdict_of(const json_t *ratio, const json_t *metric) {
  double median = member_number(ratio, "median");
  if (isnan(median))
    return VERDICT_NONE;
  if (!json_is_true(json_object_get(ratio, "resolved")))
    return VERDICT_UNRESOLVED;
  const char *better = member_text(metric, "better");
  if (strcmp(better, "lower") == 0)
    return median < 1 ? VERDICT_BETTER : VERDICT_WORSE;
  if (strcmp(better, "higher") == 0)
    return median > 1 ? VERDICT_BETTER : VERDICT_WORSE;
  return VERDICT_OTHER;
}

/* ---- resolution, from measuring the same contestant twice ----------------------------------- */

/* Their distances from 1 are appended to `distances`. */
static void add_experiment(struct resolution *resolution, double *distances,
                           const json_t *experiment) {
  size_t i;
  json_t *again;
  json_array_foreach(json_object_get(experiment, "resolution"), i, again) {
    const json_t *ratio = json_object_get(again, "ratio");
    double low = member_number(ratio, "low"), high = member_number(ratio, "high");
    const json_t *metric = metric_of(experiment, again);
    if (!isfinite(low) || !isfinite(high) || !json_is_true(json_object_get(metric, "primary")))
      continue;
    if (metric_counted(metric)) { /* its interval is a point, on any machine */
      resolution->counted++;
      continue;
    }
    double distance = fmax(fabs(1 - low), fabs(high - 1));
    distances[resolution->count++] = distance;
    resolution->worst = fmax(resolution->worst, distance);
    resolution->spanning += low <= 1 && high >= 1;
    resolution->expected += estimate_coverage(values_present(again), FEWEST_TIMED);
  }
}

struct resolution resolution_of(const json_t *document, const json_t *only) {
  struct resolution resolution = {.typical = NAN, .worst = NAN};
  size_t i, room = 1;
  json_t *experiment;
  json_array_foreach(json_object_get(document, "experiments"), i, experiment) {
    room += json_array_size(json_object_get(experiment, "resolution"));
  }
  double *distances = malloc(room * sizeof *distances);
  json_array_foreach(json_object_get(document, "experiments"), i, experiment) {
    if (distances && (!only || experiment == only))
      add_experiment(&resolution, distances, experiment);
  }
  if (distances)
    resolution.typical = median_of(distances, resolution.count);
  free(distances);
  return resolution;
}

/* ---- the command ---------------------------------------------------------------------------- */

static const char HARMLESS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "-_=+,.:/@%^";

static void put_word(FILE *to, const char *word) {
  if (*word && word[strspn(word, HARMLESS)] == '\0') {
    fputs(word, to);
    return;
  }
  fputc('\'', to);
  for (; *word; word++)
    *word == '\'' ? fputs("'\\''", to) : fputc(*word, to);
  fputc('\'', to);
}

char *command_of(const json_t *document) {
  char *text = NULL;
  size_t size, i;
  FILE *to = open_memstream(&text, &size);
  if (!to)
    return NULL;
  bool seeded = false;
  json_t *word;
  json_array_foreach(json_object_get(document, "command"), i, word) {
    const char *argument = json_string_value(word);
    if (!argument)
      continue;
    seeded |= strncmp(argument, "--seed", strlen("--seed")) == 0;
    if (i > 0)
      fputc(' ', to);
    put_word(to, argument);
  }
  if (!seeded)
    fprintf(to, " --seed=%" JSON_INTEGER_FORMAT,
            json_integer_value(json_object_get(document, "seed")));
  if (fclose(to) == 0)
    return text;
  free(text);
  return NULL;
}
