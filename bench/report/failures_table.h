/* SPDX-License-Identifier: MIT */
/*
 * failures_table.h - the runs that an experiment leaves out, on the terminal.
 *
 * Each failed run has a line, followed by its stderr. Runs that are invalid because the generator
 * could not keep its schedule can be as many as contestants times rounds: if there are more than a
 * few at a point, they are counted, with the first as an example. The document and the page list
 * them all.
 */
#ifndef BENCH_FAILURES_TABLE_H
#define BENCH_FAILURES_TABLE_H

#include <jansson.h>

#include "line.h"

/* Prints nothing if there are none. `red` and `plain` are written before and after a name. */
void failures_table(struct text_line *line, const json_t *experiment, const char *red,
                    const char *plain);

#endif
