/* SPDX-License-Identifier: MIT */
/*
 * trace.h - recording what a server does: for Perfetto, chrome://tracing and ioladder.
 *
 *   recorder.c  records in memory, a track for each thread, with one limit for all of them
 *   loop.c      the hooks of a loop's observer
 *   chrome.c    records as Chrome trace events, in JSON
 *   file.c      the file: always complete, written by a separate thread
 *
 * Recording costs a clock read and a store of 48 bytes. Nothing is written during it, so that the
 * observed program is disturbed as little as possible.
 */
#ifndef TRACE_TRACE_H
#define TRACE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ioloop/ioloop.h"

struct trace;
struct trace_track;

struct trace_options {
  const char *path; /* is copied; the other texts must live as long as the trace */
  uint64_t limit;   /* maximum events in the file, not counting names and the events that end it */
  const char *program;
  const char *backend;
  const char *model;  /* as in ioloop_backend_info */
  size_t descriptors; /* numbers below this have their connection recorded */
};

/* Can the file be written? 0; -EINVAL: it is not a regular file; -errno. */
int trace_check(const char *path);

/*
 * 0, or -errno of writing the file. On return the file exists, complete and without events.
 * `on_full` is called once, by whichever thread reaches the limit; it may be NULL.
 */
int trace_new(const struct trace_options *options, void (*on_full)(void *arg), void *arg,
              struct trace **ret);

/* A thread's own track, which only that thread records on. Any thread may call this. `name` is
 * printf-like. NULL: no memory; every function below accepts that. Freed with the trace. */
struct trace_track *trace_track(struct trace *trace, const char *name, ...)
    __attribute__((format(printf, 2, 3)));

/* Record the loop on this track, from its next iteration on, until the loop is freed or its
 * observer is replaced. To be called before streams are created on it. */
void trace_observe(struct trace_track *track, struct ioloop *loop);

/* Bracket a call that may sleep, in a thread that has no loop. `name` is static; `result` is the
 * call's, or -errno. The result of an accept gives the connection its number. */
void trace_call_begin(struct trace_track *track, const char *name, int fd);
void trace_call_end(struct trace_track *track, const char *name, int fd, ptrdiff_t result);

/* The number of the connection that has the descriptor: the first is 1. 0: none. Any thread. */
uint32_t trace_connection(const struct trace *trace, int fd);

/* Write the file again with everything recorded so far, in a separate thread: does not block. To be
 * called in the loop's thread. If a write is already running, another one follows it. */
void trace_flush(struct trace *trace);

/* Write it for the last time, once no thread records any longer, and free everything. -errno of
 * this write or of an earlier one. NULL is fine. */
int trace_finish(struct trace *trace);

/* The same without freeing, while threads may still record: their latest records may be missing. */
int trace_write_now(struct trace *trace);

#endif
