/* SPDX-License-Identifier: MIT */
/* failures_table.c - see failures_table.h. */
#include "failures_table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "results/document_access.h"

enum {
  FEW = 3 /* invalid runs at a point that get a line each */
};

struct list {
  struct text_line *line;
  const json_t *failures;
  size_t rounds;
  const char *red, *plain;
};

static bool is_invalid(const json_t *failure) {
  return json_is_true(json_object_get(failure, "invalid"));
}

static json_int_t round_of(const json_t *failure) {
  return json_integer_value(json_object_get(failure, "round"));
}

static bool is_at(const json_t *failure, const char *point) {
  return strcmp(member_text(failure, "point"), point) == 0;
}

static bool is_of(const json_t *failure, const char *contestant) {
  return strcmp(member_text(failure, "contestant"), contestant) == 0;
}

/* The number of invalid runs at a point, of one contestant or of all (NULL), among the first
 * `count`. */
static size_t invalid_among(const struct list *list, size_t count, const char *point,
                            const char *contestant) {
  size_t found = 0;
  for (size_t i = 0; i < count; i++) {
    const json_t *failure = json_array_get(list->failures, i);
    found +=
        is_invalid(failure) && is_at(failure, point) && (!contestant || is_of(failure, contestant));
  }
  return found;
}

static size_t invalid_at(const struct list *list, const char *point, const char *contestant) {
  return invalid_among(list, json_array_size(list->failures), point, contestant);
}

/* ---- one line each ---------------------------------------------------------------------- */

static void put_stderr(struct text_line *line, const char *stderr_tail) {
  while (*stderr_tail) {
    size_t length = strcspn(stderr_tail, "\n");
    char *text = strndup(stderr_tail, length);
    if (text && *text) {
      fputs("    | ", line->to);
      line_put(line, text);
      fputc('\n', line->to);
    }
    free(text);
    stderr_tail += length + (stderr_tail[length] == '\n');
  }
}

static void put_name(const struct list *list, const char *name) {
  fputs(list->red, list->line->to);
  line_put(list->line, name);
  fputs(list->plain, list->line->to);
}

static void put_one(const struct list *list, const json_t *failure) {
  FILE *to = list->line->to;
  fputs("  ", to);
  put_name(list, member_text(failure, "contestant"));
  fputs(", ", to);
  line_put(list->line, member_text(failure, "point"));
  fprintf(to, ", round %" JSON_INTEGER_FORMAT ", %s: ", round_of(failure),
          is_invalid(failure) ? "invalid" : "failed");
  line_put(list->line, member_text(failure, "reason"));
  fputc('\n', to);
  put_stderr(list->line, member_text(failure, "said"));
}

/* "epoll 3, rtsig 2": in order of first occurrence. */

/* "epoll 3, rtsig 2": in order of first occurrence. */
static void put_counts(const struct list *list, const char *point) {
  const char *before = "";
  for (size_t i = 0; i < json_array_size(list->failures); i++) {
    const json_t *failure = json_array_get(list->failures, i);
    const char *name = member_text(failure, "contestant");
    if (!is_invalid(failure) || !is_at(failure, point) || invalid_among(list, i, point, name) > 0)
      continue;
    fputs(before, list->line->to);
    put_name(list, name);
    fprintf(list->line->to, " %zu", invalid_at(list, point, name));
    before = ", ";
  }
}

static void put_many(const struct list *list, const json_t *first) {
  const char *point = member_text(first, "point");
  FILE *to = list->line->to;
  fputs("  ", to);
  line_put(list->line, point);
  fprintf(to, ", %zu runs invalid: ", invalid_at(list, point, NULL));
  put_counts(list, point);
  fprintf(to, " of %zu rounds\n    the first, ", list->rounds);
  line_put(list->line, member_text(first, "contestant"));
  fprintf(to, " in round %" JSON_INTEGER_FORMAT ": ", round_of(first));
  line_put(list->line, member_text(first, "reason"));
  fputc('\n', to);
}

void failures_table(struct text_line *line, const json_t *experiment, const char *red,
                    const char *plain) {
  struct list list = {.line = line,
                      .failures = json_object_get(experiment, "failures"),
                      .rounds = rounds_of(experiment),
                      .red = red,
                      .plain = plain};
  for (size_t i = 0; i < json_array_size(list.failures); i++) {
    const json_t *failure = json_array_get(list.failures, i);
    const char *point = member_text(failure, "point");
    if (i == 0)
      fputs("\nfailed or invalid\n", line->to);
    if (!is_invalid(failure) || invalid_at(&list, point, NULL) <= FEW)
      put_one(&list, failure);
    else if (invalid_among(&list, i, point, NULL) == 0)
      put_many(&list, failure);
  }
}
