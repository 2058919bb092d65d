/* SPDX-License-Identifier: MIT */
/*
 * trace.h - what a server does, recorded: for Perfetto, chrome://tracing and ioladder.
 *
 *   recorder.c  records in memory, a track for each thread, with a limit for all of them
 *   loop.c      the hooks of a loop's observer
 *   chrome.c    records as Chrome trace events, in JSON
 *   file.c      the file: always a whole one, written beside the work
 *
 * Recording takes a clock read and a store of 48 bytes. Nothing is written while it goes on, so
 * that what is watched is disturbed as little as may be.
 */
#ifndef TRACE_TRACE_H
#define TRACE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ioloop.h"

struct trace;
struct trace_track;

struct trace_options {
  const char *path;
  uint64_t limit;      /* events that the file may have, but for names and what ends with it */
  const char *program; /* these are copied */
  const char *backend;
  const char *model;  /* as in ioloop_backend_info */
  size_t descriptors; /* numbers below this are told apart by connection */
};

/* Can it be written there? 0; -EINVAL: it is something other than a file; -errno. */
int trace_check(const char *path);

/*
 * 0, or -errno of writing the file, which is there, whole and without events, when this returns.
 * `on_full` is called once, by whatever thread reaches the limit; it may be NULL.
 */
int trace_new(const struct trace_options *options, void (*on_full)(void *arg), void *arg,
              struct trace **ret);

/* A thread's own track, on which it alone records. Any thread may ask. `name` as printf's. NULL: no
 * memory, and every function below takes that. Freed with the trace. */
struct trace_track *trace_track(struct trace *trace, const char *name, ...)
    __attribute__((format(printf, 2, 3)));

/* Have the loop record on this track, from its next turn on; until the loop is freed or its
 * observer is set anew. Before streams are made on it. */
void trace_observe(struct trace_track *track, struct ioloop *loop);

/* A call that sleeps is about to be made, by a thread that has no loop; it is over. `name` is
 * static; `result` as the call's, or -errno. An accept's gives the connection its number. */
void trace_call_begin(struct trace_track *track, const char *name, int fd);
void trace_call_end(struct trace_track *track, const char *name, int fd, ptrdiff_t result);

/* The number of the connection that has the descriptor: 1 for the first. 0: none. Any thread. */
uint32_t trace_connection(const struct trace *trace, int fd);

/* Write the file anew with what has been recorded so far, in a thread of its own: does not block.
 * To be called in the thread of the loop. While one is written: again when it is. */
void trace_flush(struct trace *trace);

/* Write it for the last time, when no thread records any more, and free everything. -errno of
 * writing, of this time or of an earlier one. NULL is fine. */
int trace_finish(struct trace *trace);

/* The same without freeing, when threads may still record: what they do meanwhile may be missing.
 */
int trace_write_now(struct trace *trace);

#endif
