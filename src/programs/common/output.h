/* SPDX-License-Identifier: MIT */
/*
 * output.h - stdout that never blocks the loop and never loses a byte.
 *
 * Output of one iteration of the loop is written by one write() at the beginning of the next. If
 * the reader is slower than we are, the rest is kept here, and the program is asked to stop
 * producing, and later to continue (`stalled`).
 */
#ifndef PROGRAMS_OUTPUT_H
#define PROGRAMS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "ioloop/ioloop.h"

struct output;

struct output_events {
  void (*stalled)(void *arg, bool stalled); /* OUTPUT_HIGH are pending; OUTPUT_LOW are left */
  void (*emptied)(void *arg);               /* nothing is pending */
  /* Nothing more can be written: -EPIPE, -ENOSPC, -ENOMEM ... Pending and later output is
   * discarded. Called once. */
  void (*failed)(void *arg, int error);
  void *arg;
};

enum {
  OUTPUT_FLUSH_SIZE = 64 * 1024, /* this much is written without waiting for the iteration's end */
  OUTPUT_LOW = 64 * 1024,
  OUTPUT_HIGH = 256 * 1024,
};

/* Any of the callbacks may be NULL. -errno of watching the descriptor; -ENOMEM. */
int output_new(struct ioloop *loop, int fd, const struct output_events *events,
               struct output **ret);

/* Reserve room for `size` bytes to be written in place; then commit the bytes used. NULL: no memory
 * (`failed` was called), or it had failed before. */
char *output_reserve(struct output *output, size_t size);
void output_commit(struct output *output, size_t size);

void output_put(struct output *output, const char *data, size_t size);

/* Pending bytes; and pending lines, for a summary that must report lines that were never
 * printed. */
size_t output_pending(const struct output *output);
size_t output_pending_lines(const struct output *output);

/* What to do about an error that `failed` reported, for the line that prints it. */
const char *output_remedy(int error);

/* Write now as much as can be written without blocking. */
void output_flush(struct output *output);

/* Restore the descriptor's flags. To be called before _exit as well. */
void output_restore(struct output *output);

/* Free in a forked child, leaving everything shared with the parent untouched. */
void output_forget(struct output *output);

/* Restore and free, once the loop will not run again; pending output is lost. NULL is fine. */
void output_free(struct output *output);

#endif
