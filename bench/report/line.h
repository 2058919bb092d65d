/* SPDX-License-Identifier: MIT */
/*
 * line.h - a line on the terminal: harmless text in columns of given widths.
 *
 * Widths are counted in characters. Output is escaped as records are (common/text.h).
 */
#ifndef BENCH_LINE_H
#define BENCH_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The columns that well-formed UTF-8 takes on a terminal, one per character. */
size_t text_columns(const char *text);

struct text_line {
  FILE *to;
  bool colours;
  size_t blanks; /* pending, written before the next text: no line ends in blanks */
};

/* Escaped, as one line without its newline. A new string, NULL: no memory. */
char *harmless(const char *text);
/* The columns that it takes. */
size_t harmless_columns(const char *text);

void line_put(struct text_line *line, const char *text);
void line_format(struct text_line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Left-aligned in a column of `columns` characters, cut with "…" if it is longer. At the end of a
 * line there is no padding. */
void line_left(struct text_line *line, const char *text, size_t columns);

/* Right-aligned in its column, and complete even if it is wider. */
void line_right(struct text_line *line, const char *text, size_t columns);

/* From here on, if it has colours: "1": bold, "31": red ..., "0": plain. */
void line_style(struct text_line *line, const char *code);

/* Pending blanks are dropped. */
void line_end(struct text_line *line);

#endif
