/* SPDX-License-Identifier: MIT */
/*
 * recorder.c - records in memory.
 *
 * The first touch of a page costs 0.3 us, and in a virtual machine 10 us or more: as much as a
 * request. So the memory for as many events as the limit allows, within reason, is touched at the
 * start.
 *
 * Each thread appends to its own list of chunks, without a lock, and publishes the count after the
 * record, so that another thread can write the file at the same time. Only the limit is shared: one
 * atomic addition per event.
 */
#include "recorder.h"
#include "common/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
  FIRST_CHUNK = 64, /* a connection's thread may record only a few */
  LARGEST_CHUNK = 8192,
  TOUCHED_MOST = 64 * 1024 * 1024, /* bytes: pages beyond that are touched on use */
};

/* ---- appending ---------------------------------------------------------------------------- */

static void *take_memory(struct trace *trace, size_t size) {
  size_t at = atomic_fetch_add(&trace->memory_used, size);
  return at + size <= trace->memory_size ? trace->memory + at : malloc(size);
}

static void free_chunk(const struct trace *trace, struct chunk *chunk) {
  uintptr_t address = (uintptr_t)chunk, begin = (uintptr_t)trace->memory;
  if (address < begin || address >= begin + trace->memory_size)
    free(chunk);
}

static bool grow(struct trace_track *track) {
  size_t capacity = track->last ? track->last->capacity * 2 : FIRST_CHUNK;
  if (capacity > LARGEST_CHUNK)
    capacity = LARGEST_CHUNK;
  size_t size = sizeof(struct chunk) + capacity * sizeof(struct record);
  struct chunk *chunk = take_memory(track->trace, size);
  if (!chunk)
    return false;
  atomic_init(&chunk->next, NULL);
  chunk->capacity = capacity;
  if (track->last)
    atomic_store_explicit(&track->last->next, chunk, memory_order_release);
  else
    track->first = chunk;
  track->last = chunk;
  track->used_in_last = 0;
  return true;
}

/* After a rewind there may already be one. */
static bool next_chunk(struct trace_track *track) {
  struct chunk *next =
      track->last ? atomic_load_explicit(&track->last->next, memory_order_relaxed) : NULL;
  if (!next)
    return grow(track);
  track->last = next;
  track->used_in_last = 0;
  return true;
}

static void put(struct trace_track *track, const struct record *record) {
  if ((!track->last || track->used_in_last == track->last->capacity) && !next_chunk(track)) {
    atomic_store(&track->trace->full, true); /* a gap in the middle would be misleading */
    return;
  }
  track->last->records[track->used_in_last++] = *record;
  size_t count = atomic_load_explicit(&track->count, memory_order_relaxed);
  atomic_store_explicit(&track->count, count + 1, memory_order_release);
}

static void become_full(struct trace_track *track) {
  struct trace *trace = track->trace;
  if (atomic_exchange(&trace->full, true))
    return;
  put(track, &(struct record){.kind = RECORD_FULL, .at_ns = clock_ns(CLOCK_MONOTONIC), .fd = -1});
  if (trace->on_full)
    trace->on_full(trace->arg);
}

/* An accept has returned this descriptor. */
static uint32_t number_connection(struct trace *trace, int64_t fd) {
  uint32_t number = atomic_fetch_add_explicit(&trace->connections, 1, memory_order_relaxed) + 1;
  if ((size_t)fd < trace->options.descriptors)
    atomic_store_explicit(&trace->connection_of[fd], number, memory_order_relaxed);
  return number;
}

static uint32_t connection_of(struct trace *trace, const struct record *record) {
  bool returned = record->kind == RECORD_CALL || record->kind == RECORD_CALL_END ||
                  record->kind == RECORD_COMPLETED;
  bool accepted = returned && record->value >= 0 && strcmp(record->name, "accept") == 0;
  return accepted ? number_connection(trace, record->value) : trace_connection(trace, record->fd);
}

void trace_add(struct trace_track *track, struct record record) {
  struct trace *trace = track->trace;
  bool whole = record.kind == RECORD_CALL || record.kind == RECORD_IDLE;
  unsigned events = whole ? 2 : 1; /* in the file: beginning and end */
  if (!record.at_ns)
    record.at_ns = clock_ns(CLOCK_MONOTONIC);
  record.connection = connection_of(trace, &record);
  if (atomic_load_explicit(&trace->full, memory_order_relaxed))
    return;
  if (atomic_fetch_add_explicit(&trace->used, events, memory_order_relaxed) + events >
      trace->options.limit) {
    become_full(track);
    return;
  }
  track->idle.used += events;
  put(track, &record);
}

void trace_rewind(struct trace_track *track) {
  struct idle_turns *idle = &track->idle;
  if (idle->chunk) {
    track->last = idle->chunk;
    track->used_in_last = idle->used_in_chunk;
  } else {
    track->last = track->first;
    track->used_in_last = 0;
  }
  atomic_fetch_sub_explicit(&track->trace->used, idle->used, memory_order_relaxed);
  atomic_store_explicit(&track->count, idle->count, memory_order_release);
}

/* ---- for threads without a loop ----------------------------------------------------------- */

void trace_call_begin(struct trace_track *track, const char *name, int fd) {
  if (track)
    trace_add(track, (struct record){.kind = RECORD_CALL_BEGIN, .name = name, .fd = fd});
}

void trace_call_end(struct trace_track *track, const char *name, int fd, ptrdiff_t result) {
  if (track)
    trace_add(track,
              (struct record){.kind = RECORD_CALL_END, .name = name, .fd = fd, .value = result});
}

uint32_t trace_connection(const struct trace *trace, int fd) {
  if (fd < 0 || (size_t)fd >= trace->options.descriptors)
    return 0;
  return atomic_load_explicit(&trace->connection_of[fd], memory_order_relaxed);
}

/* ---- tracks ------------------------------------------------------------------------------- */

struct trace_track *trace_track(struct trace *trace, const char *name, ...) {
  struct trace_track *track = trace ? calloc(1, sizeof *track) : NULL;
  if (!track)
    return NULL;
  va_list arguments;
  va_start(arguments, name);
  vsnprintf(track->name, sizeof track->name, name, arguments);
  va_end(arguments);
  track->trace = trace;
  pthread_mutex_lock(&trace->mutex);
  track->id = ++trace->track_count;
  *trace->tracks_end = track;
  trace->tracks_end = &track->next;
  pthread_mutex_unlock(&trace->mutex);
  return track;
}

void trace_settle(struct trace *trace) {
  pthread_mutex_lock(&trace->mutex);
  for (struct trace_track *track = trace->tracks; track; track = track->next)
    track->settled = atomic_load_explicit(&track->count, memory_order_acquire);
  pthread_mutex_unlock(&trace->mutex);
}

static void free_track(const struct trace *trace, struct trace_track *track) {
  for (struct chunk *chunk = track->first; chunk;) {
    struct chunk *next = atomic_load(&chunk->next);
    free_chunk(trace, chunk);
    chunk = next;
  }
  free(track);
}

/* ---- life --------------------------------------------------------------------------------- */

static void free_trace(struct trace *trace) {
  for (struct trace_track *track = trace->tracks; track;) {
    struct trace_track *next = track->next;
    free_track(trace, track);
    track = next;
  }
  pthread_mutex_destroy(&trace->mutex);
  free(trace->memory);
  free(trace->connection_of);
  free(trace->path);
  free(trace);
}

/* Without it, chunks come from malloc. */
static void touch_memory(struct trace *trace, uint64_t limit) {
  const size_t most = TOUCHED_MOST / sizeof(struct record);
  size_t records = limit < most ? (size_t)limit : most;
  trace->memory_size = records * sizeof(struct record) + LARGEST_CHUNK;
  trace->memory = malloc(trace->memory_size);
  if (trace->memory)
    memset(trace->memory, 1, trace->memory_size); /* nonzero: a compiler turns zeros into calloc */
  else
    trace->memory_size = 0;
}

int trace_new(const struct trace_options *options, void (*on_full)(void *arg), void *arg,
              struct trace **ret) {
  struct trace *trace = calloc(1, sizeof *trace);
  if (!trace)
    return -ENOMEM;
  trace->options = *options;
  trace->on_full = on_full;
  trace->arg = arg;
  trace->epoch_ns = clock_ns(CLOCK_MONOTONIC);
  trace->tracks_end = &trace->tracks;
  pthread_mutex_init(&trace->mutex, NULL);
  touch_memory(trace, options->limit);
  trace->path = strdup(options->path);
  trace->connection_of = calloc(options->descriptors, sizeof *trace->connection_of);
  int r = trace->path && trace->connection_of ? trace_write_file(trace) : -ENOMEM;
  if (r)
    free_trace(trace);
  else
    *ret = trace;
  return r;
}

int trace_finish(struct trace *trace) {
  if (!trace)
    return 0;
  int r = trace_write_now(trace);
  free_trace(trace);
  return r;
}
