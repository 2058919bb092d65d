/* SPDX-License-Identifier: MIT */
/*
 * escape.h - bytes from elsewhere as one harmless line of text.
 *
 * What a stranger sends must neither move the cursor, nor recolour the screen, nor pass for two
 * records where it is one. So of each record exactly one newline comes out, at its end.
 */
#ifndef PROGRAMS_ESCAPE_H
#define PROGRAMS_ESCAPE_H

#include <stddef.h>

/* Room that a record of `size` bytes may need. */
#define ESCAPE_TEXT_ROOM(size) (4 * (size) + 1)
#define ESCAPE_HEX_ROOM(size)  (2 * (size) + 1)

/*
 * As text: well-formed UTF-8 that shows, and tabs, stay as they are; a newline that ends the data
 * ends the record. Everything else becomes \n, \r or \xHH for each byte. A backslash stays one:
 * JSON is full of them and should be readable (and parsable) as it came. So the text \n and an
 * escaped newline look alike; who needs to tell them apart prints hex.
 *
 * A character that is cut in two by a read shows as \xHH in both records: a record is what one
 * read gave. Returns the bytes written, the newline included; no terminating NUL.
 */
size_t escape_text(char *to, const char *data, size_t size);

/* As hex: two lower-case digits a byte, nothing between them (`xxd -r -p` turns them back). */
size_t escape_hex(char *to, const char *data, size_t size);

#endif
