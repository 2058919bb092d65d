/* SPDX-License-Identifier: MIT */
/*
 * table_notes.c - what the report on the terminal says around its tables: the claims and whether
 * they hold, failed and invalid runs, the machine's own pauses.
 */
#include "table_notes.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "banner.h"
#include "view.h"

/* ---- claims --------------------------------------------------------------------------------- */

enum {
  LINE_COLUMNS = 80,
  NAME_COLUMNS = 20,
  POINT_COLUMNS = 12,
  NAME_SIZE = 128
};

/* Print the words of `text` in lines of LINE_COLUMNS, indented by `indent`. */
static void put_wrapped(FILE *to, const char *text, size_t indent) {
  char *safe = harmless(text);
  size_t column = 0;
  for (char *rest = NULL, *word = safe ? strtok_r(safe, " ", &rest) : NULL; word;
       word = strtok_r(NULL, " ", &rest)) {
    size_t columns = text_columns(word);
    bool fits = column > 0 && column + 1 + columns <= LINE_COLUMNS;
    if (!fits)
      fprintf(to, "%s%*s", column > 0 ? "\n" : "", (int)indent, "");
    fprintf(to, "%s%s", fits ? " " : "", word);
    column = fits ? column + 1 + columns : indent + columns;
  }
  fputc('\n', to);
  free(safe);
}

void sentences_table(struct text_line *line, const json_t *sentences, const char *style) {
  for (size_t i = 0; i < json_array_size(sentences); i++) {
    line_style(line, style);
    put_wrapped(line->to, json_string_value(json_array_get(sentences, i)), i == 0 ? 0 : 2);
    line_style(line, "0");
  }
}

void sentence_table(struct text_line *line, const char *sentence) {
  char *text = NULL;
  if (asprintf(&text, "- %s", sentence) >= 0)
    put_wrapped(line->to, text, 0);
  free(text);
}

static void put_method(FILE *to, const json_t *experiment, const json_t *claims) {
  const char *label = member_text(metric_of(experiment, claims), "label");
  char threshold[QUANTITY_SIZE], text[512];
  snprintf(text, sizeof text,
           "The ratio is of %.80s at the point named to that at 0, round by round, with its "
           "interval. It rises where all of that is above %s and is flat where all is below, "
           "unless that may be chance among that many ratios, or the baseline's second run (A/A) "
           "differs by as much; then it is not resolved.",
           label, ratio_text(threshold, member_number(claims, "threshold")));
  put_wrapped(to, text, 2);
}

static void put_names(struct text_line *line, const json_t *one) {
  const char *contestant = member_text(one, "contestant"), *beside = member_text(one, "beside");
  char name[NAME_SIZE];
  snprintf(name, sizeof name, "%.40s%s%.40s", *beside ? beside : contestant, *beside ? " / " : "",
           *beside ? contestant : "");
  line->blanks += 4;
  line_left(line, name, NAME_COLUMNS);
}

static void put_judged(struct text_line *line, const json_t *experiment, const json_t *one) {
  const char *label = member_text(point_of(experiment, one), "label");
  struct ratio_texts ratio = ratio_texts(json_object_get(one, "ratio"));
  const char *seen = member_text(one, "seen"), *verdict = member_text(one, "verdict");
  put_names(line, one);
  line->blanks += 1;
  line_left(line, label, POINT_COLUMNS);
  line->blanks += 1;
  line_format(line, "%s [%s, %s]", ratio.median, ratio.low, ratio.high);
  bool said = strcmp(seen, verdict) == 0;
  line_format(line, "  %s%s%s", seen, said ? "" : ": ", said ? "" : verdict);
  line_end(line);
}

static void put_claim(struct text_line *line, const json_t *experiment, const json_t *claim) {
  const json_t *judged = json_object_get(claim, "judged");
  const char *by = member_text(claim, "by"), *verdict = member_text(claim, "verdict");
  char text[512];
  fputc('\n', line->to);
  snprintf(text, sizeof text, "%.150s%s %.250s%s%s", *by ? by : "ioloop", *by ? " found that" : ":",
           member_text(claim, "found"), *verdict ? ": " : "", verdict);
  put_wrapped(line->to, text, 2);
  for (size_t i = 0; i < json_array_size(judged); i++)
    put_judged(line, experiment, json_array_get(judged, i));
  if (json_is_array(judged) && json_array_size(judged) == 0)
    fputs("    none that it is about was measured\n", line->to);
}

void claims_table(struct text_line *line, const json_t *experiment) {
  const json_t *claims = json_object_get(experiment, "claims"),
               *list = json_object_get(claims, "list");
  const char *unjudged = member_text(claims, "unjudged");
  if (json_array_size(list) == 0)
    return;
  fputs("\nclaims, and whether they hold here\n", line->to);
  if (*unjudged) {
    char text[256];
    snprintf(text, sizeof text, "Not judged: %.200s.", unjudged);
    put_wrapped(line->to, text, 2);
  } else {
    put_method(line->to, experiment, claims);
  }
  for (size_t i = 0; i < json_array_size(list); i++)
    put_claim(line, experiment, json_array_get(list, i));
}

/* ---- failed and invalid runs ---------------------------------------------------------------- */

enum {
  FEW = 3 /* invalid runs at a point that get a line each */
};

static bool is_invalid(const json_t *failure) {
  return json_is_true(json_object_get(failure, "invalid"));
}

static json_int_t round_of(const json_t *failure) {
  return json_integer_value(json_object_get(failure, "round"));
}

/* The number of invalid runs at a point, of one contestant or of all (NULL), among the first
 * `count`. */
static size_t invalid_among(const json_t *failures, size_t count, const char *point,
                            const char *contestant) {
  size_t found = 0;
  for (size_t i = 0; i < count; i++) {
    const json_t *failure = json_array_get(failures, i);
    found += is_invalid(failure) && strcmp(member_text(failure, "point"), point) == 0 &&
             (!contestant || strcmp(member_text(failure, "contestant"), contestant) == 0);
  }
  return found;
}

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

static void put_name(struct text_line *line, const char *name) {
  line_style(line, "31");
  line_put(line, name);
  line_style(line, "0");
}

static void put_one(struct text_line *line, const json_t *failure) {
  fputs("  ", line->to);
  put_name(line, member_text(failure, "contestant"));
  line_format(line, ", %s, round %" JSON_INTEGER_FORMAT ", %s: %s", member_text(failure, "point"),
              round_of(failure), is_invalid(failure) ? "invalid" : "failed",
              member_text(failure, "reason"));
  line_end(line);
  put_stderr(line, member_text(failure, "said"));
}

/* "epoll 3, rtsig 2": in order of first occurrence. */
static void put_counts(struct text_line *line, const json_t *failures, const char *point) {
  size_t count = json_array_size(failures);
  const char *before = "";
  for (size_t i = 0; i < count; i++) {
    const char *name = member_text(json_array_get(failures, i), "contestant");
    size_t earlier = invalid_among(failures, i, point, name);
    if (earlier > 0 || invalid_among(failures, i + 1, point, name) == 0)
      continue;
    fputs(before, line->to);
    put_name(line, name);
    fprintf(line->to, " %zu", invalid_among(failures, count, point, name));
    before = ", ";
  }
}

static void put_many(struct text_line *line, const json_t *failures, const json_t *first,
                     size_t rounds) {
  const char *point = member_text(first, "point");
  line_format(line, "  %s, %zu runs invalid: ", point,
              invalid_among(failures, json_array_size(failures), point, NULL));
  put_counts(line, failures, point);
  if (rounds > 0)
    fprintf(line->to, " of %zu rounds", rounds);
  fputc('\n', line->to);
  line_format(line, "    the first, %s in round %" JSON_INTEGER_FORMAT ": %s",
              member_text(first, "contestant"), round_of(first), member_text(first, "reason"));
  line_end(line);
}

void failures_table(struct text_line *line, const json_t *experiment) {
  const json_t *failures = json_object_get(experiment, "failures");
  size_t count = json_array_size(failures);
  for (size_t i = 0; i < count; i++) {
    const json_t *failure = json_array_get(failures, i);
    const char *point = member_text(failure, "point");
    if (i == 0)
      fputs("\nfailed or invalid\n", line->to);
    if (!is_invalid(failure) || invalid_among(failures, count, point, NULL) <= FEW)
      put_one(line, failure);
    else if (invalid_among(failures, i, point, NULL) == 0)
      put_many(line, failures, failure, rounds_planned(experiment));
  }
}

/* ---- the machine's pauses ------------------------------------------------------------------- */

enum {
  ROLE_COLUMNS = 26,
  SHARE_COLUMNS = 18,
  SHARE_SIZE = 96
};

static void put_share(struct text_line *line, double value, const char *unit) {
  char share[QUANTITY_SIZE], text[SHARE_SIZE];
  snprintf(text, sizeof text, "%s %s", quantity_text(share, value), unit);
  line_right(line, text, SHARE_COLUMNS);
}

static void put_row(struct text_line *line, const json_t *one) {
  const char *role = member_text(one, "role");
  char text[SHARE_SIZE];
  snprintf(text, sizeof text, "%.16s%s processor", role, strcmp(role, "any") == 0 ? "" : "'s");
  line->blanks += 2;
  line_left(line, text, ROLE_COLUMNS - 2);
  put_share(line, 100 * member_number(one, "late_100us"), "%");
  put_share(line, 100 * member_number(one, "late_1ms"), "%");
  put_share(line, member_number(one, "largest_ns") / 1e6, "ms");
  line_end(line);
}

void hiccups_table(struct text_line *line, const json_t *document) {
  const json_t *all = json_object_get(document, "hiccups");
  if (json_array_size(all) == 0)
    return;
  fputs("\nthe machine by itself: messages at a steady rate that would wait for a processor\n"
        "that did nothing but look at the clock; this is in all tails\n",
        line->to);
  line_left(line, "", ROLE_COLUMNS);
  line_right(line, "longer than 0.1 ms", SHARE_COLUMNS);
  line_right(line, "than 1 ms", SHARE_COLUMNS);
  line_right(line, "longest", SHARE_COLUMNS);
  line_end(line);
  for (size_t i = 0; i < json_array_size(all); i++)
    put_row(line, json_array_get(all, i));
}
