/* SPDX-License-Identifier: MIT */
/*
 * hiccups_table.h - on the terminal, what the machine adds to all tails by itself (hiccups.h).
 */
#ifndef BENCH_HICCUPS_TABLE_H
#define BENCH_HICCUPS_TABLE_H

#include <jansson.h>

#include "line.h"

/* Nothing where it was not watched, as in older documents and in merged ones. */
void hiccups_table(struct text_line *line, const json_t *document);

#endif
