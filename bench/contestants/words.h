/* SPDX-License-Identifier: MIT */
/*
 * stderr_text.h - a program's output: the part that shows how it ended.
 */
#ifndef BENCH_WORDS_H
#define BENCH_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Its last non-empty line: if a program fails, its error message. `ret_size` bytes of `text`,
 * without the newline; 0 if there is none. */
const char *words_last_line(const char *text, size_t *ret_size);

/* As much of the end as fits, beginning with a whole line if possible: the end is more informative
 * than the beginning. `text` may be NULL: no output. */
void words_keep_end(const char *text, char *to, size_t room);

/* Append a line, dropping text from the beginning to make room. */
void words_add_line(char *said, size_t room, const char *line);

/* A counter of our server's summary: "overflows". False: not found. */
bool words_counter(const char *said, const char *name, uint64_t *ret);

#endif
