/* SPDX-License-Identifier: MIT */
/*
 * view.c - an experiment's figures, indexed for the reports; see view.h.
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

static size_t contestant_index(const struct view *view, const char *name) {
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

static void place_figures(struct view *view) {
  size_t i;
  json_t *figure;
  json_array_foreach(list(view, "figures"), i, figure) {
    size_t contestant = contestant_index(view, member_text(figure, "contestant"));
    size_t point = id_index(list(view, "points"), member_text(figure, "point"));
    size_t metric = id_index(list(view, "metrics"), member_text(figure, "metric"));
    if (contestant < view->contestants && point < view->points && metric < view->metrics)
      view->figures[(contestant * view->points + point) * view->metrics + metric] = figure;
  }
  json_array_foreach(list(view, "resolution"), i, figure) {
    size_t point = id_index(list(view, "points"), member_text(figure, "point"));
    size_t metric = id_index(list(view, "metrics"), member_text(figure, "metric"));
    if (point < view->points && metric < view->metrics)
      view->again[point * view->metrics + metric] = figure;
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
  view->baseline = contestant_index(view, member_text(experiment, "baseline"));
  bool fits = has_room(view);
  size_t cells = view->points * view->metrics;
  view->figures = fits ? calloc(view->contestants * cells + 1, sizeof *view->figures) : NULL;
  view->again = fits ? calloc(cells + 1, sizeof *view->again) : NULL;
  if (!view->figures || !view->again) {
    view_close(view);
    return -ENOMEM;
  }
  place_figures(view);
  return 0;
}

void view_close(struct view *view) {
  free(view->figures);
  free(view->again);
  *view = (struct view){0};
}

const json_t *view_figure(const struct view *view, size_t contestant, size_t point, size_t metric) {
  return view->figures[(contestant * view->points + point) * view->metrics + metric];
}

const json_t *view_again(const struct view *view, size_t point, size_t metric) {
  return view->again[point * view->metrics + metric];
}

const json_t *view_histogram(const struct view *view, size_t contestant, size_t point) {
  const char *name = view_contestant(view, contestant);
  const char *id = member_text(view_point(view, point), "id");
  size_t i;
  json_t *entry;
  json_array_foreach(list(view, "histograms"), i, entry) {
    if (strcmp(member_text(entry, "contestant"), name) == 0 &&
        strcmp(member_text(entry, "point"), id) == 0)
      return json_object_get(entry, "histogram");
  }
  return NULL;
}

bool view_primary(const struct view *view, size_t metric) {
  return json_is_true(json_object_get(view_metric(view, metric), "primary"));
}

size_t view_first_primary(const struct view *view) {
  size_t metric = 0;
  while (metric < view->metrics && !view_primary(view, metric))
    metric++;
  return metric;
}

static bool any_figure(const struct view *view, size_t point, size_t metric) {
  for (size_t contestant = 0; contestant < view->contestants; contestant++)
    if (view_figure(view, contestant, point, metric))
      return true;
  return false;
}

size_t view_primary_at(const struct view *view, size_t point) {
  size_t metric = 0;
  while (metric < view->metrics && !(view_primary(view, metric) && any_figure(view, point, metric)))
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
