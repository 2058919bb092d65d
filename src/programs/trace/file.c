/* SPDX-License-Identifier: MIT */
/*
 * file.c - writes the trace's file. It is written under a temporary name in the same folder and
 * then renamed, so that the file is complete at any time, whatever happens.
 */
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>

#include "common/outfile.h"
#include "recorder.h"

int trace_write_file(struct trace *trace) {
  struct outfile out;
  int none = 0, r = outfile_open(trace->path, &out);
  if (!r) {
    trace_write_chrome(trace, out.file);
    r = outfile_close(&out, true);
  }
  if (r)
    atomic_compare_exchange_strong(&trace->error, &none, r);
  return r;
}

/* ---- in the writer's thread --------------------------------------------------------------- */

/* false: another write has been requested. */
static bool may_end(struct trace *trace) {
  pthread_mutex_lock(&trace->mutex);
  bool end = !trace->again;
  trace->again = false;
  trace->writing = !end;
  pthread_mutex_unlock(&trace->mutex);
  return end;
}

static void *write_in_thread(void *arg) {
  struct trace *trace = arg;
  do
    (void)trace_write_file(trace); /* an error is reported at the end */
  while (!may_end(trace));
  return NULL;
}

static void await_writer(struct trace *trace) {
  if (trace->started)
    pthread_join(trace->writer, NULL);
  trace->started = false;
}

static bool begin_writing(struct trace *trace) {
  pthread_mutex_lock(&trace->mutex);
  bool begin = !trace->writing;
  trace->again = !begin;
  trace->writing = true;
  pthread_mutex_unlock(&trace->mutex);
  return begin;
}

/* Signals are for the loop's thread. */
static bool start_writer(struct trace *trace) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&trace->writer, NULL, write_in_thread, trace);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return error == 0;
}

void trace_flush(struct trace *trace) {
  trace_settle(trace);
  if (!begin_writing(trace))
    return;
  await_writer(trace); /* it has nothing left to do */
  trace->started = start_writer(trace);
  if (!trace->started)
    write_in_thread(trace);
}

int trace_write_now(struct trace *trace) {
  await_writer(trace);
  trace_settle(trace);
  (void)trace_write_file(trace);
  return atomic_load(&trace->error);
}

/* A folder, /dev/stdout, a pipe: nothing that a rename should replace. */
int trace_check(const char *path) {
  struct stat status;
  if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
    return -EINVAL;
  return outfile_check(path);
}
