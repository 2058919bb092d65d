/* SPDX-License-Identifier: MIT */
/*
 * text.h - bytes from elsewhere as text that does no harm: which of them are well-formed UTF-8 (RFC
 * 3629: no overlong forms, no surrogates, nothing above U+10FFFF), which characters are safe to
 * print on a terminal, and for SVG and HTML.
 */
#ifndef PROGRAMS_TEXT_H
#define PROGRAMS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The length (1 to 4) of the well-formed character at the start of `data`, and its code in `ret`; 0
 * if there is none (ill-formed, cut off, or size 0). */
size_t utf8_decode(const char *data, size_t size, uint32_t *ret);

/* False for characters that control a terminal or break a line in two: C0 and C1 controls, DEL, the
 * line and paragraph separators U+2028 and U+2029 (line ends to Python and JavaScript), the bidi
 * overrides and isolates that make text read differently than it is, and U+FFFE and U+FFFF, which
 * are no characters and make XML malformed. */
bool utf8_shows(uint32_t code);

/* ---- a record as one line --------------------------------------------------------------- */

/*
 * A peer's data must not move the cursor, change colours, or make one record look like two. So each
 * record produces exactly one newline, at its end.
 */

/* The room that a record of `size` bytes needs at most. */
#define ESCAPE_TEXT_ROOM(size) (4 * (size) + 1)
#define ESCAPE_HEX_ROOM(size)  (2 * (size) + 1)

/*
 * As text: well-formed UTF-8 that is printable, and tabs, stay as they are; a newline that ends the
 * data ends the record. Everything else becomes \n, \r or \xHH for each byte. A backslash stays
 * one: JSON is full of them and should remain readable (and parsable). So the text \n and an
 * escaped newline look alike; use hex to tell them apart.
 *
 * A character that is cut in two by a read becomes \xHH in both records, because a record is the
 * result of one read. Returns the number of bytes written, including the newline; no terminating
 * NUL.
 */
size_t escape_text(char *to, const char *data, size_t size);

/* As hex: two lower-case digits per byte, nothing between them (`xxd -r -p` converts them back). */
size_t escape_hex(char *to, const char *data, size_t size);

/* ---- inside another format -------------------------------------------------------------- */

/* `text` with special(code) in place of each character for which that is not NULL, and `blank` in
 * place of each byte that is not UTF-8 and each other character that is not printable
 * (utf8_shows). */
void text_put(FILE *to, const char *text, const char *(*special)(uint32_t code), const char *blank);

/* Between tags of SVG or HTML, or in an attribute, where it can neither look like markup nor make
 * the document malformed: & < > " ' as entities, newlines and tabs as they are, U+FFFD as blank. */
void markup_put(FILE *to, const char *text);

#endif
