/* SPDX-License-Identifier: MIT */
/* recorder.h - the records: kept by recorder.c, added by loop.c, written by chrome.c. */
#ifndef TRACE_RECORDER_H
#define TRACE_RECORDER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "trace.h"

enum record_kind {
  RECORD_WAIT_BEGIN, /* value: the timeout */
  RECORD_WAIT_END,   /* value: the number ready */
  RECORD_CALL,       /* a system call, whole; value: its result */
  RECORD_CALL_BEGIN, /* one that sleeps */
  RECORD_CALL_END,   /* value: its result */
  RECORD_SUBMITTED,  /* value: bytes */
  RECORD_COMPLETED,  /* value: the result, extra: more follow */
  RECORD_SIGNAL,     /* value: its number, extra: band, duration_ns: the number queued */
  RECORD_OVERFLOW,
  RECORD_RESCUE,     /* value: descriptors */
  RECORD_READY,      /* value: events */
  RECORD_USER_BEGIN, /* value: events; what: as in the observer */
  RECORD_USER_END,
  RECORD_IDLE, /* iterations in which every call returned EAGAIN, omitted; value: their number */
  RECORD_FULL, /* the limit */
};

struct record {
  uint64_t at_ns;
  uint64_t duration_ns; /* CALL, IDLE */
  int64_t value;
  const char *name;
  int32_t fd; /* -1: none */
  int32_t extra;
  uint32_t connection; /* 0: none */
  uint8_t kind;
  char what;
};

struct chunk {
  _Atomic(struct chunk *) next;
  size_t capacity;
  struct record records[];
};

/* Iterations that found nothing: the first few are kept, the rest only counted. */
struct idle_turns {
  bool turning, eventful, tried; /* in an iteration; something happened; EAGAIN was returned */
  struct chunk *chunk;           /* where it began */
  size_t used_in_chunk, count;
  uint64_t used; /* of the limit, by this iteration */
  uint64_t begun_ns;
  unsigned seen;     /* in a row */
  uint64_t left_out; /* of these */
  uint64_t since_ns, until_ns;
};

struct trace_track {
  struct trace *trace;
  struct trace_track *next;
  int id;
  char name[48];
  struct chunk *first, *last;
  size_t used_in_last;
  atomic_size_t count; /* records */
  size_t settled;      /* of these, how many a writer may read: later ones may be rewound */
  struct idle_turns idle;
};

struct trace {
  struct trace_options options;
  char *path;
  uint64_t epoch_ns;
  void (*on_full)(void *arg);
  void *arg;
  _Atomic uint64_t used; /* events */
  atomic_bool full;
  _Atomic uint32_t connections;
  _Atomic uint32_t *connection_of; /* by descriptor */
  char *memory;                    /* touched at the start; used for chunks until it is full */
  size_t memory_size;
  atomic_size_t memory_used;

  pthread_mutex_t mutex; /* guards the rest */
  struct trace_track *tracks, **tracks_end;
  int track_count;

  /* file.c */
  pthread_t writer;
  bool started;        /* a writer exists and must be joined; used by the loop's thread only */
  bool writing, again; /* a file is being written; another write has been requested */
  _Atomic int error;   /* the first one */
};

/* Append, unless the limit is reached, with the connection of its descriptor, and the time if it
 * has none. The result of an accept gives the new connection its number. */
void trace_add(struct trace_track *track, struct record record);

/* Discard the records of the current iteration. */
void trace_rewind(struct trace_track *track);

/* chrome.c: write the file's text. */
void trace_write_chrome(struct trace *trace, FILE *file);

/* Everything recorded until now may be written. To be called in the loop's thread. */
void trace_settle(struct trace *trace);

/* file.c: write the settled records. 0 or -errno. */
int trace_write_file(struct trace *trace);

#endif
