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

struct documents {
  json_t **at;
  const char *const *paths; /* of each */
  size_t count;
};

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

static int check_all(const struct documents *all) {
  int failed = EXIT_OK;
  for (size_t i = 0; i < all->count; i++)
    for (size_t k = i + 1; !failed && k < all->count; k++)
      failed = check_pair(&(struct pair){all->at[i], all->at[k], all->paths[i], all->paths[k]});
  return failed;
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
  json_t *earlier = json_object_get(document, "merged");
  if (json_is_array(earlier))
    return json_array_extend(origins, earlier);
  json_t *origin = json_object();
  int error = 0;
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    json_t *value = json_object_get(document, keys[i]);
    error |= json_object_set_new(origin, keys[i], value ? json_incref(value) : json_null());
  }
  return error | json_array_append_new(origins, origin);
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

static bool any_interrupted(const struct documents *from) {
  for (size_t i = 0; i < from->count; i++)
    if (json_is_true(json_object_get(from->at[i], "interrupted")))
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
  const char *why = NULL;
  int error = 0;
  for (size_t i = 0; !error && i < json_array_size(more); i++) {
    json_t *experiment = json_array_get(more, i);
    json_t *there = find_named(experiments, "name", member_text(experiment, "name"));
    if (!there)
      error = json_array_append(experiments, experiment) < 0 ? -ENOMEM : 0;
    else
      error = merge_experiment(there, experiment, &why);
    if (error == -EBADMSG) {
      complain("%s, or an earlier result, has a histogram in experiment %s that cannot be read: "
               "%s",
               path, member_text(experiment, "name"), why);
      return EXIT_TROUBLE;
    }
  }
  return error ? no_memory() : EXIT_OK;
}

static int estimate_all(const json_t *merged) {
  const json_t *experiments = json_object_get(merged, "experiments");
  uint64_t seed = (uint64_t)json_integer_value(json_object_get(merged, "seed"));
  int error = 0;
  for (size_t i = 0; !error && i < json_array_size(experiments); i++)
    error = merge_estimates(json_array_get(experiments, i), seed);
  return error;
}

static int describe(json_t *merged, json_t *origins, const struct documents *from, const char *to) {
  json_t *differences = environments_differences(origins);
  json_t *command = json_pack("[s, s, s, s]", "bench", "merge", "-o", to);
  int error = 0;
  for (size_t i = 0; i < from->count; i++)
    error |= json_array_append_new(command, json_string(from->paths[i]));
  error |= json_object_set_new(merged, "interrupted", json_boolean(any_interrupted(from)));
  error |= json_object_set(merged, "merged", origins);
  error |= json_object_set_new(merged, "command", command);
  json_object_del(merged, "hiccups"); /* of the first run only: each run has its own in "merged" */
  error |= json_object_set(merged, "differences", differences);
  if (!error)
    say_differences(differences);
  json_decref(differences);
  return error;
}

/* Into the first document. */
static int merge(const struct documents *from, const char *to) {
  json_t *merged = from->at[0], *origins = json_array();
  int failed = check_all(from), error = 0;
  for (size_t i = 0; !failed && !error && i < from->count; i++)
    error = append_origins(origins, from->at[i]);
  if (!failed && !error)
    failed = check_origins(origins);
  for (size_t i = 1; !failed && !error && i < from->count; i++)
    failed = add_document(json_object_get(merged, "experiments"), from->at[i], from->paths[i]);
  if (!failed && (error || estimate_all(merged) < 0 || describe(merged, origins, from, to) < 0))
    failed = no_memory();
  if (!failed)
    failed = document_save(merged, to);
  json_decref(origins);
  return failed;
}

int documents_merge(const char *const *paths, size_t count, const char *to) {
  if (count == 0) {
    complain("merge: there is no document to merge");
    return EXIT_USAGE;
  }
  struct documents documents = {calloc(count, sizeof *documents.at), paths, count};
  int failed = documents.at ? EXIT_OK : no_memory();
  for (size_t i = 0; !failed && i < count; i++) {
    documents.at[i] = document_load(paths[i]);
    failed = documents.at[i] ? EXIT_OK : EXIT_TROUBLE;
  }
  if (!failed)
    failed = merge(&documents, to);
  for (size_t i = 0; documents.at && i < count; i++)
    json_decref(documents.at[i]);
  free(documents.at);
  return failed;
}
