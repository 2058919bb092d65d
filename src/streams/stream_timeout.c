/* SPDX-License-Identifier: MIT */
/*
 * stream_timeout.c - the read timeout of a stream.
 *
 * Input only notes the time. The timer is armed once for the whole timeout; when it fires early, it is
 * set again for the rest. So a stream in traffic sets a timer once per timeout, and a read costs a
 * reading of the clock, which is no system call.
 */
#include <errno.h>

#include "stream_internal.h"

static void on_timer(struct ioloop *loop, void *arg);

static int arm(struct ioloop_stream *stream, uint64_t deadline_ns) {
  return ioloop_call_at(stream->loop, deadline_ns, on_timer, stream, &stream->extras->read_timer);
}

/* Is it the peer that lets it wait? */
static bool waits_for_peer(const struct ioloop_stream *stream) {
  return ioloop__stream_wants_input(stream) && stream->life != STREAM_CONNECTING && !stream->pause;
}

/* A busy loop may find the timeout over before it has looked at what has arrived in time. Only if
 * the next iteration, which looks, brings nothing either, is the time over. */
static void on_timer(struct ioloop *loop, void *arg) {
  struct ioloop_stream *stream = arg;
  struct ioloop__stream_extras *extras = stream->extras;
  extras->read_timer = 0;
  if (stream->input != INPUT_OPEN || stream->life >= STREAM_FAILED)
    return;
  uint64_t now = ioloop_time(loop);
  if (!waits_for_peer(stream))
    extras->input_ns = now;
  bool over = now - extras->input_ns >= extras->read_timeout_ns;
  if (over && extras->read_overdue) {
    ioloop__stream_fail(stream, -ETIMEDOUT);
    return;
  }
  extras->read_overdue = over;
  int r = arm(stream, over ? 0 : extras->input_ns + extras->read_timeout_ns);
  if (r)
    ioloop__stream_fail(stream, r);
}

void ioloop__stream_stop_read_timer(struct ioloop_stream *stream) {
  struct ioloop__stream_extras *extras = stream->extras;
  if (extras && extras->read_timer)
    ioloop_remove_timeout(stream->loop, extras->read_timer);
  if (extras)
    extras->read_timer = 0;
  stream->read_timed = false;
}

int ioloop_stream_set_read_timeout(struct ioloop_stream *stream, uint64_t timeout_ns) {
  int r = ioloop__stream_may_set(stream);
  if (r)
    return r;
  ioloop__stream_stop_read_timer(stream);
  uint64_t now = ioloop_time(stream->loop);
  if (timeout_ns == 0 || timeout_ns > UINT64_MAX - now)
    return 0;
  struct ioloop__stream_extras *extras = ioloop__stream_extras(stream);
  if (!extras)
    return -ENOMEM;
  extras->read_timeout_ns = timeout_ns;
  extras->input_ns = now;
  extras->read_overdue = false;
  r = arm(stream, now + timeout_ns);
  stream->read_timed = !r;
  return r;
}
