/* SPDX-License-Identifier: MIT */
/*
 * merge.c - `bench merge`: several runs of the same experiments as one document, with more rounds.
 *
 * The others are added to the first document. It records the origin of each part ("merged"), and
 * the differences between the machines ("differences").
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "alike.h"
#include "bench.h"
#include "common/say.h"
#include "document_access.h"
#include "estimates.h"
#include "histogram.h"

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
static const char *const programs[] = {"ioloop", "commit", "compiler", "flags", "libraries", NULL};

/* Two documents, and their paths for messages. */
struct pair {
  const json_t *first, *second;
  const char *first_path, *second_path;
};

static int check_programs(const struct pair *pair) {
  const json_t *first = json_object_get(pair->first, "environment");
  const json_t *second = json_object_get(pair->second, "environment");
  for (const char *const *key = programs; *key; key++)
    if (!same_member(first, second, *key))
      return complain("%s and %s are of different programs (%s): merge runs of one build; `bench "
                      "compare` sets two against each other",
                      pair->first_path, pair->second_path, *key);
  return EXIT_OK;
}

static int refuse_experiment(const struct pair *pair, const json_t *experiment, const char *what,
                             const char *which) {
  return complain("%s and %s differ in %s %s of experiment %s: only equal measurements can be "
                  "merged; run one of them again",
                  pair->first_path, pair->second_path, what, which,
                  member_text(experiment, "name"));
}

static int check_experiment(const struct pair *pair, const json_t *first, const json_t *second) {
  static const char *const added_up[] = {"rounds", NULL};
  struct difference difference = experiments_differ(first, second, added_up);
  return difference.what ? refuse_experiment(pair, first, difference.what, difference.which)
                         : EXIT_OK;
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

/* ---- the rounds of an experiment ------------------------------------------------------------ */

/* The i'th value of every figure is of the same round of the same run, before and after: a value
 * that a run lacks is null. So ratios can be computed round by round over all runs. */

enum {
  ROUND_MOST = 1000000000 /* a larger number is no round, and is left unchanged */
};

static int pad(json_t *values, size_t rounds) {
  int error = 0;
  while (!error && json_array_size(values) < rounds)
    error = json_array_append_new(values, json_null());
  return error;
}

/* The entry of `to` that is like `entry`: an existing one, or a copy of it without values. */
static json_t *entry_for(json_t *to, const json_t *entry) {
  json_t *there = find_like(to, entry);
  if (there)
    return there;
  there = json_deep_copy(entry);
  int error = json_object_set_new(there, "values", json_array());
  error |= json_array_append_new(to, there);
  return error ? NULL : there;
}

static int append_rounds(json_t *to, const json_t *from, size_t before, size_t rounds) {
  for (size_t i = 0; i < json_array_size(from); i++) {
    const json_t *entry = json_array_get(from, i);
    json_t *there = entry_for(to, entry);
    json_t *values = json_object_get(there, "values");
    if (!values || pad(values, before) < 0 ||
        json_array_extend(values, json_object_get(entry, "values")) < 0)
      return -ENOMEM;
  }
  for (size_t i = 0; i < json_array_size(to); i++)
    if (pad(json_object_get(json_array_get(to, i), "values"), rounds) < 0)
      return -ENOMEM;
  return 0;
}

static int add_histogram(json_t *entry, const json_t *from, const char **why) {
  struct histogram *sum = histogram_from_json(json_object_get(entry, "histogram"), why);
  struct histogram *more = histogram_from_json(json_object_get(from, "histogram"), why);
  int error = -EBADMSG;
  bool fits = sum && more && histogram_count(sum) <= INT64_MAX - histogram_count(more);
  if (sum && more && !fits)
    *why = "the two count more values than a number holds";
  if (fits) {
    histogram_merge(sum, more);
    error = json_object_set_new(entry, "histogram", histogram_to_json(sum)) < 0 ? -ENOMEM : 0;
  }
  histogram_free(sum);
  histogram_free(more);
  return error;
}

static int add_histograms(json_t *to, const json_t *from, const char **why) {
  int error = 0;
  for (size_t i = 0; !error && i < json_array_size(from); i++) {
    const json_t *entry = json_array_get(from, i);
    json_t *there = find_like(to, entry);
    if (there)
      error = add_histogram(there, entry, why);
    else
      error = json_array_append_new(to, json_deep_copy(entry)) < 0 ? -ENOMEM : 0;
  }
  return error;
}

/* Rounds are renumbered: those of the second run follow `before` others. */
static int append_failures(json_t *to, const json_t *from, size_t before) {
  int error = 0;
  for (size_t i = 0; !error && i < json_array_size(from); i++) {
    json_t *failure = json_deep_copy(json_array_get(from, i));
    const json_t *round = json_object_get(failure, "round");
    json_int_t number = json_integer_value(round);
    if (json_is_integer(round) && number >= 0 && number <= ROUND_MOST)
      error = json_object_set_new(failure, "round", json_integer(number + (json_int_t)before));
    error |= json_array_append_new(to, failure);
  }
  return error ? -ENOMEM : 0;
}

/* An entry's member, or the entry itself if `key` is NULL. */
static const char *text_of(const json_t *entry, const char *key) {
  const char *text = json_string_value(key ? json_object_get(entry, key) : entry);
  return text ? text : "";
}

static bool has_text(const json_t *entries, const char *key, const char *text) {
  size_t i = 0;
  while (i < json_array_size(entries) &&
         strcmp(text_of(json_array_get(entries, i), key), text) != 0)
    i++;
  return i < json_array_size(entries);
}

/* Append the entries whose text is not there. */
static int unite(json_t *to, const json_t *from, const char *key) {
  int error = 0;
  for (size_t i = 0; i < json_array_size(from); i++) {
    json_t *entry = json_array_get(from, i);
    if (!has_text(to, key, text_of(entry, key)))
      error |= json_array_append(to, entry);
  }
  return error ? -ENOMEM : 0;
}

/* A contestant that took part in one of the runs is not absent. */
static void drop_present(json_t *absent, const json_t *contestants) {
  for (size_t i = json_array_size(absent); i-- > 0;)
    if (has_text(contestants, NULL, member_text(json_array_get(absent, i), "contestant")))
      json_array_remove(absent, i);
}

/* The experiment's list, created if missing. */
static json_t *list(json_t *experiment, const char *key) {
  if (!json_is_array(json_object_get(experiment, key)))
    json_object_set_new(experiment, key, json_array());
  return json_object_get(experiment, key);
}

/* Append `from` to `to`. 0; -ENOMEM; -EBADMSG with a reason (static): a histogram is invalid. */
static int merge_experiment(json_t *to, const json_t *from, const char **why) {
  size_t before = rounds_of(to), rounds = before + rounds_of(from);
  json_t *contestants = list(to, "contestants"), *absent = list(to, "absent");
  int error = unite(contestants, json_object_get(from, "contestants"), NULL);
  error = error ? error : unite(absent, json_object_get(from, "absent"), "contestant");
  drop_present(absent, contestants);
  error = error ? error : unite(list(to, "points"), json_object_get(from, "points"), "id");
  for (size_t i = 0; !error && i < 2; i++) {
    const char *key = i == 0 ? "figures" : "resolution";
    error = append_rounds(list(to, key), json_object_get(from, key), before, rounds);
  }
  if (!error)
    error = append_failures(list(to, "failures"), json_object_get(from, "failures"), before);
  if (!error)
    error = add_histograms(list(to, "histograms"), json_object_get(from, "histograms"), why);
  if (error)
    return error;
  json_t *claims = json_object_get(from, "claims"), *parameters = json_object_get(to, "parameters");
  if (claims && !json_object_get(to, "claims"))
    error |= json_object_set(to, "claims", claims);
  if (parameters)
    error |= json_object_set_new(parameters, "rounds", json_integer((json_int_t)rounds));
  return error ? -ENOMEM : 0;
}

/* ---- documents ------------------------------------------------------------------------------ */

static int no_memory(void) {
  return complain("cannot merge: no memory");
}

/* A document's origin, or the origins of the documents that it was merged from. */
static int append_origins(json_t *origins, const json_t *document) {
  static const char *const keys[] = {"created",     "command", "seed", "interrupted",
                                     "environment", "hiccups", "load"};
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
      if (json_equal(json_array_get(origins, i), json_array_get(origins, k)))
        return complain("the run of %s is in these documents twice: name each run once",
                        member_text(json_array_get(origins, i), "created"));
  return EXIT_OK;
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
    if (error == -EBADMSG)
      return complain(
          "%s, or an earlier result, has a histogram in experiment %s that cannot be read: %s",
          path, member_text(experiment, "name"), why);
  }
  return error ? no_memory() : EXIT_OK;
}

static int describe(json_t *merged, json_t *origins, const struct documents *from, const char *to) {
  json_t *differences = environments_differences(origins);
  json_t *command = json_pack("[s, s, s, s]", "bench", "merge", "-o", to);
  bool interrupted = false;
  int error = 0;
  for (size_t i = 0; i < from->count; i++) {
    error |= json_array_append_new(command, json_string(from->paths[i]));
    interrupted |= json_is_true(json_object_get(from->at[i], "interrupted"));
  }
  error |= json_object_set_new(merged, "interrupted", json_boolean(interrupted));
  error |= json_object_set(merged, "merged", origins);
  error |= json_object_set_new(merged, "command", command);
  /* Of the first run only: each run has its own in "merged". */
  json_object_del(merged, "hiccups");
  json_object_del(merged, "load");
  error |= json_object_set(merged, "differences", differences);
  if (!error)
    say_differences(differences);
  json_decref(differences);
  return error;
}

/* Into the first document. */
static int merge(const struct documents *from, const char *to) {
  json_t *merged = from->at[0], *origins = json_array();
  json_t *experiments = json_object_get(merged, "experiments");
  int failed = check_all(from), error = 0;
  for (size_t i = 0; !failed && !error && i < from->count; i++)
    error = append_origins(origins, from->at[i]);
  if (!failed && !error)
    failed = check_origins(origins);
  for (size_t i = 1; !failed && !error && i < from->count; i++)
    failed = add_document(experiments, from->at[i], from->paths[i]);
  if (!failed && (error || describe(merged, origins, from, to) < 0 || document_judge(merged) < 0))
    failed = no_memory();
  if (!failed)
    failed = document_save(merged, to);
  json_decref(origins);
  return failed;
}

int documents_merge(const char *const *paths, size_t count, const char *to) {
  if (count == 0)
    return misuse("merge: there is no document to merge");
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
