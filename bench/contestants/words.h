/* SPDX-License-Identifier: MIT */
/*
 * words.h - what a program said: the part of it that tells how it ended.
 */
#ifndef BENCH_WORDS_H
#define BENCH_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Its last line with anything in it: where a program fails, its complaint. `ret_size` bytes of
 * `text`, without the newline; 0 where there is none. */
const char *words_last_line(const char *text, size_t *ret_size);

/* As much of the end as there is room for, beginning with a whole line where one fits: the end
 * tells more than the beginning. `text` may be NULL: nothing was said. */
void words_keep_end(const char *text, char *to, size_t room);

/* One more line at the end, for which the beginning gives way. */
void words_add_line(char *said, size_t room, const char *line);

/* A counter of our server's summary: "overflows". False: not there. */
bool words_counter(const char *said, const char *name, uint64_t *ret);

#endif
