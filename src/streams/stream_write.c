/* SPDX-License-Identifier: MIT */
/*
 * stream_write.c - the output side of a byte stream.
 *
 * A write goes to the socket at once, and nearly always that is all: one send, no queue, no change
 * of interest. Only what the socket does not take is copied, and then the stream waits for
 * writability. A program that writes faster than the peer reads is slowed down through the input
 * side: over the high watermark the stream does not read until the queue is down to the low one.
 *
 * When sending fails, the peer may have sent something before it went; an echo that cannot be
 * delivered is no reason to lose that. So the queue is dropped, writes are discarded, and reading
 * continues to the end or the error that must now follow. Only then is the stream closed, with the
 * error of the send. A peer that is still there would wait for its answer: in that case input ends
 * with what it has already sent.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "stream_internal.h"

static void drop_queue(struct ioloop_stream *stream) {
  if (stream->queue)
    free(stream->queue->next);
  if (stream->completing)
    ioloop__fifo_recycle(ioloop__spares(stream->loop), stream->queue);
  else
    free(stream->queue);
  stream->queue = NULL;
}

/* Sending failed for good. */
static void broken(struct ioloop_stream *stream, int error) {
  drop_queue(stream);
  if (stream->life < STREAM_BROKEN)
    stream->life = STREAM_BROKEN;
  ioloop__stream_set_choked(stream, false);
  bool gone = error == -EPIPE || error == -ECONNRESET;
  stream->error = (int16_t)error;
  if (!gone && !stream->not_socket)
    ioloop__stream_shut_down(stream, SHUT_RD);
  ioloop__stream_defer(stream);
}

void ioloop__stream_sending_failed(struct ioloop_stream *stream, int error) {
  if (ioloop__stream_pause(stream, &stream->send_failures, error))
    ioloop__stream_update_interest(stream);
  else
    broken(stream, error);
}

static void finish_sending(struct ioloop_stream *stream) {
  ioloop__stream_shut_down(stream, SHUT_WR);
  stream->fin_due = false;
  if (ioloop__stream_is_over(stream))
    ioloop__stream_defer(stream);
}

void ioloop__stream_apply_watermarks(struct ioloop_stream *stream) {
  size_t pending = ioloop_stream_pending(stream);
  if (pending > stream->high) {
    ioloop__stream_set_choked(stream, true);
  } else if (stream->choked && pending <= stream->low) {
    ioloop__stream_set_choked(stream, false);
    ioloop__stream_resume_reading(stream);
    return;
  }
  ioloop__stream_update_interest(stream);
}

void ioloop__stream_drained(struct ioloop_stream *stream) {
  drop_queue(stream);
  if (ioloop__stream_has_drain(stream))
    stream->extras->on_drain(stream, stream->extras->drain_arg);
  if (stream->queue || stream->life == STREAM_CLOSED || ioloop__inherited(stream->loop))
    return;
  if (stream->fin_due)
    finish_sending(stream);
  if (stream->output == OUTPUT_CLOSING)
    ioloop__stream_defer(stream);
}

void ioloop__stream_ready_to_write(struct ioloop_stream *stream) {
  if (!stream->queue) { /* only a half-close, or nothing, waited for the connection */
    if (stream->fin_due)
      finish_sending(stream);
    ioloop__stream_update_interest(stream);
    return;
  }
  if (stream->completing) { /* what was written, and asked for, before the connection was there */
    ioloop__stream_begin_sending(stream);
    ioloop__stream_update_interest(stream);
    return;
  }
  size_t size = ioloop__fifo_size(stream->queue);
  ptrdiff_t sent = ioloop__stream_send(stream, ioloop__fifo_data(stream->queue), size);
  if (ioloop__would_block(sent)) {
    ioloop__stream_woken_in_vain(stream);
    return;
  }
  if (sent < 0) {
    ioloop__stream_sending_failed(stream, (int)sent);
    return;
  }
  stream->send_failures = 0;
  ioloop__stream_note_traffic(stream);
  ioloop__fifo_consume(stream->queue, (size_t)sent);
  if ((size_t)sent == size)
    ioloop__stream_drained(stream);
  if (stream->life != STREAM_CLOSED)
    ioloop__stream_apply_watermarks(stream);
}

static int enqueue(struct ioloop_stream *stream, const struct iovec *pieces, int count,
                   size_t sent) {
  int r = ioloop__fifo_gather(&stream->queue, pieces, count, sent);
  if (r && !sent)
    return r;
  if (r) /* the peer has a part that nothing can follow */
    broken(stream, r);
  else
    ioloop__stream_apply_watermarks(stream);
  return 0;
}

static bool refuses(const struct ioloop_stream *stream) {
  return stream->output != OUTPUT_OPEN || stream->life == STREAM_CLOSED;
}

/* -EINVAL: more than a size can be. */
static ptrdiff_t sum_of(const struct iovec *pieces, int count) {
  size_t size = 0;
  if (count < 0)
    return -EINVAL;
  for (int i = 0; i < count; i++) {
    if (pieces[i].iov_len > PTRDIFF_MAX - size)
      return -EINVAL;
    size += pieces[i].iov_len;
  }
  return (ptrdiff_t)size;
}

static int write_pieces(struct ioloop_stream *stream, const struct iovec *pieces, int count,
                        size_t size) {
  if (ioloop__inherited(stream->loop))
    return -ECHILD;
  if (refuses(stream))
    return -EPIPE;
  if (stream->life > STREAM_OPEN) /* as if it were lost on the way */
    return 0;
  if (stream->read_only)
    return -EBADF;
  if (!size) /* no call, which would meet an error of the connection in some models only */
    return 0;
  if (stream->completing)
    return ioloop__stream_queue_write(stream, pieces, count);
  ptrdiff_t sent = 0;
  if (!stream->queue && stream->life != STREAM_CONNECTING) {
    sent = ioloop__stream_send_pieces(stream, pieces, count);
    if (sent < 0 && !ioloop__would_block(sent))
      ioloop__stream_sending_failed(stream, (int)sent);
    if (stream->life == STREAM_BROKEN)
      return 0;
    if (sent < 0)
      sent = 0;
    else
      ioloop__stream_note_traffic(stream);
  }
  return (size_t)sent == size ? 0 : enqueue(stream, pieces, count, (size_t)sent);
}

int ioloop_stream_write(struct ioloop_stream *stream, const void *data, size_t size) {
  const struct iovec piece = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
  return write_pieces(stream, &piece, 1, size);
}

int ioloop_stream_writev(struct ioloop_stream *stream, const struct iovec *pieces, int count) {
  ptrdiff_t size = ioloop__inherited(stream->loop) ? 0 : sum_of(pieces, count);
  return size < 0 ? (int)size : write_pieces(stream, pieces, count, (size_t)size);
}

size_t ioloop_stream_pending(const struct ioloop_stream *stream) {
  const struct ioloop__fifo *queue = stream->queue;
  return queue ? ioloop__fifo_size(queue) + ioloop__fifo_size(queue->next) : 0;
}

static uint32_t at_most_4_gib(size_t size) {
  return size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
}

int ioloop_stream_set_watermarks(struct ioloop_stream *stream, size_t low, size_t high) {
  if (low > high)
    return -EINVAL;
  stream->low = at_most_4_gib(low);
  stream->high = at_most_4_gib(high);
  ioloop__stream_apply_watermarks(stream);
  ioloop__stream_await_sent(stream);
  return 0;
}

int ioloop_stream_set_drain_callback(struct ioloop_stream *stream, ioloop_stream_fn *fn,
                                     void *arg) {
  int r = ioloop__stream_may_set(stream);
  if (!r && !ioloop__stream_extras(stream))
    r = -ENOMEM;
  if (r)
    return r;
  stream->extras->on_drain = fn;
  stream->extras->drain_arg = arg;
  ioloop__stream_await_sent(stream);
  return 0;
}

int ioloop_stream_shutdown(struct ioloop_stream *stream) {
  if (ioloop__inherited(stream->loop))
    return -ECHILD;
  if (refuses(stream))
    return -EPIPE;
  if (stream->not_socket)
    return -ENOTSOCK;
  stream->output = OUTPUT_SHUT;
  stream->fin_due = true;
  if (!stream->queue && stream->life == STREAM_OPEN)
    finish_sending(stream);
  ioloop__stream_await_sent(stream);
  return 0;
}

void ioloop_stream_close_when_sent(struct ioloop_stream *stream) {
  if (stream->output == OUTPUT_CLOSING || stream->life == STREAM_CLOSED)
    return;
  if (ioloop__inherited(stream->loop)) { /* nothing is sent by the child */
    ioloop_stream_close(stream);
    return;
  }
  stream->output = OUTPUT_CLOSING;
  stream->framed = false;
  stream->on_read = NULL;
  ioloop__stream_update_interest(stream);
  ioloop__stream_stop_source(stream);
  ioloop__stream_await_sent(stream);
  if (!stream->queue)
    ioloop__stream_defer(stream);
}
