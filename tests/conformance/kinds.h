/* SPDX-License-Identifier: MIT */
/* kinds.h - conformance 13: how a kind of descriptor is described to its test; see kinds.c. */
#ifndef KINDS_H
#define KINDS_H

#include "support.h"

struct source {
  int watched;
  int peer;                                       /* whatever stimulate needs */
  void (*stimulate)(const struct source *source); /* make it readable */
  void (*consume)(const struct source *source);   /* make it unreadable again */
};

void check_source(const struct source *source);
void write_to_source(const struct source *source);
void drain_source(const struct source *source);

/* Both ends non-blocking. Skips where there is none. */
/* Whether the model can watch what has two wait queues: terminals, a FIFO open for both. */
bool watches_two_queues(void);
/* Skips if not. */
void open_pty(int *master, int *slave);

#endif
