/* SPDX-License-Identifier: MIT */
/*
 * escape.h - received bytes as one harmless line of text.
 *
 * A peer's data must not move the cursor, change colours, or make one record look like two. So each
 * record produces exactly one newline, at its end.
 */
#ifndef PROGRAMS_ESCAPE_H
#define PROGRAMS_ESCAPE_H

#include <stddef.h>

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

#endif
