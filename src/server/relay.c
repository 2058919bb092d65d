/* SPDX-License-Identifier: MIT */
/*
 * relay.c - why workers do not write to stdout themselves.
 *
 * Two processes that write to one pipe tear each other's records: a write is whole only up to
 * PIPE_BUF (4 KiB) bytes, a record may have 256 KiB, and where the reader is slow a write is cut
 * anywhere. A lock would have to be held until the reader has taken the rest, which may be for
 * ever, and be taken over from a worker that is killed in the middle of a line.
 *
 * So each worker has a pipe of its own to the parent, who alone owns stdout. He passes on whole
 * lines, and keeps the beginning of one until its end has come. A stdout that stalls is felt by
 * everybody in turn and blocks nobody: the parent does not read, the pipe fills, the worker's
 * output says EAGAIN to its loop, which closes its gate: backpressure as in a server of one
 * process. What a worker has put into its pipe survives it.
 *
 * The price is one copy and one more pair of system calls for up to 64 KiB of records.
 */
#include "relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  READ_SIZE = 64 * 1024, /* what a pipe holds */
};

#define PAUSE_NS UINT64_C(100000000) /* without memory, before it is tried again */

struct relay {
  struct ioloop *loop;
  struct output *output;
  int fd;
  bool held, ended;
  ioloop_timeout pause; /* 0: there is memory */
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

/* The first `before` bytes are known to have no end of a line. */
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

/* How much came; 0 at the end, or -errno. */
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
