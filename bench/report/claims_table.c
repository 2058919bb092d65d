/* SPDX-License-Identifier: MIT */
/* claims_table.c - see claims_table.h. */
#include "claims_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quantity.h"
#include "results/document_access.h"

enum {
  LINE_COLUMNS = 80,
  NAME_COLUMNS = 20,
  POINT_COLUMNS = 12,
  TEXT_SIZE = 128
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

static void put_method(FILE *to, const json_t *experiment, const json_t *claims) {
  const json_t *metric =
      find_named(json_object_get(experiment, "metrics"), "id", member_text(claims, "metric"));
  char threshold[QUANTITY_SIZE], text[512];
  snprintf(text, sizeof text,
           "The ratio is of %.80s at the point named to that at 0, round by round, with its 95 %% "
           "interval. It rises where all of that is above %s, is flat where all is below, and is "
           "not resolved otherwise, nor with fewer than three rounds.",
           member_text(metric, "label"), ratio_text(threshold, member_number(claims, "threshold")));
  put_wrapped(to, text, 2);
}

static void put_name(struct text_line *line, const json_t *one) {
  const char *contestant = member_text(one, "contestant"), *beside = member_text(one, "beside");
  char name[TEXT_SIZE];
  snprintf(name, sizeof name, "%.40s%s%.40s", *beside ? beside : contestant, *beside ? " / " : "",
           *beside ? contestant : "");
  line->blanks += 4;
  line_left(line, name, NAME_COLUMNS);
}

/* "7.31 [7.10, 7.52]" */
static void put_ratio(struct text_line *line, const json_t *one) {
  const json_t *ratio = json_object_get(one, "ratio");
  char median[QUANTITY_SIZE], low[QUANTITY_SIZE], high[QUANTITY_SIZE], text[4 * QUANTITY_SIZE];
  ratio_text(median, member_number(ratio, "median"));
  snprintf(text, sizeof text, "%s [%s, %s]", median, ratio_text(low, member_number(ratio, "low")),
           ratio_text(high, member_number(ratio, "high")));
  line_put(line, text);
}

static void put_judged(struct text_line *line, const json_t *experiment, const json_t *one) {
  const json_t *point =
      find_named(json_object_get(experiment, "points"), "id", member_text(one, "point"));
  const char *seen = member_text(one, "seen"), *verdict = member_text(one, "verdict");
  put_name(line, one);
  line->blanks += 1;
  line_left(line, member_text(point, "label"), POINT_COLUMNS);
  line->blanks += 1;
  put_ratio(line, one);
  line_put(line, "  ");
  line_put(line, seen);
  if (strcmp(seen, verdict) != 0) {
    line_put(line, ": ");
    line_put(line, verdict);
  }
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
