/* SPDX-License-Identifier: MIT */
/*
 * merge.c - `bench merge`: several runs of the same experiments as one document, with more rounds.
 *
 * The others are added to the first document. It records the origin of each part ("merged"), and
 * the differences between the machines ("differences").
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "common/say.h"
#include "document_access.h"

/* ---- which documents may be merged ---------------------------------------------------------- */

/* The rules of docs/bench-schema.md, "Merged documents". Rounds are combined only if they measured
 * the same thing: the same programs, with the same settings, at the same points. The machine may be
 * another; that is listed, not forbidden. */

/* Members of the environment that change the programs themselves. */
static const char *const programs[] = {"ioloop", "compiler", "flags", "libraries", NULL};
/* Members that define the meaning of an experiment's figures. */
static const char *const meanings[] = {"baseline", "metrics", "x_axis", NULL};

/* Two documents, and their paths for messages. */
struct pair {
  const json_t *first, *second;
  const char *first_path, *second_path;
};

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

/* 0, or EXIT_TROUBLE after printing a line with the file and the obstacle. */
static int merge_check(json_t *const *documents, const char *const *paths, size_t count) {
  for (size_t i = 0; i < count; i++)
    for (size_t k = i + 1; k < count; k++) {
      struct pair pair = {documents[i], documents[k], paths[i], paths[k]};
      int failed = check_pair(&pair);
      if (failed)
        return failed;
    }
  return EXIT_OK;
}

/* ---- merging -------------------------------------------------------------------------------- */

static int no_memory(void) {
  complain("cannot merge: no memory");
  return EXIT_TROUBLE;
}

/* A document's origin, or the origins of the documents that it was merged from. */
static int append_origins(json_t *origins, const json_t *document) {
  static const char *const keys[] = {"created",     "command",     "seed",
                                     "interrupted", "environment", "hiccups"};
  const json_t *earlier = json_object_get(document, "merged");
  if (json_is_array(earlier)) {
    json_t *copy = json_deep_copy(earlier);
    int error = json_array_extend(origins, copy);
    json_decref(copy);
    return error;
  }
  json_t *origin = json_object();
  int error = 0;
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    const json_t *value = json_object_get(document, keys[i]);
    error |= json_object_set_new(origin, keys[i], value ? json_deep_copy(value) : json_null());
  }
  return error | json_array_append_new(origins, origin);
}

static json_t *origins_of(json_t *const *documents, size_t count) {
  json_t *origins = json_array();
  int error = origins ? 0 : -1;
  for (size_t i = 0; !error && i < count; i++)
    error = append_origins(origins, documents[i]);
  if (error) {
    json_decref(origins);
    return NULL;
  }
  return origins;
}

/* A run that is counted twice would look more certain than it is; this also finds one inside a
 * merged document. */
static int check_origins(const json_t *origins) {
  for (size_t i = 0; i < json_array_size(origins); i++)
    for (size_t k = 0; k < i; k++)
      if (json_equal(json_array_get(origins, i), json_array_get(origins, k))) {
        complain("the run of %s is in these documents twice: name each run once",
                 member_text(json_array_get(origins, i), "created"));
        return EXIT_TROUBLE;
      }
  return EXIT_OK;
}

static json_t *differences_of(const json_t *origins) {
  size_t count = json_array_size(origins);
  const json_t **environments = malloc((count ? count : 1) * sizeof *environments);
  if (!environments)
    return NULL;
  for (size_t i = 0; i < count; i++)
    environments[i] = json_object_get(json_array_get(origins, i), "environment");
  json_t *differences = environments_differences(environments, count);
  free(environments);
  return differences;
}

static json_t *command_of(const char *const *paths, size_t count, const char *to) {
  json_t *command = json_pack("[s, s, s, s]", "bench", "merge", "-o", to);
  for (size_t i = 0; command && i < count; i++)
    if (json_array_append_new(command, json_string(paths[i])) < 0) {
      json_decref(command);
      command = NULL;
    }
  return command;
}

static bool any_interrupted(json_t *const *documents, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (json_is_true(json_object_get(documents[i], "interrupted")))
      return true;
  return false;
}

/* One line for each: the reader of the merged figures should know before reading them. */
static void say_differences(const json_t *differences) {
  for (size_t i = 0; i < json_array_size(differences); i++) {
    const json_t *difference = json_array_get(differences, i);
    char *values = json_dumps(json_object_get(difference, "values"), 0);
    say("the machines differ in %s: %s", member_text(difference, "member"), values ? values : "");
    free(values);
  }
}

static int add_document(json_t *experiments, const json_t *document, const char *path) {
  const json_t *more = json_object_get(document, "experiments");
  for (size_t i = 0; i < json_array_size(more); i++) {
    const json_t *experiment = json_array_get(more, i);
    json_t *there = find_named(experiments, "name", member_text(experiment, "name"));
    const char *why = NULL;
    int error = 0;
    if (there)
      error = merge_experiment(there, experiment, &why);
    else
      error = json_array_append_new(experiments, json_deep_copy(experiment)) < 0 ? -ENOMEM : 0;
    if (error == -EBADMSG) {
      complain("%s, or an earlier result, has a histogram in experiment %s that cannot be read: "
               "%s",
               path, member_text(experiment, "name"), why);
      return EXIT_TROUBLE;
    }
    if (error)
      return no_memory();
  }
  return EXIT_OK;
}

static int describe(json_t *merged, json_t *origins, json_t *command) {
  json_t *differences = differences_of(origins);
  int error = json_object_set(merged, "merged", origins);
  error |= json_object_set_new(merged, "command", command);
  json_object_del(merged, "hiccups"); /* of the first run only: each run has its own in "merged" */
  error |= json_object_set(merged, "differences", differences);
  if (!error)
    say_differences(differences);
  json_decref(differences);
  return error ? no_memory() : EXIT_OK;
}

static int estimate_all(json_t *merged) {
  const json_t *experiments = json_object_get(merged, "experiments");
  uint64_t seed = (uint64_t)json_integer_value(json_object_get(merged, "seed"));
  for (size_t i = 0; i < json_array_size(experiments); i++)
    if (merge_estimates(json_array_get(experiments, i), seed) < 0)
      return no_memory();
  return EXIT_OK;
}

/* Into the first document. */
static int merge_into(json_t *merged, json_t *const *documents, const char *const *paths,
                      size_t count) {
  int failed = EXIT_OK;
  for (size_t i = 1; !failed && i < count; i++)
    failed = add_document(json_object_get(merged, "experiments"), documents[i], paths[i]);
  if (!failed)
    failed = estimate_all(merged);
  if (!failed && json_object_set_new(merged, "interrupted",
                                     json_boolean(any_interrupted(documents, count))) < 0)
    failed = no_memory();
  return failed;
}

static int merge_and_save(json_t *const *documents, const char *const *paths, size_t count,
                          const char *to) {
  json_t *origins = origins_of(documents, count);
  int failed = origins ? check_origins(origins) : no_memory();
  if (!failed)
    failed = merge_into(documents[0], documents, paths, count);
  if (!failed)
    failed = describe(documents[0], origins, command_of(paths, count, to));
  if (!failed)
    failed = document_save(documents[0], to);
  json_decref(origins);
  return failed;
}

int documents_merge(const char *const *paths, size_t count, const char *to) {
  if (count == 0) {
    complain("merge: there is no document to merge");
    return EXIT_USAGE;
  }
  json_t **documents = calloc(count, sizeof *documents);
  if (!documents)
    return no_memory();
  int failed = EXIT_OK;
  for (size_t i = 0; !failed && i < count; i++) {
    documents[i] = document_load(paths[i]);
    if (!documents[i])
      failed = EXIT_TROUBLE;
  }
  if (!failed)
    failed = merge_check(documents, paths, count);
  if (!failed)
    failed = merge_and_save(documents, paths, count, to);
  for (size_t i = 0; i < count; i++)
    json_decref(documents[i]);
  free(documents);
  return failed;
}
