/* SPDX-License-Identifier: MIT */
/*
 * failures_table.h - the runs that an experiment leaves out, on the terminal.
 *
 * Each that failed has a line, and below it what it said. Those that are invalid, because the
 * generator could not keep its schedule, can be as many as there are contestants and rounds: where
 * they are more than a few at a point, they are counted there, with the first as an example. The
 * document and the page have them all.
 */
#ifndef BENCH_FAILURES_TABLE_H
#define BENCH_FAILURES_TABLE_H

#include <jansson.h>

#include "line.h"

/* Nothing where there are none. `red` and `plain`: what is written before and after a name. */
void failures_table(struct text_line *line, const json_t *experiment, const char *red,
                    const char *plain);

#endif
