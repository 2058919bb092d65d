/* SPDX-License-Identifier: MIT */
/* iostream_attributes.c - what a program may set on a byte stream, and ask it. */
#include <errno.h>

#include "stream_internal.h"

void iostream_set_data(struct iostream *stream, void *data) {
  stream->data = data;
}

void *iostream_data(const struct iostream *stream) {
  return stream->data;
}

void iostream_set_close_callback(struct iostream *stream, iostream_close_callback *fn, void *arg) {
  stream->on_close = fn;
  stream->close_arg = arg;
}

int iostream_set_nodelay(struct iostream *stream, bool on) {
  if (ioloop__inherited(stream->loop))
    return -ECHILD;
  if (stream->life == STREAM_CLOSED)
    return -EPIPE;
  return stream->fd < 0 ? -ENOTCONN : iostream__nodelay(stream->fd, on);
}

void iostream_set_gate(struct iostream *stream, struct iostream_gate *gate) {
  ioloop__gate_attach(&stream->gate, gate);
}

int iostream_fd(const struct iostream *stream) {
  return stream->fd;
}

struct ioloop *iostream_loop(const struct iostream *stream) {
  return stream->loop;
}
