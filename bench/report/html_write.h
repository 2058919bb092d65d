/* SPDX-License-Identifier: MIT */
/*
 * html_write.h - writing HTML in which no text can be mistaken for markup.
 */
#ifndef BENCH_HTML_WRITE_H
#define BENCH_HTML_WRITE_H

#include <stdio.h>

#include <jansson.h>

/* printf with %s, %zu, %d and %%. Every %s is escaped, in text and in attributes alike: markup
 * comes only from the format. Control characters and bidi overrides become U+FFFD. */
void html_print(FILE *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ` NAME="VALUE"`: a JSON value as an attribute, numbers with all their digits. */
void html_attribute(FILE *to, const char *name, const json_t *value);

#endif
