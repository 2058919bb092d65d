/* SPDX-License-Identifier: MIT */
/*
 * file.c - writes the trace's file. It is written under a temporary name in the same folder and
 * then renamed, so that the file is complete at any time, whatever happens.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recorder.h"

static int close_file(FILE *file, bool good) {
  int error = good ? 0 : errno ? -errno : -EIO;
  if (fclose(file) != 0 && !error)
    error = -errno;
  return error;
}

static int write_beside(struct trace *trace, const char *beside) {
  int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0)
    return -errno;
  FILE *file = fdopen(fd, "w");
  if (!file) {
    close(fd);
    return -ENOMEM;
  }
  errno = 0;
  return close_file(file, trace_write_chrome(trace, file));
}

/* A folder, /dev/stdout, a pipe: nothing that a rename should replace. */
static bool is_special(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

static int write_and_rename(struct trace *trace, const char *beside) {
  int r = write_beside(trace, beside);
  if (!r && rename(beside, trace->path) < 0)
    r = -errno;
  if (r)
    unlink(beside);
  return r;
}

static char *name_beside(const char *path) {
  size_t size = strlen(path) + 32;
  char *beside = malloc(size);
  if (beside)
    snprintf(beside, size, "%s.%d.part", path, (int)getpid());
  return beside;
}

int trace_write_file(struct trace *trace) {
  char *beside = name_beside(trace->path);
  if (!beside)
    return -ENOMEM;
  int r = write_and_rename(trace, beside);
  free(beside);
  int none = 0;
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

int trace_check(const char *path) {
  if (is_special(path))
    return -EINVAL;
  char *beside = name_beside(path);
  int fd = beside ? open(beside, O_WRONLY | O_CREAT | O_CLOEXEC, 0666) : -1;
  int r = fd < 0 ? -errno : 0;
  if (fd >= 0) {
    close(fd);
    unlink(beside);
  }
  free(beside);
  return r;
}
