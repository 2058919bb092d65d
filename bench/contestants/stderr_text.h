/* SPDX-License-Identifier: MIT */
/*
 * stderr_text.h - a program's output: the part that shows how it ended.
 */
#ifndef BENCH_STDERR_TEXT_H
#define BENCH_STDERR_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Its last non-empty line: if a program fails, its error message. `ret_size` bytes of `text`,
 * without the newline; 0 if there is none. */
const char *stderr_last_line(const char *text, size_t *ret_size);

/* As much of the end as fits, beginning with a whole line if possible: the end is more informative
 * than the beginning. `text` may be NULL: no output. */
void stderr_keep_end(const char *text, char *to, size_t room);

/* Append a line, dropping text from the beginning to make room. */
void stderr_add_line(char *stderr_tail, size_t room, const char *line);

/* A counter of our server's summary: "overflows". False: not found. */
bool stderr_counter(const char *stderr_tail, const char *name, uint64_t *ret);

#endif
