/* SPDX-License-Identifier: MIT */
/* kinds.h - conformance 13: how a kind of descriptor is described to its test; see kinds.c. */
#ifndef KINDS_H
#define KINDS_H

#include "support.h"

struct source {
  int watched;
  int peer;                                       /* used by stimulate */
  void (*stimulate)(const struct source *source); /* make it readable */
  void (*consume)(const struct source *source);   /* make it unreadable again */
};

void check_source(const struct source *source);
void write_to_source(const struct source *source);
void drain_source(const struct source *source);

/* Can the model watch files with two wait queues (terminals, a FIFO open for both)? */
bool watches_two_queues(void);

/* Both ends non-blocking. Skips if there are none, or if the model cannot watch them. */
void open_pty(int *master, int *slave);

#endif
