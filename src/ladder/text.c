/* SPDX-License-Identifier: MIT */
/*
 * text.c - ladders for a terminal, one below the other: plain letters, so that they may be pasted
 * anywhere.
 */
#include <string.h>

#include "ladder.h"

enum {
  SHAFT = 40, /* from lifeline to lifeline */
};

/* "|- recv(fd 7) ------------->|", or the other way. */
static void put_arrow(const struct row *row, FILE *file) {
  char line[SHAFT + 1];
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
  fprintf(file, "|%s|", line);
}

static void put_row(const struct row *row, double since_us, FILE *file) {
  fprintf(file, "%12.1f  ", row->at_us - since_us);
  put_arrow(row, file);
  fprintf(file, "%s%s\n", row->kernel[0] ? "  " : "", row->kernel);
  if (row->direction == TO_KERNEL && row->waits)
    fprintf(file, "%12s  : %-*s|\n", "", SHAFT - 1, "the process is in the call");
}

static void put_ladder(const struct figure *figure, const struct ladder *ladder, FILE *file) {
  const struct rows *rows = &ladder->rows;
  char caption[96];
  fprintf(file, "%s (%s), %s\n\n", ladder->events.backend, ladder->events.model,
          figure_caption(figure, caption, sizeof caption));
  fprintf(file, "%12s  %-*s%s\n", "us", SHAFT - 3, "application", "kernel");
  for (size_t i = 0; i < rows->count; i++)
    put_row(&rows->at[i], rows->at[0].at_us, file);
  if (rows->left_out)
    fprintf(file, "%12s  %zu more steps (--max-steps=N)\n", "", rows->left_out);
}

void draw_text(const struct figure *figure, FILE *file) {
  if (figure->title)
    fprintf(file, "%s\n\n", figure->title);
  for (size_t i = 0; i < figure->count; i++) {
    if (i > 0)
      fputc('\n', file);
    put_ladder(figure, &figure->ladders[i], file);
  }
}
