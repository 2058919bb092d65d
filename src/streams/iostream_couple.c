/* SPDX-License-Identifier: MIT */
/*
 * iostream_couple.c - the low-water callback, and two streams of which one sends what the other
 * receives.
 *
 * The source of a couple is read by iostream_read, with a callback of this file that writes to the
 * sink. Backpressure is a matter of one test: whether a source reads depends on the queue of its
 * sink, where every other stream depends on its own (iostream__is_choked). With its own as well, two
 * coupled streams whose peers both write before they read would wait for each other.
 *
 * A couple ends with the source's input, with iostream_read_stop of the source, and when one of the
 * two is closed. In the last case the other is closed too, but never from inside: its close callback
 * is called by the loop.
 */
#include <errno.h>
#include <stdlib.h>

#include "stream_internal.h"

/* ---- what few streams have ------------------------------------------------------------------ */

struct iostream__extras *iostream__extras(struct iostream *stream) {
  if (!stream->extras)
    stream->extras = calloc(1, sizeof *stream->extras);
  return stream->extras;
}

int iostream_set_low_callback(struct iostream *stream, iostream_callback *fn, void *arg) {
  if (ioloop__inherited(stream->loop))
    return -ECHILD;
  if (stream->life == STREAM_CLOSED)
    return -EPIPE;
  if (!iostream__extras(stream))
    return -ENOMEM;
  stream->extras->on_low = fn;
  stream->extras->low_arg = arg;
  return 0;
}

void iostream__report_low(struct iostream *stream) {
  struct iostream__extras *extras = stream->extras;
  stream->low_due = false;
  if (!extras || !extras->on_low || stream->life >= STREAM_BROKEN ||
      ioloop__inherited(stream->loop))
    return;
  iostream__enter(stream);
  extras->on_low(stream, extras->low_arg);
  stream->depth--;
}

void iostream__set_choked(struct iostream *stream, bool choked) {
  struct iostream__extras *extras = stream->extras;
  if (stream->choked == choked)
    return;
  stream->choked = choked;
  if (!choked && extras && extras->on_low) {
    stream->low_due = true;
    iostream__defer(stream);
  }
  if (extras && extras->source && choked)
    iostream__update_interest(extras->source);
  else if (extras && extras->source)
    iostream__resume_reading(extras->source);
}

/* ---- couples -------------------------------------------------------------------------------- */

static void part(struct iostream *source) {
  struct iostream__extras *extras = source->extras;
  extras->sink->extras->source = NULL;
  extras->sink = NULL;
  source->coupled = false;
}

void iostream__uncouple_source(struct iostream *stream) {
  if (stream->coupled)
    part(stream);
}

void iostream__stop_source(struct iostream *stream) {
  struct iostream *source = stream->extras ? stream->extras->source : NULL;
  if (!source)
    return;
  source->on_read = NULL;
  iostream__update_interest(source);
}

/* What is received after the end of a couple is no longer its own. */
static void end_source(struct iostream *source, int error) {
  part(source);
  source->on_read = NULL;
  iostream__fail(source, error);
  iostream__update_interest(source);
}

void iostream__uncouple_closed(struct iostream *stream, int error) {
  struct iostream__extras *extras = stream->extras;
  struct iostream *sink = extras->sink, *source = extras->source;
  bool in_order = !error && stream->input == INPUT_END_REPORTED;
  if (sink)
    part(stream);
  if (sink && sink != stream && !in_order)
    iostream__fail(sink, error);
  if (source && source != stream && (error || source->input != INPUT_END_REPORTED))
    end_source(source, error);
  else if (source && source != stream)
    part(source);
}

static void end_of_input(struct iostream *sink) {
  if (iostream_shutdown(sink) == -ENOTSOCK)
    iostream_close_when_sent(sink);
}

static void pass_on(struct iostream *source, const char *data, size_t size, void *arg) {
  struct iostream *sink = arg;
  int r = 0;
  if (size)
    r = iostream_write(sink, data, size);
  else
    end_of_input(sink);
  if (r)
    iostream__fail(source, r);
}

static int may_couple(const struct iostream *source, const struct iostream *sink) {
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

int iostream_couple(struct iostream *source, struct iostream *sink) {
  int r = may_couple(source, sink);
  if (!r && !(iostream__extras(source) && iostream__extras(sink)))
    r = -ENOMEM;
  if (!r)
    r = iostream_read(source, pass_on, sink);
  if (r)
    return r;
  source->extras->sink = sink;
  sink->extras->source = source;
  source->coupled = true;
  iostream__resume_reading(source);
  return 0;
}
