/* SPDX-License-Identifier: MIT */
/*
 * text.c - ladders for a terminal, one below the other, in plain ASCII, so that they may be pasted
 * anywhere.
 */
#include <stdarg.h>
#include <string.h>

#include "common/text.h"
#include "ladder.h"

enum {
  SHAFT = 40, /* from lifeline to lifeline */
  LINE_SIZE = 2048,
};

/* One line for a terminal: the trace's texts must not contain control sequences. */
__attribute__((format(printf, 2, 3))) static void put_line(FILE *file, const char *format, ...) {
  char text[LINE_SIZE], line[ESCAPE_TEXT_ROOM(LINE_SIZE)];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  fwrite(line, 1, escape_text(line, text, strlen(text)), file);
}

/* "- recv(fd 7) ------------->", or in the opposite direction. */
static void draw_arrow(const struct row *row, char line[SHAFT + 1]) {
  char shaft = row->tone == TONE_SIGNAL || row->tone == TONE_OPERATION ? '.' : '-';
  size_t size = strlen(row->label);
  if (size > SHAFT - 6)
    size = SHAFT - 6;
  memset(line, row->direction == NO_ARROW ? ' ' : shaft, SHAFT);
  line[SHAFT] = '\0';
  line[0] = row->direction == TO_APPLICATION ? '<' : line[0];
  line[SHAFT - 1] = row->direction == TO_KERNEL ? '>' : line[SHAFT - 1];
  size_t at = row->direction == TO_KERNEL ? 2 : SHAFT - size - 3;
  line[at] = line[at + size + 1] = ' ';
  memcpy(line + at + 1, row->label, size);
}

static void put_row(const struct row *row, double since_us, FILE *file) {
  char arrow[SHAFT + 1];
  draw_arrow(row, arrow);
  put_line(file, "%12.1f  |%s|%s%s", row->at_us - since_us, arrow, row->kernel[0] ? "  " : "",
           row->kernel);
  if (row->direction == TO_KERNEL && row->waits)
    put_line(file, "%12s  : %-*s|", "", SHAFT - 1, "the process is in the call");
}

static void put_ladder(const struct figure *figure, const struct ladder *ladder, FILE *file) {
  const struct rows *rows = &ladder->rows;
  char caption[96];
  put_line(file, "%s (%s), %s", ladder->events.backend, ladder->events.model,
           figure_caption(figure, caption, sizeof caption));
  put_line(file, "%s", "");
  put_line(file, "%12s  %-*s%s", "us", SHAFT - 3, "application", "kernel");
  for (size_t i = 0; i < rows->count; i++)
    put_row(&rows->at[i], rows->at[0].at_us, file);
  if (rows->left_out)
    put_line(file, "%12s  %zu more steps (--max-steps=N)", "", rows->left_out);
}

void draw_text(const struct figure *figure, FILE *file) {
  if (figure->title) {
    put_line(file, "%s", figure->title);
    put_line(file, "%s", "");
  }
  for (size_t i = 0; i < figure->count; i++) {
    if (i > 0)
      put_line(file, "%s", "");
    put_ladder(figure, &figure->ladders[i], file);
  }
}
