/* SPDX-License-Identifier: MIT */
/*
 * claims_table.h - an experiment's claims on the terminal, each with this run's verdict.
 */
#ifndef BENCH_CLAIMS_TABLE_H
#define BENCH_CLAIMS_TABLE_H

#include <jansson.h>

#include "line.h"

/* Prints nothing if the experiment has none. */
void claims_table(struct text_line *line, const json_t *experiment);

#endif
