/* SPDX-License-Identifier: MIT */
/*
 * output.c - non-blocking stdout; see output.h.
 *
 * O_NONBLOCK belongs to the open file description, and stdout's is shared: with stderr, with the
 * shell, with the next program of a pipeline. Setting it there breaks *their* writes. So the method
 * depends on the kind of file:
 *
 *   regular file   written as it is: none of our I/O models waits for a disk
 *   socket         send(MSG_DONTWAIT): non-blocking for this one call
 *   pipe, tty      reopened through /proc/self/fd, which gives a description of our own
 *   the same, if it cannot be reopened (no /proc, another user's pipe)
 *                  O_NONBLOCK on the shared description, restored at the end
 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "program.h"

enum {
  KEEP_SIZE = 512 * 1024, /* a buffer that a burst enlarged beyond this is freed when empty */
  RETRY_MS = 10,          /* if the descriptor cannot be watched, or memory is short */
};

struct output {
  struct ioloop *loop;
  struct output_events events;
  int fd;                /* descriptor to write to */
  int given_fd;          /* descriptor passed by the caller */
  bool made_nonblocking; /* we set O_NONBLOCK on given_fd: restore it */
  bool is_socket;
  bool watchable;
  bool flush_queued; /* a callback will flush */
  bool blocked;      /* after EAGAIN, until the loop reports it writable */
  bool stalled;
  bool failed;
  char *buffer;
  size_t room, head, tail;
};

/* ---- the descriptor ------------------------------------------------------------------- */

static void make_nonblocking(struct output *output) {
  int own = descriptors_reopen(output->given_fd);
  if (own >= 0) {
    output->fd = own;
    return;
  }
  int flags = fcntl(output->given_fd, F_GETFL);
  if (flags >= 0 && !(flags & O_NONBLOCK) &&
      fcntl(output->given_fd, F_SETFL, flags | O_NONBLOCK) == 0)
    output->made_nonblocking = true;
}

static void prepare(struct output *output) {
  struct stat status;
  output->fd = output->given_fd;
  if (fstat(output->fd, &status) < 0)
    return;
  output->is_socket = S_ISSOCK(status.st_mode);
  if (S_ISFIFO(status.st_mode) || (S_ISCHR(status.st_mode) && isatty(output->fd)))
    make_nonblocking(output);
}

void output_restore(struct output *output) {
  int flags = output->made_nonblocking ? fcntl(output->given_fd, F_GETFL) : -1;
  if (flags >= 0)
    fcntl(output->given_fd, F_SETFL, flags & ~O_NONBLOCK);
  output->made_nonblocking = false;
}

/* ---- writing -------------------------------------------------------------------------- */

static void fail(struct output *output, int error) {
  if (output->failed)
    return;
  output->failed = true;
  output->head = output->tail = 0;
  if (output->blocked && output->watchable)
    ioloop_update_handler(output->loop, output->fd, 0);
  if (output->events.failed)
    output->events.failed(output->events.arg, error);
}

static void on_retry(struct ioloop *loop, void *arg);

static void on_writable(struct ioloop *loop, int fd, unsigned events, void *arg) {
  (void)fd, (void)events;
  on_retry(loop, arg);
}

static void free_large_buffer(struct output *output) {
  if (output->room <= KEEP_SIZE)
    return;
  free(output->buffer);
  output->buffer = NULL;
  output->room = 0;
}

static void set_stalled(struct output *output, bool stalled) {
  output->stalled = stalled;
  if (output->events.stalled)
    output->events.stalled(output->events.arg, stalled);
}

static void after_write(struct output *output) {
  if (output->stalled && output_pending(output) <= OUTPUT_LOW)
    set_stalled(output, false);
  if (output_pending(output) > 0)
    return;
  output->head = output->tail = 0;
  free_large_buffer(output);
  if (output->events.emptied)
    output->events.emptied(output->events.arg);
}

static ssize_t write_once(struct output *output) {
  const char *data = output->buffer + output->head;
  size_t size = output->tail - output->head;
  return output->is_socket ? send(output->fd, data, size, MSG_DONTWAIT)
                           : write(output->fd, data, size);
}

/* After EAGAIN: continue when the loop reports it writable. A timer retries a kind of file that
 * returns EAGAIN and cannot be watched, and a write for which the kernel had no memory, for a page
 * of a pipe for example. */
static void write_failed(struct output *output, int error) {
  bool full = error == EAGAIN || error == EWOULDBLOCK;
  if (full && output->watchable)
    error = ioloop_update_handler(output->loop, output->fd, IOLOOP_WRITE);
  else if (full || error == ENOMEM || error == ENOBUFS)
    error = ioloop_call_later(output->loop, RETRY_MS * NS_PER_MS, on_retry, output, NULL);
  else
    error = -error;
  output->blocked = !error;
  if (error)
    fail(output, error);
}

/* A short write is tried once more, to find out whether the file is full. */
static void write_pending(struct output *output) {
  while (output->head < output->tail && !output->blocked) {
    ssize_t n = write_once(output);
    if (n >= 0)
      output->head += (size_t)n;
    else if (errno != EINTR)
      write_failed(output, errno);
    if (output->failed)
      return;
  }
  after_write(output);
}

void output_flush(struct output *output) {
  if (!output->blocked && !output->failed && output_pending(output) > 0)
    write_pending(output);
}

static void on_retry(struct ioloop *loop, void *arg) {
  struct output *output = arg;
  output->blocked = false;
  output_flush(output);
  if (!output->blocked && output->watchable)
    ioloop_update_handler(loop, output->fd, 0);
}

static void on_turn_end(struct ioloop *loop, void *arg) {
  struct output *output = arg;
  (void)loop;
  output->flush_queued = false;
  output_flush(output);
}

/* With spare room if possible, else exactly that. */
static char *grow(struct output *output, size_t room) {
  const size_t rooms[] = {room + OUTPUT_FLUSH_SIZE, room};
  for (size_t i = 0; i < 2; i++) {
    char *buffer = realloc(output->buffer, rooms[i]);
    if (!buffer)
      continue;
    output->buffer = buffer;
    output->room = rooms[i];
    return buffer + output->tail;
  }
  fail(output, -ENOMEM);
  return NULL;
}

char *output_reserve(struct output *output, size_t size) {
  if (output->failed)
    return NULL;
  if (output->room - output->tail >= size)
    return output->buffer + output->tail;
  size_t pending = output_pending(output);
  if (output->head > 0) {
    memmove(output->buffer, output->buffer + output->head, pending);
    output->head = 0;
    output->tail = pending;
  }
  if (output->room - output->tail >= size)
    return output->buffer + output->tail;
  return grow(output, pending + size);
}

static void queue_flush(struct output *output) {
  if (output->flush_queued || output->blocked)
    return;
  int error = ioloop_add_callback(output->loop, on_turn_end, output);
  if (error)
    output_flush(output);
  else
    output->flush_queued = true;
}

void output_commit(struct output *output, size_t size) {
  if (output->failed)
    return;
  output->tail += size;
  if (output_pending(output) >= OUTPUT_FLUSH_SIZE)
    output_flush(output);
  if (output_pending(output) > 0)
    queue_flush(output);
  if (!output->stalled && output_pending(output) >= OUTPUT_HIGH)
    set_stalled(output, true);
}

void output_put(struct output *output, const char *data, size_t size) {
  char *to = output_reserve(output, size);
  if (!to)
    return;
  memcpy(to, data, size);
  output_commit(output, size);
}

size_t output_pending(const struct output *output) {
  return output->tail - output->head;
}

size_t output_pending_lines(const struct output *output) {
  size_t lines = 0;
  for (size_t i = output->head; i < output->tail; i++)
    lines += output->buffer[i] == '\n';
  return lines;
}

const char *output_remedy(int error) {
  switch (-error) {
  case EPIPE:
  case EIO: /* a terminal that was closed */
    return "its reader has gone";
  case EBADF:
    return "it is closed; redirect it somewhere";
  default:
    return "make room, or redirect it elsewhere";
  }
}

/* ---- creating ------------------------------------------------------------------------- */

int output_new(struct ioloop *loop, int fd, const struct output_events *events,
               struct output **ret) {
  struct output *output = calloc(1, sizeof *output);
  if (!output)
    return -ENOMEM;
  *output = (struct output){.loop = loop, .events = *events, .given_fd = fd};
  prepare(output);
  /* -EPERM: always ready. -EBADF: stdout is closed, which the first write will report. */
  int error = ioloop_add_handler(loop, output->fd, 0, on_writable, output);
  output->watchable = error == 0;
  if (error && error != -EPERM && error != -EBADF) {
    output_free(output);
    return error;
  }
  *ret = output;
  return 0;
}

void output_forget(struct output *output) {
  if (output->fd != output->given_fd)
    close(output->fd);
  free(output->buffer);
  free(output);
}

void output_free(struct output *output) {
  if (!output)
    return;
  output_restore(output);
  if (output->watchable)
    ioloop_remove_handler(output->loop, output->fd);
  output_forget(output);
}
