/* SPDX-License-Identifier: MIT */
/*
 * relay.c - why workers do not write to stdout themselves.
 *
 * Two processes that write to one pipe tear each other's records: a write is atomic only up to
 * PIPE_BUF (4 KiB) bytes, a record may have 256 KiB, and with a slow reader a write is cut
 * anywhere. A lock would have to be held until the reader has taken the rest, possibly forever, and
 * would have to be recovered from a worker that was killed in the middle of a line.
 *
 * So each worker has its own pipe to the parent, and only the parent writes to stdout. It passes on
 * whole lines, and keeps the beginning of a line until the rest has arrived. When stdout stalls,
 * nothing blocks: the parent stops reading, the pipes fill, and each worker's output gets EAGAIN
 * and closes its gate, which is the same backpressure as in a server of one process. The contents
 * of a pipe survive the worker that wrote them.
 *
 * The price is one copy and one extra pair of system calls for up to 64 KiB of records.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workers.h"

enum {
  READ_SIZE = 64 * 1024, /* the capacity of a pipe */
};

#define PAUSE_NS (100 * NS_PER_MS) /* before retrying after a lack of memory */

struct relay {
  struct ioloop *loop;
  struct output *output;
  int fd;
  bool held, ended;
  ioloop_timeout pause; /* 0: not waiting for memory */
  uint64_t lines;
  char *buffer; /* begins with an unfinished line, if any */
  size_t used, room;
};

static size_t count_lines(const char *data, size_t size) {
  size_t lines = 0;
  const char *end = data + size;
  while (data < end && (data = memchr(data, '\n', (size_t)(end - data))) != NULL) {
    lines++;
    data++;
  }
  return lines;
}

/* The first `before` bytes are known to contain no newline. */
static void pass_on(struct relay *relay, size_t before) {
  size_t whole = relay->used;
  while (whole > before && relay->buffer[whole - 1] != '\n')
    whole--;
  if (whole == before)
    return;
  relay->lines += count_lines(relay->buffer, whole);
  output_put(relay->output, relay->buffer, whole);
  relay->used -= whole;
  memmove(relay->buffer, relay->buffer + whole, relay->used);
}

static int make_room(struct relay *relay) {
  if (relay->room - relay->used >= READ_SIZE)
    return 0;
  char *larger = realloc(relay->buffer, relay->used + 2 * READ_SIZE);
  if (!larger)
    return -ENOMEM;
  relay->buffer = larger;
  relay->room = relay->used + 2 * READ_SIZE;
  return 0;
}

/* The number of bytes read; 0 at the end, or -errno. */
static ssize_t read_some(struct relay *relay) {
  int error = make_room(relay);
  if (error)
    return error;
  ssize_t n = read(relay->fd, relay->buffer + relay->used, READ_SIZE);
  if (n < 0)
    return -errno;
  relay->used += (size_t)n;
  pass_on(relay, relay->used - (size_t)n);
  return n;
}

static void watch(struct relay *relay) {
  bool reads = !relay->held && !relay->ended && !relay->pause;
  ioloop_update_handler(relay->loop, relay->fd, reads ? IOLOOP_READ : 0);
}

static void on_pause_over(struct ioloop *loop, void *arg) {
  struct relay *relay = arg;
  (void)loop;
  relay->pause = 0;
  watch(relay);
}

/* At the end of input the worker has died, or is about to: relay_finish will be called. */
static void on_readable(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct relay *relay = arg;
  (void)fd, (void)events;
  ssize_t n = read_some(relay);
  relay->ended = n == 0;
  if (n == -ENOMEM)
    (void)ioloop_call_later(loop, PAUSE_NS, on_pause_over, relay, &relay->pause);
  if (n == 0 || n == -ENOMEM)
    watch(relay);
}

void relay_hold(struct relay *relay, bool hold) {
  relay->held = hold;
  watch(relay);
}

void relay_finish(struct relay *relay) {
  ssize_t n;
  do
    n = read_some(relay);
  while (n > 0 || n == -EINTR);
}

uint64_t relay_lines(const struct relay *relay) {
  return relay->lines;
}

int relay_new(struct ioloop *loop, int fd, struct output *output, struct relay **ret) {
  struct relay *relay = calloc(1, sizeof *relay);
  if (!relay)
    return -ENOMEM;
  *relay = (struct relay){.loop = loop, .output = output, .fd = fd};
  int error = ioloop_add_handler(loop, fd, IOLOOP_READ, on_readable, relay);
  if (error)
    free(relay);
  else
    *ret = relay;
  return error;
}

void relay_forget(struct relay *relay) {
  close(relay->fd);
  free(relay->buffer);
  free(relay);
}

void relay_free(struct relay *relay) {
  if (!relay)
    return;
  if (relay->pause)
    ioloop_remove_timeout(relay->loop, relay->pause);
  ioloop_remove_handler(relay->loop, relay->fd);
  relay_forget(relay);
}
