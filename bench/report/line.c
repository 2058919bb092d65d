/* SPDX-License-Identifier: MIT */
/* line.c - a line of a table on the terminal; see report.h. */
#include "report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"

char *harmless(const char *text) {
  size_t size = strlen(text);
  char *safe = malloc(ESCAPE_TEXT_ROOM(size) + 1);
  if (!safe)
    return NULL;
  size_t used = escape_text(safe, text, size);
  safe[used > 0 ? used - 1 : 0] = '\0'; /* without its newline */
  return safe;
}

static void pay_blanks(struct text_line *line) {
  fprintf(line->to, "%*s", (int)line->blanks, "");
  line->blanks = 0;
}

void line_put(struct text_line *line, const char *text) {
  char *safe = harmless(text);
  pay_blanks(line);
  fputs(safe ? safe : "?", line->to);
  free(safe);
}

void line_format(struct text_line *line, const char *format, ...) {
  va_list more;
  va_start(more, format);
  char *text = NULL;
  size_t size;
  FILE *to = open_memstream(&text, &size);
  int printed = to ? vfprintf(to, format, more) : -1;
  va_end(more);
  bool complete = to && fclose(to) == 0 && printed >= 0;
  line_put(line, complete ? text : "?");
  free(text);
}

void line_left(struct text_line *line, const char *text, size_t columns) {
  char *safe = harmless(text);
  const char *at = safe ? safe : "?";
  size_t all = text_columns(at), shown = all > columns ? columns - 1 : all;
  pay_blanks(line);
  for (size_t left = shown; left > 0; left--) {
    do
      fputc(*at++, line->to);
    while (((unsigned char)*at & 0xc0) == 0x80);
  }
  if (all > columns)
    fputs("…", line->to);
  line->blanks = all > columns ? 0 : columns - all;
  free(safe);
}

void line_right(struct text_line *line, const char *text, size_t columns) {
  char *safe = harmless(text);
  size_t used = text_columns(safe ? safe : "?");
  line->blanks += used < columns ? columns - used : 0;
  if (used > 0) {
    pay_blanks(line);
    fputs(safe ? safe : "?", line->to);
  }
  free(safe);
}

void line_end(struct text_line *line) {
  line->blanks = 0;
  fputc('\n', line->to);
}
