/* SPDX-License-Identifier: MIT */
/*
 * stream_couple.c - the low-water callback, and two streams of which one sends what the other
 * receives.
 *
 * The source of a couple is read by ioloop_stream_read, with a callback of this file that writes to the
 * sink. Backpressure is a matter of one test: whether a source reads depends on the queue of its
 * sink, where every other stream depends on its own (ioloop__stream_is_choked). With its own as well, two
 * coupled streams whose peers both write before they read would wait for each other.
 *
 * A couple ends with the source's input, with ioloop_stream_read_stop of the source, and when one of the
 * two is closed. In the last case the other is closed too, but never from inside: its close callback
 * is called by the loop.
 */
#include <errno.h>
#include <stdlib.h>

#include "stream_internal.h"

/* ---- what few streams have ------------------------------------------------------------------ */

struct ioloop__stream_extras *ioloop__stream_extras(struct ioloop_stream *stream) {
  if (!stream->extras)
    stream->extras = calloc(1, sizeof *stream->extras);
  return stream->extras;
}

int ioloop__stream_may_set(const struct ioloop_stream *stream) {
  if (ioloop__inherited(stream->loop))
    return -ECHILD;
  return stream->life == STREAM_CLOSED ? -EPIPE : 0;
}

int ioloop_stream_set_low_callback(struct ioloop_stream *stream, ioloop_stream_fn *fn, void *arg) {
  int r = ioloop__stream_may_set(stream);
  if (!r && !ioloop__stream_extras(stream))
    r = -ENOMEM;
  if (r)
    return r;
  stream->extras->on_low = fn;
  stream->extras->low_arg = arg;
  return 0;
}

void ioloop__stream_report_low(struct ioloop_stream *stream) {
  struct ioloop__stream_extras *extras = stream->extras;
  extras->low_due = false;
  if (!extras->on_low || stream->life >= STREAM_BROKEN || ioloop__inherited(stream->loop))
    return;
  ioloop__stream_enter(stream);
  extras->on_low(stream, extras->low_arg);
  stream->depth--;
}

void ioloop__stream_set_choked(struct ioloop_stream *stream, bool choked) {
  struct ioloop__stream_extras *extras = stream->extras;
  if (stream->choked == choked)
    return;
  stream->choked = choked;
  if (!choked && extras && extras->on_low) {
    extras->low_due = true;
    ioloop__stream_defer(stream);
  }
  if (extras && extras->source && choked)
    ioloop__stream_update_interest(extras->source);
  else if (extras && extras->source)
    ioloop__stream_resume_reading(extras->source);
}

/* ---- couples -------------------------------------------------------------------------------- */

static void part(struct ioloop_stream *source) {
  struct ioloop__stream_extras *extras = source->extras;
  extras->sink->extras->source = NULL;
  extras->sink = NULL;
  source->coupled = false;
}

void ioloop__stream_uncouple_source(struct ioloop_stream *stream) {
  if (stream->coupled)
    part(stream);
}

void ioloop__stream_stop_source(struct ioloop_stream *stream) {
  struct ioloop_stream *source = stream->extras ? stream->extras->source : NULL;
  if (!source)
    return;
  source->on_read = NULL;
  ioloop__stream_update_interest(source);
}

/* What is received after the end of a couple is no longer its own. */
static void end_source(struct ioloop_stream *source, int error) {
  part(source);
  source->on_read = NULL;
  ioloop__stream_fail(source, error);
  ioloop__stream_update_interest(source);
}

void ioloop__stream_uncouple_closed(struct ioloop_stream *stream, int error) {
  struct ioloop__stream_extras *extras = stream->extras;
  struct ioloop_stream *sink = extras->sink, *source = extras->source;
  bool in_order = !error && stream->input == INPUT_END_REPORTED;
  if (sink)
    part(stream);
  if (sink && sink != stream && !in_order)
    ioloop__stream_fail(sink, error);
  if (source && source != stream && (error || source->input != INPUT_END_REPORTED))
    end_source(source, error);
  else if (source && source != stream)
    part(source);
}

static void end_of_input(struct ioloop_stream *sink) {
  if (ioloop_stream_shutdown(sink) == -ENOTSOCK)
    ioloop_stream_close_when_sent(sink);
}

static void pass_on(struct ioloop_stream *source, const char *data, size_t size, void *arg) {
  struct ioloop_stream *sink = arg;
  int r = 0;
  if (size)
    r = ioloop_stream_write(sink, data, size);
  else
    end_of_input(sink);
  if (r)
    ioloop__stream_fail(source, r);
}

static int may_couple(const struct ioloop_stream *source, const struct ioloop_stream *sink) {
  if (ioloop__inherited(source->loop))
    return -ECHILD;
  if (source->loop != sink->loop)
    return -EINVAL;
  if (sink->output != OUTPUT_OPEN || sink->life == STREAM_CLOSED)
    return -EPIPE;
  if (sink->read_only)
    return -EBADF;
  bool taken = source->coupled || (sink->extras && sink->extras->source);
  return taken ? -EALREADY : 0;
}

int ioloop_stream_couple(struct ioloop_stream *source, struct ioloop_stream *sink) {
  int r = may_couple(source, sink);
  if (!r && !(ioloop__stream_extras(source) && ioloop__stream_extras(sink)))
    r = -ENOMEM;
  if (!r)
    r = ioloop_stream_read(source, pass_on, sink);
  if (r)
    return r;
  source->extras->sink = sink;
  sink->extras->source = source;
  source->coupled = true;
  ioloop__stream_resume_reading(source);
  return 0;
}
