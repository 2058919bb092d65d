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

/* ---- the parts of an event ---------------------------------------------------------------- */

/* Names of programs and threads are ours, but may contain an address or a path. Bytes that are not
 * UTF-8 and unprintable characters become U+FFFD. */
static void put_text(FILE *file, const char *text) {
  fputc('"', file);
  for (size_t left = strlen(text), size; left > 0; text += size, left -= size) {
    uint32_t code;
    size = utf8_decode(text, left, &code);
    bool shows = size > 0 && utf8_shows(code);
    size = size > 0 ? size : 1;
    if (!shows)
      fputs("\\ufffd", file);
    else if (code == '"' || code == '\\')
      fprintf(file, "\\%c", *text);
    else
      fwrite(text, 1, size, file);
  }
  fputc('"', file);
}

/* An event that is recorded late (an idle stretch, before its iteration) must not go back in
 * time. */
static void begin_event(struct writer *w, char phase, uint64_t at_ns, const char *name,
                        const char *category) {
  uint64_t ns = at_ns > w->trace->epoch_ns ? at_ns - w->trace->epoch_ns : 0;
  ns = ns < w->last_ns ? w->last_ns : ns;
  w->last_ns = ns;
  fprintf(w->file,
          "%s{\"ph\":\"%c\",\"ts\":%" PRIu64 ".%03u,\"pid\":%d,\"tid\":%d,\"name\":\"%s\","
          "\"cat\":\"%s\"",
          w->any ? ",\n" : "\n", phase, ns / 1000, (unsigned)(ns % 1000), w->pid, w->tid, name,
          category);
  w->any = true;
  if (phase == 'B' && w->depth < DEEPEST)
    w->open[w->depth++] = name;
  else if (phase == 'E' && w->depth > 0)
    w->depth--;
  fputs(phase == 'i' ? ",\"s\":\"t\",\"args\":{" : ",\"args\":{", w->file);
}

static void end_event(const struct writer *w) {
  fputs("}}", w->file);
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

/* ---- kinds ------------------------------------------------------------------------------ */

static const char *user_name(char what) {
  return what == 'h'   ? "handler"
         : what == 'c' ? "callback"
         : what == 't' ? "timer"
                       : "signal watcher";
}

static void put_call(struct writer *w, const struct record *record) {
  if (record->kind != RECORD_CALL_END) {
    begin_event(w, 'B', record->at_ns, record->name, "system call");
    put_where(w, record);
    if (record->kind == RECORD_CALL_BEGIN)
      fputs(",\"blocking\":true", w->file);
    end_event(w);
  }
  if (record->kind == RECORD_CALL_BEGIN)
    return;
  begin_event(w, 'E', record->at_ns + record->duration_ns, record->name, "system call");
  put_result(w, record->value);
  if (record->connection)
    fprintf(w->file, ",\"connection\":%" PRIu32, record->connection);
  end_event(w);
}

static void put_wait(struct writer *w, const struct record *record) {
  bool begin = record->kind == RECORD_WAIT_BEGIN;
  begin_event(w, begin ? 'B' : 'E', record->at_ns, "wait", "loop");
  if (begin && record->value < 0)
    fputs("\"timeout_us\":\"none\"", w->file);
  else if (begin)
    fprintf(w->file, "\"timeout_us\":%.3f", (double)record->value / 1e3);
  else
    fprintf(w->file, "\"ready\":%" PRId64, record->value);
  end_event(w);
}

static void put_user(struct writer *w, const struct record *record) {
  bool begin = record->kind == RECORD_USER_BEGIN;
  begin_event(w, begin ? 'B' : 'E', record->at_ns, user_name(record->what), "program");
  if (begin && record->what == 's')
    fprintf(w->file, "\"signal\":%d", record->fd);
  else if (begin)
    put_where(w, record);
  if (begin && record->what == 'h')
    put_events(w, record->value);
  end_event(w);
}

static void put_operation(struct writer *w, const struct record *record) {
  bool submitted = record->kind == RECORD_SUBMITTED;
  begin_event(w, 'i', record->at_ns, submitted ? "submit" : "complete", "operation");
  fprintf(w->file, "\"operation\":\"%s\",", record->name);
  put_where(w, record);
  fputc(',', w->file);
  if (submitted && record->value)
    fprintf(w->file, "\"size\":%" PRId64, record->value);
  else if (submitted)
    fputs("\"size\":\"any\"", w->file);
  else
    put_result(w, record->value);
  if (!submitted)
    fprintf(w->file, ",\"more\":%s", record->extra ? "true" : "false");
  end_event(w);
}

static void put_signal(struct writer *w, const struct record *record) {
  begin_event(w, 'i', record->at_ns, "signal", "signal");
  put_where(w, record);
  if (record->fd >= 0)
    fprintf(w->file, ",\"band\":%d,", record->extra);
  fprintf(w->file, "\"signal\":%" PRId64 ",\"queued\":%" PRIu64, record->value,
          record->duration_ns);
  end_event(w);
}

static void put_idle(struct writer *w, const struct record *record) {
  begin_event(w, 'B', record->at_ns, "left out", "trace");
  fprintf(w->file, "\"turns\":%" PRId64 ",\"why\":\"every call in them returned EAGAIN\"",
          record->value);
  end_event(w);
  begin_event(w, 'E', record->at_ns + record->duration_ns, "left out", "trace");
  end_event(w);
}

static void put_moment(struct writer *w, const struct record *record) {
  static const char overflow[] = "overflow", rescue[] = "rescue", full[] = "limit reached";
  const char *name = record->kind == RECORD_OVERFLOW ? overflow
                     : record->kind == RECORD_RESCUE ? rescue
                                                     : full;
  begin_event(w, 'i', record->at_ns, name, name == full ? "trace" : "signal");
  if (name == rescue)
    fprintf(w->file, "\"descriptors\":%" PRId64, record->value);
  else if (name == full)
    fprintf(w->file, "\"limit\":%" PRIu64 ",\"later events\":\"are not recorded\"",
            w->trace->options.limit);
  end_event(w);
}

static void put_ready(struct writer *w, const struct record *record) {
  begin_event(w, 'i', record->at_ns, "ready", "loop");
  put_where(w, record);
  put_events(w, record->value);
  end_event(w);
}

static void put_record(struct writer *w, const struct record *record) {
  switch ((enum record_kind)record->kind) {
  case RECORD_WAIT_BEGIN:
  case RECORD_WAIT_END:
    put_wait(w, record);
    break;
  case RECORD_CALL:
  case RECORD_CALL_BEGIN:
  case RECORD_CALL_END:
    put_call(w, record);
    break;
  case RECORD_SUBMITTED:
  case RECORD_COMPLETED:
    put_operation(w, record);
    break;
  case RECORD_SIGNAL:
    put_signal(w, record);
    break;
  case RECORD_READY:
    put_ready(w, record);
    break;
  case RECORD_USER_BEGIN:
  case RECORD_USER_END:
    put_user(w, record);
    break;
  case RECORD_IDLE:
    put_idle(w, record);
    break;
  case RECORD_OVERFLOW:
  case RECORD_RESCUE:
  case RECORD_FULL:
    put_moment(w, record);
    break;
  }
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
  while (w->depth > 0) {
    begin_event(w, 'E', now, w->open[w->depth - 1], "trace");
    fputs("\"under way\":true", w->file);
    end_event(w);
  }
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

bool trace_write_chrome(struct trace *trace, FILE *file) {
  struct writer w = {.trace = trace, .file = file, .pid = (int)getpid()};
  char name[128];
  fputs("{\"displayTimeUnit\":\"ns\",\"otherData\":{\"program\":", file);
  put_text(file, trace->program);
  fputs(",\"backend\":", file);
  put_text(file, trace->backend);
  fputs(",\"model\":", file);
  put_text(file, trace->model);
  fprintf(file, ",\"limit\":%" PRIu64 ",\"complete\":%s},\"traceEvents\":[", trace->options.limit,
          atomic_load(&trace->full) ? "false" : "true");
  snprintf(name, sizeof name, "%s --backend=%s", trace->program, trace->backend);
  put_name(&w, "process_name", name);
  size_t settled;
  for (struct trace_track *track = next_track(trace, NULL, &settled); track;
       track = next_track(trace, track, &settled))
    put_track(&w, track, settled);
  fputs("\n]}\n", file);
  return !ferror(file);
}
