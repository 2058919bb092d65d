/* SPDX-License-Identifier: MIT */
/*
 * stream_read.c - the input side of a byte stream.
 *
 * Input goes into one buffer that all streams of a loop share, and from there straight to the
 * callback of ioloop_stream_read: an idle stream owns no buffer, and a busy one copies nothing. One
 * recv per wake-up, no more: readiness is level-triggered, so what a short or a full read left
 * behind is reported again, and a stream with much to read cannot starve the others.
 *
 * read_bytes and read_until wait for a frame that may come in pieces, so theirs is copied into the
 * stream's own queue; what follows the frame stays there for the next read, whichever kind that
 * is. Handing over is a loop (ioloop__stream_deliver), not a recursion: a callback that starts the next
 * read returns, and finds its frame delivered by the loop that called it. A read that is started
 * elsewhere and finds its frame already there gets it in the next iteration, so that a callback
 * is never called from inside the function that set it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stream_internal.h"

enum {
  READ_SIZE = 64 * 1024
};

/* ---- from the descriptor ----------------------------------------------------------------- */

void ioloop__stream_input_ended(struct ioloop_stream *stream, int error) {
  stream->input = INPUT_ENDED;
  stream->input_error = (int16_t)error;
  ioloop__stream_defer(stream);
}

/* Data that arrives before a read wants it is kept for the next read, of either kind. */
static bool has_place(struct ioloop_stream *stream) {
  if (!stream->framing)
    stream->framing = calloc(1, sizeof *stream->framing);
  return stream->framing;
}

void ioloop__stream_keep(struct ioloop_stream *stream, const char *data, size_t size) {
  if (!has_place(stream) || ioloop__fifo_append(&stream->framing->bytes, data, size) < 0)
    ioloop__stream_fail(stream, -ENOMEM);
  else
    ioloop__stream_defer(stream);
}

static void gate_opened(struct ioloop__gate_member *member) {
  ioloop__stream_resume_reading(IOLOOP__LIST_ENTRY(member, struct ioloop_stream, gate));
}

bool ioloop__stream_held_by_gate(struct ioloop_stream *stream) {
  return ioloop__gate_hold(&stream->gate, gate_opened);
}

void ioloop__stream_ready_to_read(struct ioloop_stream *stream) {
  if (ioloop__stream_held_by_gate(stream)) {
    ioloop__stream_update_interest(stream);
    return;
  }
  char *buffer = ioloop__scratch(stream->loop, READ_SIZE);
  ptrdiff_t size = buffer ? ioloop__stream_receive(stream, buffer, READ_SIZE) : -ENOMEM;
  if (ioloop__would_block(size)) {
    ioloop__stream_woken_in_vain(stream);
    return;
  }
  if (size < 0 && ioloop__stream_pause(stream, &stream->receive_failures, (int)size)) {
    ioloop__stream_update_interest(stream);
    return;
  }
  if (size <= 0) {
    ioloop__stream_input_ended(stream, (int)size);
    return;
  }
  stream->receive_failures = 0;
  ioloop__stream_note_traffic(stream);
  ioloop__stream_note_input(stream);
  if (stream->framed)
    ioloop__stream_keep(stream, buffer, (size_t)size);
  else
    stream->on_read(stream, buffer, (size_t)size, stream->read_arg);
}

/* ---- frames ------------------------------------------------------------------------------ */

static ptrdiff_t delimited_size(struct ioloop__framing *framing) {
  const char *data = ioloop__fifo_data(framing->bytes);
  size_t size = ioloop__fifo_size(framing->bytes);
  size_t limit = size < framing->size ? size : framing->size;
  size_t at = framing->scanned;
  while (at + framing->delimiter_size <= limit) {
    const char *found =
        memchr(data + at, framing->delimiter[0], limit - framing->delimiter_size + 1 - at);
    if (!found) {
      at = limit - framing->delimiter_size + 1;
      break;
    }
    at = (size_t)(found - data);
    if (memcmp(found, framing->delimiter, framing->delimiter_size) == 0)
      return (ptrdiff_t)(at + framing->delimiter_size);
    at++;
  }
  framing->scanned = at;
  return size < framing->size ? 0 : -EMSGSIZE;
}

/* How much of the buffered input the read under way takes; 0: it must wait. */
static ptrdiff_t frame_size(const struct ioloop_stream *stream) {
  size_t size = ioloop__stream_buffered(stream);
  if (!size || !stream->framed)
    return (ptrdiff_t)size;
  if (stream->framing->delimiter_size)
    return delimited_size(stream->framing);
  return size < stream->framing->size ? 0 : (ptrdiff_t)stream->framing->size;
}

static void take(struct ioloop_stream *stream, size_t size) {
  struct ioloop__framing *framing = stream->framing;
  ioloop__fifo_consume(framing->bytes, size);
  framing->scanned = 0;
  ioloop__fifo_free_if_empty(&framing->bytes);
}

/* size 0 is the end of input in order. This ends every read except ioloop_stream_read. */
static void hand_over(struct ioloop_stream *stream, size_t size) {
  ioloop_stream_read_fn *fn = stream->on_read;
  const char *data = size ? ioloop__fifo_data(stream->framing->bytes) : "";
  if (stream->framed || !size)
    stream->on_read = NULL;
  stream->framed = false;

  ioloop__stream_enter(stream);
  fn(stream, data, size, stream->read_arg);
  stream->depth--;
  if (size && stream->life != STREAM_CLOSED)
    take(stream, size);
}

/* The program decides. The bytes stay. */
static void report_limit(struct ioloop_stream *stream) {
  stream->on_read = NULL;
  stream->framed = false;
  ioloop__stream_enter(stream);
  stream->framing->on_limit(stream, stream->framing->limit_arg);
  stream->depth--;
}

bool ioloop__stream_deliver(struct ioloop_stream *stream) {
  bool end_reported = false, limit_reported = false;
  while (stream->on_read && !ioloop__stream_is_choked(stream) && stream->life != STREAM_FAILED &&
         !ioloop__inherited(stream->loop)) {
    ptrdiff_t size = frame_size(stream);
    bool end = size == 0 && stream->input != INPUT_OPEN;
    bool limit = size < 0 && stream->framing->on_limit;
    if ((end && end_reported) || (limit && limit_reported))
      return true; /* a program that keeps asking gets it once per iteration */
    if ((size == 0 && !end) || ioloop__stream_held_by_gate(stream) ||
        (end && ioloop__stream_is_sending(stream)))
      return false;
    if ((size < 0 && !limit) || (end && (stream->input_error || stream->life == STREAM_BROKEN))) {
      ioloop__stream_fail(stream, size < 0 ? (int)size : stream->input_error);
      return false;
    }
    if (end) {
      end_reported = true;
      stream->input = INPUT_END_REPORTED;
    }
    limit_reported = limit;
    if (limit)
      report_limit(stream);
    else
      hand_over(stream, (size_t)size);
  }
  return false;
}

void ioloop__stream_resume_reading(struct ioloop_stream *stream) {
  ioloop__stream_note_input(stream);
  if (stream->on_read && (ioloop__stream_buffered(stream) || stream->input != INPUT_OPEN))
    ioloop__stream_defer(stream);
  ioloop__stream_update_interest(stream);
}

/* ---- reads ------------------------------------------------------------------------------- */

static int may_read(const struct ioloop_stream *stream, ioloop_stream_read_fn *fn) {
  if (ioloop__inherited(stream->loop))
    return -ECHILD;
  if (!fn)
    return -EINVAL;
  if (stream->output == OUTPUT_CLOSING || stream->life == STREAM_CLOSED)
    return -EPIPE;
  if (stream->write_only)
    return -EBADF;
  return stream->on_read ? -EALREADY : 0;
}

static int begin(struct ioloop_stream *stream, ioloop_stream_read_fn *fn, void *arg) {
  if (ioloop__stream_buffered(stream) || stream->input != INPUT_OPEN) {
    int r = ioloop__stream_defer(stream);
    if (r)
      return r;
  }
  stream->on_read = fn;
  stream->read_arg = arg;
  ioloop__stream_note_input(stream);
  ioloop__stream_update_interest(stream);
  return 0;
}

static int begin_framed(struct ioloop_stream *stream, size_t size, const char *delimiter,
                        size_t delimiter_size, ioloop_stream_read_fn *fn, void *arg) {
  if (!has_place(stream))
    return -ENOMEM;
  stream->framing->size = size;
  stream->framing->scanned = 0;
  stream->framing->delimiter_size = (unsigned char)delimiter_size;
  if (delimiter_size)
    memcpy(stream->framing->delimiter, delimiter, delimiter_size);
  int r = begin(stream, fn, arg);
  if (!r)
    stream->framed = true;
  return r;
}

int ioloop_stream_read(struct ioloop_stream *stream, ioloop_stream_read_fn *fn, void *arg) {
  int r = may_read(stream, fn);
  return r ? r : begin(stream, fn, arg);
}

int ioloop_stream_read_bytes(struct ioloop_stream *stream, size_t size, ioloop_stream_read_fn *fn,
                             void *arg) {
  if (size == 0 || size > PTRDIFF_MAX)
    return -EINVAL;
  int r = may_read(stream, fn);
  return r ? r : begin_framed(stream, size, NULL, 0, fn, arg);
}

int ioloop_stream_read_until(struct ioloop_stream *stream, const char *delimiter,
                             size_t delimiter_size, size_t max, ioloop_stream_read_fn *fn,
                             void *arg) {
  if (delimiter_size == 0 || delimiter_size > sizeof stream->framing->delimiter ||
      max < delimiter_size)
    return -EINVAL;
  int r = may_read(stream, fn);
  return r ? r : begin_framed(stream, max, delimiter, delimiter_size, fn, arg);
}

int ioloop_stream_set_limit_callback(struct ioloop_stream *stream, ioloop_stream_fn *fn,
                                     void *arg) {
  int r = ioloop__stream_may_set(stream);
  if (!r && !has_place(stream))
    r = -ENOMEM;
  if (r)
    return r;
  stream->framing->on_limit = fn;
  stream->framing->limit_arg = arg;
  return 0;
}

void ioloop_stream_read_stop(struct ioloop_stream *stream) {
  ioloop__stream_uncouple_source(stream);
  if (!stream->on_read)
    return;
  stream->on_read = NULL;
  stream->framed = false;
  if (ioloop__stream_is_over(stream)) /* it waited for this read only */
    ioloop__stream_defer(stream);
  ioloop__stream_update_interest(stream);
}
