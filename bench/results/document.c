/* SPDX-License-Identifier: MIT */
/* document.c - the JSON object that every report is made from: created, written, read and
 * checked. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "common/outfile.h"
#include "common/say.h"
#include "estimates.h"

static json_t *words(int argc, char **argv) {
  json_t *array = json_array();
  for (int i = 0; i < argc; i++) {
    json_t *word = json_string(argv[i]);
    json_array_append_new(array, word ? word : json_string("(not UTF-8)"));
  }
  return array;
}

/* What contestants with a name of their own are. */
static json_t *aliases_of(const struct contestants *contestants) {
  json_t *aliases = json_object();
  for (size_t i = 0; i < contestants->count; i++)
    if (strcmp(contestants->at[i].name, contestants->at[i].runs) != 0)
      json_object_set_new(aliases, contestants->at[i].name, json_string(contestants->at[i].runs));
  return aliases;
}

json_t *document_new(const struct bench *bench, int argc, char **argv) {
  char created[32] = "";
  time_t now = time(NULL);
  struct tm utc;
  if (gmtime_r(&now, &utc))
    strftime(created, sizeof created, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return json_pack("{s:s, s:i, s:s, s:o, s:I, s:o, s:b, s:o, s:[]}", "format", DOCUMENT_FORMAT,
                   "version", DOCUMENT_VERSION, "created", created, "command", words(argc, argv),
                   "seed", (json_int_t)bench->seed, "aliases", aliases_of(&bench->contestants),
                   "interrupted", 0, "environment", environment_describe(bench), "experiments");
}

/* False after printing why not. */
static bool is_usable(const char *path, const json_t *document) {
  const char *format = json_string_value(json_object_get(document, "format"));
  const json_t *version = json_object_get(document, "version");
  if (!format || strcmp(format, DOCUMENT_FORMAT) != 0) {
    complain("%s: is not a result of bench (its \"format\" is not \"" DOCUMENT_FORMAT
             "\"); give a file that --json wrote",
             path);
    return false;
  }
  if (!json_is_integer(version) || json_integer_value(version) != DOCUMENT_VERSION) {
    char *text = json_dumps(version, JSON_ENCODE_ANY);
    complain("%s: is of version %.32s, this bench reads version %d; use the bench that wrote it, "
             "or measure again",
             path, text ? text : "(none)", DOCUMENT_VERSION);
    free(text);
    return false;
  }
  char fault[FAULT_SIZE];
  bool whole = document_check(document, fault);
  if (!whole)
    complain("%s: is not a whole result of bench: %s; give a file that --json wrote", path, fault);
  return whole;
}

static bool judged_by_these_rules(const json_t *document) {
  const json_t *rules = json_object_get(json_object_get(document, "judgement"), "rules");
  return json_is_integer(rules) && json_integer_value(rules) == JUDGEMENT_RULES;
}

json_t *document_load(const char *path) {
  json_error_t error;
  bool is_stdin = strcmp(path, "-") == 0;
  int failed;
  FILE *file = is_stdin ? stdin : outfile_read(path, &failed);
  if (!file) {
    complain("%s: cannot read it: %s", path, strerror(-failed));
    return NULL;
  }
  json_t *document = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
  if (!is_stdin)
    fclose(file);
  if (!document)
    complain("%s: is not JSON: line %d: %s; give a file that --json wrote", path, error.line,
             error.text);
  bool usable = document && is_usable(path, document);
  if (usable && !judged_by_these_rules(document) && document_judge(document) < 0) {
    complain("%s: not enough memory to judge it", path);
    usable = false;
  }
  if (usable)
    return document;
  json_decref(document);
  return NULL;
}

/* ---- writing ----------------------------------------------------------------------- */

static int dump(FILE *to, const void *document) {
  errno = 0;
  if (json_dumpf(document, to, JSON_COMPACT) < 0 || putc('\n', to) == EOF || fflush(to) == EOF)
    return errno ? -errno : -EIO;
  return 0;
}

int document_save(const json_t *document, const char *path) {
  return outfile_put(path, dump, document);
}
