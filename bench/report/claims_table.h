/* SPDX-License-Identifier: MIT */
/*
 * claims_table.h - an experiment's claims on the terminal, each with what this run says of it.
 */
#ifndef BENCH_CLAIMS_TABLE_H
#define BENCH_CLAIMS_TABLE_H

#include <jansson.h>

#include "line.h"

/* Nothing where the experiment has none. */
void claims_table(struct text_line *line, const json_t *experiment);

#endif
