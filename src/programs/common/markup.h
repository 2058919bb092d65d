/* SPDX-License-Identifier: MIT */
/*
 * markup.h - text inside SVG and HTML: it can neither look like markup nor make the document
 * malformed.
 */
#ifndef PROGRAMS_MARKUP_H
#define PROGRAMS_MARKUP_H

#include <stdio.h>

/* `text` between tags or in an attribute: & < > " ' as entities, newlines and tabs as they are, and
 * U+FFFD for each byte that is not UTF-8 and each character that is not printable (utf8_shows). */
void markup_put(FILE *to, const char *text);

#endif
