/* SPDX-License-Identifier: MIT */
/*
 * line.h - a line of a table on the terminal: text that is harmless, in columns as wide as wanted.
 *
 * Results may come from anywhere, and so may every text in them: what goes out is escaped as
 * records are (escape.h), and a column is counted in characters.
 */
#ifndef BENCH_LINE_H
#define BENCH_LINE_H

#include <stddef.h>
#include <stdio.h>

struct text_line {
  FILE *to;
  size_t blanks; /* owed before what comes next: no line ends in blanks */
};

/* Escaped, as one line without its end. A new string, NULL: no memory. */
char *harmless(const char *text);

void line_put(struct text_line *line, const char *text);

/* In a column of so many characters, cut with "…" where it is longer; one that ends a line is as
 * wide as its text. */
void line_left(struct text_line *line, const char *text, size_t columns);

/* At the right of its column, whole even where it is wider. */
void line_right(struct text_line *line, const char *text, size_t columns);

/* Blanks that are owed are not paid. */
void line_end(struct text_line *line);

#endif
