/* SPDX-License-Identifier: MIT */
/* line.c - see line.h. */
#include "line.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

size_t text_columns(const char *text) {
  size_t columns = 0;
  for (; *text; text++)
    columns += ((unsigned char)*text & 0xc0) != 0x80;
  return columns;
}

char *harmless(const char *text) {
  size_t size = strlen(text);
  char *safe = malloc(ESCAPE_TEXT_ROOM(size) + 1);
  if (!safe)
    return NULL;
  size_t used = escape_text(safe, text, size);
  safe[used > 0 ? used - 1 : 0] = '\0'; /* without its newline */
  return safe;
}

size_t harmless_columns(const char *text) {
  char *safe = harmless(text);
  size_t columns = safe ? text_columns(safe) : 0;
  free(safe);
  return columns;
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
  char *text;
  if (vasprintf(&text, format, more) < 0)
    text = NULL;
  va_end(more);
  line_put(line, text ? text : "?");
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
  size_t used = harmless_columns(text);
  line->blanks += used < columns ? columns - used : 0;
  if (used > 0)
    line_put(line, text);
}

void line_style(struct text_line *line, const char *code) {
  if (line->colours)
    fprintf(line->to, "\x1b[%sm", code);
}

void line_end(struct text_line *line) {
  line->blanks = 0;
  fputc('\n', line->to);
}
