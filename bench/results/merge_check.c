/* SPDX-License-Identifier: MIT */
/*
 * merge_check.c - see merge_check.h.
 *
 * Rounds are combined only if they measured the same thing: the same programs, with the same
 * settings, at the same points. The machine may be another; that is listed, not forbidden.
 */
#include "merge_check.h"

#include <stdbool.h>
#include <string.h>

#include "common/say.h"
#include "document_access.h"

/* Members of the environment that change the programs themselves. */
static const char *const programs[] = {"ioloop", "compiler", "flags", "libraries", NULL};
/* Members that define the meaning of an experiment's figures. */
static const char *const meanings[] = {"baseline", "metrics", "x_axis", NULL};

/* Two documents, and their paths for messages. */
struct pair {
  const json_t *first, *second;
  const char *first_path, *second_path;
};

static bool same_member(const json_t *left, const json_t *right, const char *key) {
  const json_t *a = json_object_get(left, key), *b = json_object_get(right, key);
  return a == b || (a && b && json_equal(a, b));
}

static int check_programs(const struct pair *pair) {
  const json_t *first = json_object_get(pair->first, "environment");
  const json_t *second = json_object_get(pair->second, "environment");
  for (const char *const *key = programs; *key; key++)
    if (!same_member(first, second, *key)) {
      complain("%s and %s are of different programs (%s): merge runs of one build; "
               "`bench compare` sets two against each other",
               pair->first_path, pair->second_path, *key);
      return EXIT_TROUBLE;
    }
  return EXIT_OK;
}

static int refuse_experiment(const struct pair *pair, const json_t *experiment, const char *what,
                             const char *which) {
  complain("%s and %s differ in %s %s of experiment %s: only equal measurements can be "
           "merged; run one of them again",
           pair->first_path, pair->second_path, what, which, member_text(experiment, "name"));
  return EXIT_TROUBLE;
}

/* Each member except the number of rounds, which merging adds up. */
static int check_parameters(const struct pair *pair, const json_t *first, const json_t *second) {
  json_t *ours = json_object_get(first, "parameters"),
         *theirs = json_object_get(second, "parameters"), *value;
  const char *key;
  json_object_foreach(ours, key, value) {
    if (strcmp(key, "rounds") != 0 && !same_member(ours, theirs, key))
      return refuse_experiment(pair, first, "parameter", key);
  }
  json_object_foreach(theirs, key, value) {
    if (!json_object_get(ours, key))
      return refuse_experiment(pair, first, "parameter", key);
  }
  return EXIT_OK;
}

static int check_points(const struct pair *pair, const json_t *first, const json_t *second) {
  const json_t *ours = json_object_get(first, "points");
  const json_t *theirs = json_object_get(second, "points");
  for (size_t i = 0; i < json_array_size(ours); i++) {
    const json_t *point = json_array_get(ours, i);
    const json_t *same = find_named(theirs, "id", member_text(point, "id"));
    if (same && !json_equal(point, same))
      return refuse_experiment(pair, first, "point", member_text(point, "id"));
  }
  return EXIT_OK;
}

static int check_experiment(const struct pair *pair, const json_t *first, const json_t *second) {
  for (const char *const *key = meanings; *key; key++)
    if (!same_member(first, second, *key))
      return refuse_experiment(pair, first, "member", *key);
  int failed = check_parameters(pair, first, second);
  return failed ? failed : check_points(pair, first, second);
}

static int check_pair(const struct pair *pair) {
  int failed = check_programs(pair);
  const json_t *experiments = json_object_get(pair->first, "experiments");
  for (size_t i = 0; !failed && i < json_array_size(experiments); i++) {
    const json_t *first = json_array_get(experiments, i);
    const json_t *second = find_named(json_object_get(pair->second, "experiments"), "name",
                                      member_text(first, "name"));
    if (second)
      failed = check_experiment(pair, first, second);
  }
  return failed;
}

int merge_check(json_t *const *documents, const char *const *paths, size_t count) {
  for (size_t i = 0; i < count; i++)
    for (size_t k = i + 1; k < count; k++) {
      struct pair pair = {documents[i], documents[k], paths[i], paths[k]};
      int failed = check_pair(&pair);
      if (failed)
        return failed;
    }
  return EXIT_OK;
}
