/* SPDX-License-Identifier: MIT */
/*
 * hiccups_table.h - on the terminal, the pauses that the machine itself adds to all tails
 * (hiccups.h).
 */
#ifndef BENCH_HICCUPS_TABLE_H
#define BENCH_HICCUPS_TABLE_H

#include <jansson.h>

#include "line.h"

/* Prints nothing if they were not measured, as in older documents and in merged ones. */
void hiccups_table(struct text_line *line, const json_t *document);

#endif
