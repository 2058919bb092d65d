/* SPDX-License-Identifier: MIT */
/* table_notes.h - what the report on the terminal says around its tables. */
#ifndef BENCH_TABLE_NOTES_H
#define BENCH_TABLE_NOTES_H

#include <jansson.h>

#include "line.h"

/* Sentences, each wrapped to the line, in colour if it has any. */
void sentences_table(struct text_line *line, const json_t *sentences, const char *style);

/* A sentence after a dash. */
void sentence_table(struct text_line *line, const char *sentence);

/* An experiment's claims, each with this run's verdict; nothing if it has none. */
void claims_table(struct text_line *line, const json_t *experiment);

/*
 * The runs that an experiment leaves out; nothing if there are none. Each failed run has a line,
 * followed by its stderr. Runs that are invalid because the generator could not keep its schedule
 * can be as many as contestants times rounds: if there are more than a few at a point, they are
 * counted, with the first as an example. The document and the page list them all.
 */
void failures_table(struct text_line *line, const json_t *experiment);

/* The pauses that the machine itself adds to all tails (machine/hiccups.c); nothing if they were not
 * measured, as in older documents and in merged ones. */
void hiccups_table(struct text_line *line, const json_t *document);

#endif
