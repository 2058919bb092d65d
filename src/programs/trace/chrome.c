/* SPDX-License-Identifier: MIT */
/*
 * chrome.c - records as Chrome trace events: a JSON object with an array of them, which Perfetto,
 * chrome://tracing and ioladder read.
 *
 * "B" and "E" begin and end a span, per thread and well nested; "i" is a moment; "M" gives names.
 * Times are microseconds since the trace began, with three decimals. A span that has not ended when
 * the file is written gets an "E" at that moment, marked as such.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/text.h"
#include "recorder.h"

enum {
  DEEPEST = 64 /* nesting of spans */
};

struct writer {
  struct trace *trace;
  FILE *file;
  bool any; /* an event precedes this one: write a comma */
  int pid, tid;
  uint64_t last_ns; /* of this thread */
  const char *open[DEEPEST];
  int depth;
};

typedef void put_arguments(const struct writer *w, const struct record *record);

/* ---- the parts of an event ---------------------------------------------------------------- */

static const char *escaped(uint32_t code) {
  return code == '"' ? "\\\"" : code == '\\' ? "\\\\" : NULL;
}

/* Names of programs and threads are ours, but may contain an address or a path. */
static void put_text(FILE *file, const char *text) {
  fputc('"', file);
  text_put(file, text, escaped, "\\ufffd");
  fputc('"', file);
}

static void put_where(const struct writer *w, const struct record *record) {
  if (record->fd >= 0)
    fprintf(w->file, "\"fd\":%d", record->fd);
  if (record->connection)
    fprintf(w->file, "%s\"connection\":%" PRIu32, record->fd >= 0 ? "," : "", record->connection);
}

static const struct {
  int number;
  const char *name;
} error_names[] = {
    {EAGAIN, "EAGAIN"}, {EINTR, "EINTR"},         {ECONNRESET, "ECONNRESET"},
    {EPIPE, "EPIPE"},   {ETIMEDOUT, "ETIMEDOUT"}, {ECONNABORTED, "ECONNABORTED"},
    {EMFILE, "EMFILE"}, {ENFILE, "ENFILE"},       {ENOBUFS, "ENOBUFS"},
    {ENOMEM, "ENOMEM"}, {ECANCELED, "ECANCELED"}, {ECONNREFUSED, "ECONNREFUSED"},
    {EBADF, "EBADF"},   {EINVAL, "EINVAL"},
#ifdef ETIME /* Linux: no completion before io_uring_enter's timeout */
    {ETIME, "ETIME"},
#endif
};

static const char *error_name(int64_t error) {
  for (size_t i = 0; i < sizeof error_names / sizeof error_names[0]; i++)
    if (error_names[i].number == error)
      return error_names[i].name;
  return NULL;
}

static void put_result(const struct writer *w, int64_t result) {
  fprintf(w->file, "\"result\":%" PRId64, result);
  const char *name = result < 0 ? error_name(-result) : NULL;
  if (name)
    fprintf(w->file, ",\"error\":\"%s\"", name);
}

static void put_events(const struct writer *w, int64_t events) {
  fprintf(w->file, ",\"read\":%s,\"write\":%s", events & IOLOOP_READ ? "true" : "false",
          events & IOLOOP_WRITE ? "true" : "false");
  if (events & IOLOOP_ERROR)
    fputs(",\"error\":true", w->file);
}

/* ---- the arguments of each kind ---------------------------------------------------------- */

static void put_timeout(const struct writer *w, const struct record *record) {
  if (record->value < 0)
    fputs("\"timeout_us\":\"none\"", w->file);
  else
    fprintf(w->file, "\"timeout_us\":%.3f", (double)record->value / 1e3);
}

static void put_count(const struct writer *w, const struct record *record) {
  const char *what = record->kind == RECORD_RESCUE ? "descriptors" : "ready";
  fprintf(w->file, "\"%s\":%" PRId64, what, record->value);
}

static void put_blocking(const struct writer *w, const struct record *record) {
  put_where(w, record);
  fputs(",\"blocking\":true", w->file);
}

static void put_return(const struct writer *w, const struct record *record) {
  put_result(w, record->value);
  if (record->connection)
    fprintf(w->file, ",\"connection\":%" PRIu32, record->connection);
}

static void put_operation(const struct writer *w, const struct record *record) {
  fprintf(w->file, "\"operation\":\"%s\",", record->name);
  put_where(w, record);
  fputc(',', w->file);
}

static void put_submitted(const struct writer *w, const struct record *record) {
  put_operation(w, record);
  if (record->value)
    fprintf(w->file, "\"size\":%" PRId64, record->value);
  else
    fputs("\"size\":\"any\"", w->file);
}

static void put_completed(const struct writer *w, const struct record *record) {
  put_operation(w, record);
  put_result(w, record->value);
  fprintf(w->file, ",\"more\":%s", record->extra ? "true" : "false");
}

static void put_signal(const struct writer *w, const struct record *record) {
  put_where(w, record);
  if (record->fd >= 0)
    fprintf(w->file, ",\"band\":%d,", record->extra);
  fprintf(w->file, "\"signal\":%" PRId64 ",\"queued\":%" PRIu64, record->value,
          record->duration_ns);
}

static void put_ready(const struct writer *w, const struct record *record) {
  put_where(w, record);
  put_events(w, record->value);
}

static void put_user(const struct writer *w, const struct record *record) {
  if (record->what == 's')
    fprintf(w->file, "\"signal\":%d", record->fd);
  else
    put_where(w, record);
  if (record->what == 'h')
    put_events(w, record->value);
}

static void put_idle(const struct writer *w, const struct record *record) {
  fprintf(w->file, "\"turns\":%" PRId64 ",\"why\":\"every call in them returned EAGAIN\"",
          record->value);
}

static void put_limit(const struct writer *w, const struct record *record) {
  (void)record;
  fprintf(w->file, "\"limit\":%" PRIu64 ",\"later events\":\"are not recorded\"",
          w->trace->options.limit);
}

static void put_under_way(const struct writer *w, const struct record *record) {
  (void)record;
  fputs("\"under way\":true", w->file);
}

/* ---- events ------------------------------------------------------------------------------- */

/* An event that is recorded late (an idle stretch, before its iteration) must not go back in
 * time. */
static void put_event(struct writer *w, char phase, uint64_t at_ns, const char *name,
                      const char *category, put_arguments *put, const struct record *record) {
  uint64_t ns = at_ns > w->trace->epoch_ns ? at_ns - w->trace->epoch_ns : 0;
  ns = ns < w->last_ns ? w->last_ns : ns;
  w->last_ns = ns;
  fprintf(w->file,
          "%s{\"ph\":\"%c\",\"ts\":%" PRIu64 ".%03u,\"pid\":%d,\"tid\":%d,\"name\":\"%s\","
          "\"cat\":\"%s\"%s,\"args\":{",
          w->any ? ",\n" : "\n", phase, ns / NS_PER_US, (unsigned)(ns % NS_PER_US), w->pid, w->tid,
          name, category, phase == 'i' ? ",\"s\":\"t\"" : "");
  w->any = true;
  if (phase == 'B' && w->depth < DEEPEST)
    w->open[w->depth++] = name;
  else if (phase == 'E' && w->depth > 0)
    w->depth--;
  if (put)
    put(w, record);
  fputs("}}", w->file);
}

static const struct shape {
  char phase;       /* 'X': a whole span */
  const char *name; /* NULL: the record's */
  const char *category;
  put_arguments *put, *put_at_end; /* NULL: there are none */
} shapes[] = {
    [RECORD_WAIT_BEGIN] = {'B', "wait", "loop", put_timeout, NULL},
    [RECORD_WAIT_END] = {'E', "wait", "loop", put_count, NULL},
    [RECORD_CALL] = {'X', NULL, "system call", put_where, put_return},
    [RECORD_CALL_BEGIN] = {'B', NULL, "system call", put_blocking, NULL},
    [RECORD_CALL_END] = {'E', NULL, "system call", put_return, NULL},
    [RECORD_SUBMITTED] = {'i', "submit", "operation", put_submitted, NULL},
    [RECORD_COMPLETED] = {'i', "complete", "operation", put_completed, NULL},
    [RECORD_SIGNAL] = {'i', "signal", "signal", put_signal, NULL},
    [RECORD_OVERFLOW] = {'i', "overflow", "signal", NULL, NULL},
    [RECORD_RESCUE] = {'i', "rescue", "signal", put_count, NULL},
    [RECORD_READY] = {'i', "ready", "loop", put_ready, NULL},
    [RECORD_USER_BEGIN] = {'B', NULL, "program", put_user, NULL},
    [RECORD_USER_END] = {'E', NULL, "program", NULL, NULL},
    [RECORD_IDLE] = {'X', "left out", "trace", put_idle, NULL},
    [RECORD_FULL] = {'i', "limit reached", "trace", put_limit, NULL},
};

static const char *name_of(const struct record *record) {
  if (shapes[record->kind].name)
    return shapes[record->kind].name;
  return record->what == 0     ? record->name
         : record->what == 'h' ? "handler"
         : record->what == 'c' ? "callback"
         : record->what == 't' ? "timer"
                               : "signal watcher";
}

static void put_record(struct writer *w, const struct record *record) {
  const struct shape *shape = &shapes[record->kind];
  const char *name = name_of(record);
  bool whole = shape->phase == 'X';
  put_event(w, whole ? 'B' : shape->phase, record->at_ns, name, shape->category, shape->put,
            record);
  if (whole)
    put_event(w, 'E', record->at_ns + record->duration_ns, name, shape->category, shape->put_at_end,
              record);
}

/* ---- the whole ---------------------------------------------------------------------------- */

static void put_name(struct writer *w, const char *what, const char *name) {
  fprintf(w->file,
          "%s{\"ph\":\"M\",\"ts\":0,\"pid\":%d,\"tid\":%d,\"name\":\"%s\",\"args\":{\"name\":",
          w->any ? ",\n" : "\n", w->pid, w->tid, what);
  w->any = true;
  put_text(w->file, name);
  fputs("}}", w->file);
}

static void close_open(struct writer *w, uint64_t now) {
  while (w->depth > 0)
    put_event(w, 'E', now, w->open[w->depth - 1], "trace", put_under_way, NULL);
}

static void put_track(struct writer *w, const struct trace_track *track, size_t count) {
  uint64_t now = clock_ns(CLOCK_MONOTONIC);
  size_t at = 0;
  w->tid = track->id;
  w->last_ns = 0;
  put_name(w, "thread_name", track->name);
  const struct chunk *chunk = count ? track->first : NULL;
  for (size_t i = 0; i < count; i++, at++) {
    if (at == chunk->capacity) {
      chunk = atomic_load_explicit(&chunk->next, memory_order_acquire);
      at = 0;
    }
    put_record(w, &chunk->records[at]);
  }
  close_open(w, now);
}

/* New ones may be appended to the list in the meantime; none is removed. */
static struct trace_track *next_track(struct trace *trace, const struct trace_track *before,
                                      size_t *settled) {
  pthread_mutex_lock(&trace->mutex);
  struct trace_track *track = before ? before->next : trace->tracks;
  *settled = track ? track->settled : 0;
  pthread_mutex_unlock(&trace->mutex);
  return track;
}

void trace_write_chrome(struct trace *trace, FILE *file) {
  struct writer w = {.trace = trace, .file = file, .pid = (int)getpid()};
  char name[128];
  fputs("{\"displayTimeUnit\":\"ns\",\"otherData\":{\"program\":", file);
  put_text(file, trace->options.program);
  fputs(",\"backend\":", file);
  put_text(file, trace->options.backend);
  fputs(",\"model\":", file);
  put_text(file, trace->options.model);
  fprintf(file, ",\"limit\":%" PRIu64 ",\"complete\":%s},\"traceEvents\":[", trace->options.limit,
          atomic_load(&trace->full) ? "false" : "true");
  snprintf(name, sizeof name, "%s --backend=%s", trace->options.program, trace->options.backend);
  put_name(&w, "process_name", name);
  size_t settled;
  for (struct trace_track *track = next_track(trace, NULL, &settled); track;
       track = next_track(trace, track, &settled))
    put_track(&w, track, settled);
  fputs("\n]}\n", file);
}
