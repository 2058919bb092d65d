/* SPDX-License-Identifier: MIT */
/* stream_attributes.c - what a program may set on a byte stream, and ask it. */
#include <errno.h>

#include "stream_internal.h"

void ioloop_stream_set_data(struct ioloop_stream *stream, void *data) {
  stream->data = data;
}

void *ioloop_stream_data(const struct ioloop_stream *stream) {
  return stream->data;
}

void ioloop_stream_set_close_callback(struct ioloop_stream *stream, ioloop_stream_close_fn *fn,
                                      void *arg) {
  stream->on_close = fn;
  stream->close_arg = arg;
}

int ioloop_stream_set_nodelay(struct ioloop_stream *stream, bool on) {
  if (ioloop__inherited(stream->loop))
    return -ECHILD;
  if (stream->life == STREAM_CLOSED)
    return -EPIPE;
  return stream->fd < 0 ? -ENOTCONN : ioloop__stream_nodelay(stream->fd, on);
}

void ioloop_stream_set_gate(struct ioloop_stream *stream, struct ioloop_gate *gate) {
  ioloop__gate_attach(&stream->gate, gate);
}

int ioloop_stream_fd(const struct ioloop_stream *stream) {
  return stream->fd;
}

struct ioloop *ioloop_stream_loop(const struct ioloop_stream *stream) {
  return stream->loop;
}
