/* SPDX-License-Identifier: MIT */
/* banner.c - see banner.h. */
#include "banner.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "quantity.h"
#include "results/document_access.h"

enum {
  SENTENCE_SIZE = 512
};

json_t *banner_of(const json_t *document) {
  const json_t *judgement = json_object_get(document, "judgement");
  json_t *sentences = json_array();
  char first[SENTENCE_SIZE], factor[QUANTITY_SIZE];
  if (!json_is_true(json_object_get(judgement, "busy")))
    return sentences;
  double differs = member_number(judgement, "differs");
  if (differs > 1)
    snprintf(first, sizeof first,
             "This machine was too busy: no timed difference under %s × means anything, and no "
             "claim is judged; run it again.",
             ratio_text(factor, ceil(differs * 10) / 10));
  else
    snprintf(first, sizeof first,
             "This machine was too busy: no timed difference means anything, and no claim is "
             "judged; run it again.");
  json_array_append_new(sentences, json_string(first));
  json_array_extend(sentences, json_object_get(judgement, "reasons"));
  return sentences;
}

size_t rounds_planned(const json_t *experiment) {
  double rounds = member_number(json_object_get(experiment, "parameters"), "rounds");
  return rounds >= 1 && rounds < 1e9 ? (size_t)rounds : 0;
}

static bool measured_anything(const json_t *experiment) {
  const json_t *figures = json_object_get(experiment, "figures");
  for (size_t i = 0; i < json_array_size(figures); i++)
    if (values_present(json_array_get(figures, i)) > 0)
      return true;
  return false;
}

json_t *banner_of_experiment(const json_t *experiment) {
  const json_t *failures = json_object_get(experiment, "failures");
  json_t *sentences = json_array();
  char text[SENTENCE_SIZE];
  if (measured_anything(experiment) || json_array_size(failures) == 0)
    return sentences;
  bool invalid = json_is_true(json_object_get(json_array_get(failures, 0), "invalid"));
  snprintf(text, sizeof text, "No run of %.40s was valid, so it has no figures: %s.",
           member_text(experiment, "name"),
           invalid ? "the load generator could not keep its schedule on this machine"
                   : "every contestant failed");
  json_array_append_new(sentences, json_string(text));
  snprintf(text, sizeof text, "The first of %zu: %.48s at %.48s: %.256s.",
           json_array_size(failures), member_text(json_array_get(failures, 0), "contestant"),
           member_text(json_array_get(failures, 0), "point"),
           member_text(json_array_get(failures, 0), "reason"));
  json_array_append_new(sentences, json_string(text));
  return sentences;
}
