/* SPDX-License-Identifier: MIT */
/*
 * utf8.h - which bytes are well-formed UTF-8, and which characters a terminal may be shown.
 *
 * Both what the server prints (escape.c) and the JSON that the client sends (message.c) stand on
 * these two questions, so they are answered once. Well-formed is RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF.
 */
#ifndef PROGRAMS_UTF8_H
#define PROGRAMS_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The length (1 to 4) of the well-formed character that `data` begins with, and its code in
 * `ret`; 0 where it begins with none (ill-formed, cut off, or size 0). */
size_t utf8_decode(const char *data, size_t size, uint32_t *ret);

/* False for what would steer a terminal or break a line in two rather than show: C0 and C1
 * controls, DEL, the line and paragraph separators U+2028 and U+2029 (line ends to Python and
 * JavaScript), the bidi overrides and isolates that make text read as other than it is, and U+FFFE
 * and U+FFFF, which are no characters and make XML malformed. */
bool utf8_shows(uint32_t code);

#endif
