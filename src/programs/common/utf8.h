/* SPDX-License-Identifier: MIT */
/*
 * utf8.h - which bytes are well-formed UTF-8, and which characters are safe to print on a terminal.
 *
 * Both the server's output (escape.c) and the client's JSON (message.c) depend on these two
 * questions, so they are answered once. Well-formed is as in RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF.
 */
#ifndef PROGRAMS_UTF8_H
#define PROGRAMS_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The length (1 to 4) of the well-formed character at the start of `data`, and its code in `ret`; 0
 * if there is none (ill-formed, cut off, or size 0). */
size_t utf8_decode(const char *data, size_t size, uint32_t *ret);

/* False for characters that control a terminal or break a line in two: C0 and C1 controls, DEL, the
 * line and paragraph separators U+2028 and U+2029 (line ends to Python and JavaScript), the bidi
 * overrides and isolates that make text read differently than it is, and U+FFFE and U+FFFF, which
 * are no characters and make XML malformed. */
bool utf8_shows(uint32_t code);

#endif
