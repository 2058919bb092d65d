/* SPDX-License-Identifier: MIT */
/* quality.c - see quality.h. */
#include "quality.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "document_access.h"
#include "estimates.h"

struct reasons {
  json_t *list;
  bool failed; /* no memory */
};

static void add_reason(struct reasons *to, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add_reason(struct reasons *to, const char *format, ...) {
  char text[256];
  va_list more;
  va_start(more, format);
  vsnprintf(text, sizeof text, format, more);
  va_end(more);
  to->failed |= json_array_append_new(to->list, json_string(text)) < 0;
}

/* ---- the machine --------------------------------------------------------------------------------- */

static void judge_hiccups(const json_t *run, struct reasons *to) {
  const json_t *all = json_object_get(run, "hiccups");
  for (size_t i = 0; i < json_array_size(all); i++) {
    const json_t *one = json_array_get(all, i);
    double share = member_number(one, "late_1ms");
    const char *role = member_text(one, "role");
    bool any = strcmp(role, "any") == 0;
    if (share > LIMIT_HICCUPS)
      add_reason(to,
                 "before the first measurement %s%.16s%s processor would have kept %.3g %% of "
                 "messages waiting longer than 1 ms (limit: %g %%)",
                 any ? "a" : "the ", any ? "" : role, any ? "" : "'s", 100 * share,
                 100 * LIMIT_HICCUPS);
  }
}

static void judge_load(const json_t *run, struct reasons *to) {
  const json_t *load = json_object_get(run, "load");
  double steal = member_number(load, "steal"), others = member_number(load, "others");
  if (steal > LIMIT_STEAL)
    add_reason(to,
               "the host gave %.3g %% of the processors' time to other guests during the run "
               "(limit: %g %%)",
               100 * steal, 100 * LIMIT_STEAL);
  if (others > LIMIT_OTHERS)
    add_reason(to, "other programs used %.3g processors during the run (limit: %g)", others,
               LIMIT_OTHERS);
}

static void judge_machine(const json_t *run, struct reasons *to) {
  judge_hiccups(run, to);
  judge_load(run, to);
}

/* ---- A/A ----------------------------------------------------------------------------------------- */

static int by_value(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

struct factors {
  double *at;
  size_t count;
};

/* The farther end of the interval of an A/A ratio as a factor, or the ratio itself. */
static double factor_of(const json_t *experiment, const json_t *entry, bool farther_end) {
  double ratio = member_number(json_object_get(entry, "ratio"), "median");
  if (farther_end)
    return again_factor(experiment, member_text(entry, "point"), member_text(entry, "metric"));
  return ratio < 1 ? 1 / ratio : ratio;
}

static void add_factors(const json_t *experiment, bool farther_end, struct factors *to) {
  const json_t *entries = json_object_get(experiment, "resolution");
  for (size_t i = 0; i < json_array_size(entries); i++) {
    const json_t *entry = json_array_get(entries, i), *metric = metric_of(experiment, entry);
    double factor = factor_of(experiment, entry, farther_end);
    if (isfinite(factor) && !metric_counted(metric) &&
        json_is_true(json_object_get(metric, "primary")))
      to->at[to->count++] = factor;
  }
}

/* Of all experiments, sorted; `at` is NULL if there is no memory. */
static struct factors factors_of(const json_t *document, bool farther_end) {
  const json_t *experiments = json_object_get(document, "experiments");
  size_t room = 1;
  for (size_t i = 0; i < json_array_size(experiments); i++)
    room += json_array_size(json_object_get(json_array_get(experiments, i), "resolution"));
  struct factors all = {.at = malloc(room * sizeof *all.at)};
  for (size_t i = 0; all.at && i < json_array_size(experiments); i++)
    add_factors(json_array_get(experiments, i), farther_end, &all);
  if (all.count > 1)
    qsort(all.at, all.count, sizeof *all.at, by_value);
  return all;
}

static void judge_again(const struct factors *all, struct reasons *to) {
  double typical = all->count > 0 ? all->at[all->count / 2] - 1 : 0;
  if (typical > LIMIT_AGAIN)
    add_reason(to,
               "the baseline differed from itself by more than %.3g %% at half of the points "
               "(limit: %g %%)",
               100 * typical, 100 * LIMIT_AGAIN);
}

/* The factor that nine of ten stay within, or null. */
static json_t *nine_of_ten(const struct factors *all) {
  return all->count > 0 ? number_to_json(all->at[(all->count * 9 + 9) / 10 - 1]) : json_null();
}

json_t *quality_judge(const json_t *document) {
  struct reasons reasons = {.list = json_array()};
  const json_t *runs = json_object_get(document, "merged");
  struct factors ratios = factors_of(document, false), ends = factors_of(document, true);
  json_t *judgement = NULL;
  if (reasons.list && ratios.at && ends.at) {
    judge_machine(document, &reasons);
    for (size_t i = 0; i < json_array_size(runs); i++)
      judge_machine(json_array_get(runs, i), &reasons);
    judge_again(&ratios, &reasons);
    if (!reasons.failed)
      judgement = json_pack("{s:b, s:O, s:o}", "busy", json_array_size(reasons.list) > 0, "reasons",
                            reasons.list, "differs", nine_of_ten(&ends));
  }
  free(ratios.at);
  free(ends.at);
  json_decref(reasons.list);
  return judgement;
}
