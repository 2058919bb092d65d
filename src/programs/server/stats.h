/* SPDX-License-Identifier: MIT */
/*
 * stats.h - counters as a line of text.
 */
#ifndef SERVER_STATS_H
#define SERVER_STATS_H

#include <stddef.h>

#include "counts.h"

enum {
  STATS_LINE_SIZE = 1024,
};

/* "connections=1 accepted=3 ..."; returns `to`. `unprinted`: records that stdout has not taken
 * yet. */
const char *stats_line(const struct counts *counts, uint64_t unprinted, char to[STATS_LINE_SIZE]);

#endif
