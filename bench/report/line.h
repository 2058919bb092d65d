/* SPDX-License-Identifier: MIT */
/*
 * line.h - a line of a table on the terminal: harmless text in columns of given widths.
 *
 * Documents may come from anywhere, and so may every text in them: output is escaped as records are
 * (escape.h), and widths are counted in characters.
 */
#ifndef BENCH_LINE_H
#define BENCH_LINE_H

#include <stddef.h>
#include <stdio.h>

struct text_line {
  FILE *to;
  size_t blanks; /* pending, written before the next text: no line ends in blanks */
};

/* Escaped, as one line without its newline. A new string, NULL: no memory. */
char *harmless(const char *text);

void line_put(struct text_line *line, const char *text);

/* Left-aligned in a column of `columns` characters, cut with "…" if it is longer. At the end of a
 * line there is no padding. */
void line_left(struct text_line *line, const char *text, size_t columns);

/* Right-aligned in its column, and complete even if it is wider. */
void line_right(struct text_line *line, const char *text, size_t columns);

/* Pending blanks are dropped. */
void line_end(struct text_line *line);

#endif
