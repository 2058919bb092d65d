/* SPDX-License-Identifier: MIT */
/* trace.c - ioladder draws traces of any content, as text and as SVG. */
#include <stdlib.h>
#include <string.h>

#include "common/say.h"
#include "ladder/ladder.h"
#include "parser.h"

#define EVER 1e15

/* The end of the markup in front of which only its tags and entities are parsed. NULL: malformed.
 */
static const char *skip_markup(const char *at, int *depth) {
  if (*at == '&') {
    at++;
    size_t size = strspn(at, "abcdefghijklmnopqrstuvwxyz#0123456789");
    return size > 0 && at[size] == ';' ? at + size + 1 : NULL;
  }
  const char *end = strchr(at, '>');
  if (!end || memchr(at + 1, '<', (size_t)(end - at - 1)))
    return NULL;
  *depth += at[1] == '/' ? -1 : end[-1] == '/' ? 0 : 1;
  return end + 1;
}

static void check_svg(const char *text, size_t size) {
  int depth = 0;
  ALWAYS(is_harmless(text, size) && strlen(text) == size);
  while (text && *text) {
    text += strcspn(text, "<&");
    if (*text)
      text = skip_markup(text, &depth);
    ALWAYS(text && depth >= 0);
  }
  ALWAYS(depth == 0);
}

static void check_drawn(const struct figure *figure) {
  char *text;
  size_t size;
  for (int svg = 0; svg < 2; svg++) {
    FILE *to = open_memstream(&text, &size);
    ALWAYS(to);
    (svg ? draw_svg : draw_text)(figure, to);
    ALWAYS(fclose(to) == 0 && size > 0);
    if (svg)
      check_svg(text, size);
    else
      ALWAYS(is_harmless(text, size));
    free(text);
  }
}

/* Rows in order, each of an event. */
static void check_rows(const struct ladder *ladder) {
  const struct rows *rows = &ladder->rows;
  ALWAYS(rows->count > 0);
  for (size_t i = 0; i < rows->count; i++) {
    ALWAYS(rows->at[i].event < ladder->events.count && (int)rows->at[i].tone < TONES);
    ALWAYS(memchr(rows->at[i].label, 0, sizeof rows->at[i].label));
    ALWAYS(memchr(rows->at[i].kernel, 0, sizeof rows->at[i].kernel));
  }
}

static int draw(const char *path, const struct excerpt *excerpt) {
  struct ladder ladders[2] = {{.path = path}, {.path = path}};
  struct figure figure = {.excerpt = excerpt, .ladders = ladders, .count = 2, .columns = 2};
  int error = 0;
  for (size_t i = 0; i < 2 && !error; i++) {
    error = events_read(path, &ladders[i].events);
    if (!error)
      error = rows_choose(&ladders[i].events, excerpt, path, &ladders[i].rows);
    if (!error)
      check_rows(&ladders[i]);
  }
  figure.title = error ? NULL : ladders[0].events.model;
  if (!error)
    check_drawn(&figure);
  for (size_t i = 0; i < 2; i++) {
    rows_free(&ladders[i].rows);
    events_free(&ladders[i].events);
  }
  return error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const struct excerpt excerpts[] = {
      {.connection = 0, .to_us = EVER, .max_steps = 1000},
      {.connection = 1, .to_us = EVER, .max_steps = 3},
      {.connection = 1, .request = 2, .to_us = EVER, .max_steps = 24},
      {.connection = 0, .request = 1, .from_us = 10, .to_us = 500, .max_steps = 24},
  };
  const char *path = parser_file(0, data, size);
  say_begin("ioladder");
  for (size_t i = 0; i < sizeof excerpts / sizeof excerpts[0]; i++) {
    parser_collect();
    int error = draw(path, &excerpts[i]);
    struct printed printed = parser_printed();
    ALWAYS(error == 0 || error == EXIT_TROUBLE);
    ALWAYS(printed.out_size == 0 && has_complaints(&printed, "ioladder", error ? 1 : 0));
  }
  return 0;
}
