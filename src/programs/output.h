/* SPDX-License-Identifier: MIT */
/*
 * output.h - stdout that never blocks the loop and never loses a byte.
 *
 * What is put during one turn of the loop goes out in one write() at the beginning of the next.
 * When the reader is slower than we are, what it has not taken waits here, and the program is
 * told to stop producing (`stalled`) and to go on (`resumed`).
 */
#ifndef PROGRAMS_OUTPUT_H
#define PROGRAMS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "ioloop.h"

struct output;

struct output_events {
  void (*stalled)(void *arg); /* OUTPUT_HIGH or more wait */
  void (*resumed)(void *arg); /* OUTPUT_LOW or less are left */
  void (*emptied)(void *arg); /* all that waited is written */
  /* Nothing more can be written: -EPIPE, -ENOSPC, -ENOMEM ... What waits and what comes later is
   * thrown away. Called once. */
  void (*failed)(void *arg, int error);
  void *arg;
};

enum {
  OUTPUT_FLUSH_SIZE = 64 * 1024, /* this much is written without waiting for the turn's end */
  OUTPUT_LOW = 64 * 1024,
  OUTPUT_HIGH = 256 * 1024,
};

/* Any of the events may be NULL. -errno of watching the descriptor; -ENOMEM. */
int output_new(struct ioloop *loop, int fd, const struct output_events *events,
               struct output **ret);

/* Room for `size` bytes to be written in place, and how many of them were. NULL: no memory
 * (`failed` was called) or it had failed before. */
char *output_reserve(struct output *output, size_t size);
void output_commit(struct output *output, size_t size);

void output_put(struct output *output, const char *data, size_t size);

/* Bytes that wait; and lines among them, for a summary that must say what was never shown. */
size_t output_pending(const struct output *output);
size_t output_pending_lines(const struct output *output);

/* What to do about an error that `failed` told, for the line that reports it. */
const char *output_remedy(int error);

/* Write now what can be written without blocking. */
void output_flush(struct output *output);

/* Give the descriptor back as it was found. Also by whoever leaves with _exit. */
void output_restore(struct output *output);

/* Free in a forked child, and touch nothing that is shared with the parent. */
void output_forget(struct output *output);

/* Restore and free, when the loop will not turn again; what still waits is lost. NULL is fine. */
void output_free(struct output *output);

#endif
