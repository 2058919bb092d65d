/* SPDX-License-Identifier: MIT */
/*
 * stream.c - the lifetime of a byte stream: made or connected, woken, ended.
 *
 * Two rules make it safe to call any function anywhere. First, a program's callback is never called
 * from inside a function that the program called, except for ioloop_stream_close; what such a call
 * causes (an error, input that is already there) is deferred. Second, memory stays valid while a
 * callback is under way, however deep. Both rules meet in ioloop__stream_settle, which is called when
 * the last callback has returned or, if none is under way, from a timeout that is due at once. (Not
 * from a queued callback of the loop: that cannot be taken back when the stream is closed first.)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend.h"
#include "platform.h"
#include "stream_internal.h"

enum {
  LOW_WATERMARK = 64 * 1024,
  HIGH_WATERMARK = 256 * 1024
};

/* ---- interest ---------------------------------------------------------------------------- */

/* The events that the stream's state calls for, ignoring a pause. */
static unsigned wanted(const struct ioloop_stream *stream) {
  if (stream->life >= STREAM_FAILED)
    return 0;
  if (stream->life == STREAM_CONNECTING)
    return stream->fd < 0 ? 0 : IOLOOP_WRITE; /* stream_name.c watches its own */
  bool input = ioloop__stream_wants_input(stream) && !stream->settle_due;
  return (input ? IOLOOP_READ : 0u) | (stream->queue ? IOLOOP_WRITE : 0u);
}

static void on_ready(struct ioloop *loop, int fd, unsigned events, void *arg);

static int set_mask(struct ioloop_stream *stream, unsigned mask) {
  if (stream->registered)
    return ioloop_update_handler(stream->loop, stream->fd, mask);
  int r = ioloop_add_handler(stream->loop, stream->fd, mask, on_ready, stream);
  if (!r)
    stream->registered = true;
  return r;
}

static unsigned start_operations(struct ioloop_stream *stream) {
  ioloop__stream_update_receiving(stream);
  return ioloop__stream_waits_for_room(stream) ? IOLOOP_WRITE : 0;
}

void ioloop__stream_update_interest(struct ioloop_stream *stream) {
  if (ioloop__inherited(stream->loop))
    return;
  unsigned mask = stream->completing ? start_operations(stream)
                  : stream->pause    ? 0
                                     : wanted(stream);
  if (mask == stream->mask)
    return;
  int r = set_mask(stream, mask);
  stream->mask = (uint8_t)(r ? 0 : mask);
  if (r)
    ioloop__stream_fail(stream, r);
}

/* ---- the end ----------------------------------------------------------------------------- */

static void release(struct ioloop_stream *stream) {
  free(stream->extras);
  if (stream->framing)
    free(stream->framing->bytes);
  free(stream->framing);
  if (stream->queue)
    free(stream->queue->next);
  free(stream->queue);
  free(stream);
}

static void cancel_timeout(struct ioloop_stream *stream) {
  if (stream->timeout)
    ioloop_remove_timeout(stream->loop, stream->timeout);
  stream->timeout = 0;
}

/* EPIPE reports only that sending is over. Receiving may know the reason, or the socket has it as
 * its pending error. */
static int reason_of(const struct ioloop_stream *stream, int error) {
  if (error != -EPIPE || stream->not_socket)
    return error;
  int reason = stream->input_error ? stream->input_error : ioloop__stream_take_error(stream->fd);
  return reason ? reason : error;
}

void ioloop__stream_finish(struct ioloop_stream *stream, int error) {
  stream->life = STREAM_CLOSED;
  stream->on_read = NULL;
  stream->mask = 0;
  cancel_timeout(stream);
  ioloop_remove_timeout(stream->loop, stream->pause);
  ioloop__stream_stop_read_timer(stream);
  ioloop__stream_stop_naming(stream);
  ioloop__gate_detach(&stream->gate);
  if (stream->registered)
    ioloop_remove_handler(stream->loop, stream->fd);
  if (stream->completing)
    ioloop__stream_cancel_operations(stream);
  error = reason_of(stream, error);
  if (stream->fd >= 0)
    close(stream->fd);
  stream->fd = -1;
  if (stream->owner)
    stream->owner->closed(stream->owner, stream);
  if (stream->extras)
    ioloop__stream_uncouple_closed(stream, error);

  stream->depth++;
  if (stream->on_close)
    stream->on_close(stream, error, stream->close_arg);
  if (--stream->depth == 0)
    release(stream);
}

bool ioloop__stream_is_over(const struct ioloop_stream *stream) {
  if (stream->life == STREAM_FAILED)
    return true;
  if (stream->output == OUTPUT_CLOSING)
    return !stream->queue;
  if (stream->life == STREAM_BROKEN)
    return !stream->on_read;
  bool unread = stream->framing && stream->framing->bytes;
  return stream->output == OUTPUT_SHUT && !stream->fin_due && stream->input == INPUT_END_REPORTED &&
         !stream->on_read && !unread;
}

/* ---- deferred work ----------------------------------------------------------------------- */

void ioloop__stream_settle(struct ioloop_stream *stream) {
  cancel_timeout(stream);
  if (ioloop__stream_low_due(stream))
    ioloop__stream_report_low(stream);
  bool more = ioloop__stream_deliver(stream) || ioloop__stream_low_due(stream);
  stream->settle_due = false;
  if (stream->life == STREAM_CLOSED)
    release(stream);
  else if (ioloop__stream_is_over(stream))
    ioloop__stream_finish(stream, stream->error);
  else if (more)
    ioloop__stream_defer(stream);
  else
    ioloop__stream_update_interest(stream);
}

static void on_timeout(struct ioloop *loop, void *arg) {
  struct ioloop_stream *stream = arg;
  (void)loop;
  stream->timeout = 0;
  ioloop__stream_settle(stream);
}

int ioloop__stream_defer(struct ioloop_stream *stream) {
  stream->settle_due = true;
  if (stream->depth || stream->timeout)
    return 0;
  int r = ioloop_call_at(stream->loop, 0, on_timeout, stream, &stream->timeout);
  if (r && !stream->completing) {
    stream->mask = IOLOOP_READ | IOLOOP_WRITE;
    set_mask(stream, stream->mask);
  }
  return r;
}

void ioloop__stream_leave_call(struct ioloop_stream *stream) {
  if (--stream->depth > 0)
    return;
  if (stream->life == STREAM_CLOSED)
    release(stream);
  else if (stream->settle_due && ioloop__stream_defer(stream) < 0)
    ioloop__stream_settle(stream);
}

void ioloop__stream_fail(struct ioloop_stream *stream, int error) {
  if (stream->life >= STREAM_FAILED)
    return;
  stream->life = STREAM_FAILED;
  if (!stream->error)
    stream->error = (int16_t)error;
  ioloop__stream_defer(stream);
}

/* ---- what passes ------------------------------------------------------------------------- */

enum {
  MOST_FAILURES = 12, /* after pauses of 1 ms, 2 ms, 4 ms ...: 4 s in all */
  REST_NS = 10 * 1000 * 1000
};

static void on_pause_over(struct ioloop *loop, void *arg) {
  struct ioloop_stream *stream = arg;
  (void)loop;
  stream->pause = 0;
  if (stream->completing && stream->queue)
    ioloop__stream_begin_sending(stream);
  ioloop__stream_update_interest(stream);
}

bool ioloop__stream_pause(struct ioloop_stream *stream, uint8_t *failures, int error) {
  if ((error != -ENOBUFS && error != -ENOMEM) || *failures == MOST_FAILURES)
    return false;
  uint64_t pause_ns = UINT64_C(1000000) << *failures;
  if (!stream->pause &&
      ioloop_call_later(stream->loop, pause_ns, on_pause_over, stream, &stream->pause) < 0)
    return false;
  ++*failures;
  return true;
}

void ioloop__stream_rest(struct ioloop_stream *stream) {
  if (!stream->pause &&
      ioloop_call_later(stream->loop, REST_NS, on_pause_over, stream, &stream->pause) < 0)
    ioloop__pause(); /* no memory: the whole loop rests */
  ioloop__stream_update_interest(stream);
}

/* ---- events ------------------------------------------------------------------------------ */

/* Use completion from here on, if the backend offers it. */
static void leave_readiness(struct ioloop_stream *stream) {
  ioloop__stream_use_completion(stream);
  if (!stream->completing || !stream->registered)
    return;
  ioloop_remove_handler(stream->loop, stream->fd);
  stream->registered = false;
  stream->mask = 0;
}

void ioloop__stream_connected(struct ioloop_stream *stream) {
  ioloop_stream_fn *on_connect = stream->on_connect;
  void *arg = stream->connect_arg;
  stream->life = STREAM_OPEN;
  ioloop__stream_note_input(stream);
  leave_readiness(stream);
  if (on_connect)
    on_connect(stream, arg);
  if (stream->life != STREAM_CLOSED && !ioloop__inherited(stream->loop))
    ioloop__stream_ready_to_write(stream);
}

static void ready_to_connect(struct ioloop_stream *stream) {
  int r = ioloop__stream_connect_result(stream->fd);
  if (r == -EINPROGRESS) {
    int taken = ioloop__taken_error(stream->loop, stream->fd);
    r = taken ? -taken : r;
  }
  if (r == -EINPROGRESS)
    ioloop__stream_woken_in_vain(stream);
  else if (r)
    ioloop__stream_fail(stream, r);
  else
    ioloop__stream_connected(stream);
}

static void on_ready(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct ioloop_stream *stream = arg;
  unsigned mask = stream->mask;
  (void)loop, (void)fd;
  ioloop__stream_enter(stream);
  if (events & IOLOOP_WRITE) {
    if (stream->life == STREAM_CONNECTING)
      ready_to_connect(stream);
    else
      ioloop__stream_ready_to_write(stream);
    if (ioloop__inherited(stream->loop)) /* a callback forked: what can be read is the parent's */
      events = 0;
    /* A send that waits for its retry does not delay receiving: each has its own tries. */
    mask &= stream->pause ? wanted(stream) : stream->mask;
  }
  if (events & mask & IOLOOP_READ)
    ioloop__stream_ready_to_read(stream);
  /* The cause may be the socket's error queue, which neither receiving nor sending empties. An
   * entry never means the end of a connection (the result of a call does), so they are discarded.
   * This comes after the calls that take the socket's own error, since emptying the queue may clear
   * it. */
  if (events & IOLOOP_ERROR && stream->life != STREAM_CONNECTING && stream->life != STREAM_CLOSED &&
      !ioloop__inherited(stream->loop))
    (void)ioloop__empty_error_queue(stream->fd, NULL);
  ioloop__stream_leave(stream);
}

/* ---- making ------------------------------------------------------------------------------ */

void ioloop__stream_init(struct ioloop_stream *stream, struct ioloop *loop, int fd) {
  *stream = (struct ioloop_stream){
      .loop = loop, .fd = fd, .life = STREAM_OPEN, .low = LOW_WATERMARK, .high = HIGH_WATERMARK};
}

static int new_stream(struct ioloop *loop, int fd, struct ioloop_stream **ret) {
  struct ioloop_stream *stream = malloc(sizeof *stream);
  if (!stream)
    return -ENOMEM;
  ioloop__stream_init(stream, loop, fd);
  *ret = stream;
  return 0;
}

/* Which calls serve the descriptor, and whether it can be a byte stream at all. */
static int find_transport(struct ioloop_stream *stream) {
  int r = ioloop__check_socket(stream->fd, SOCK_STREAM, false);
  if (r == -ENOTSOCK) {
    int opened_for = fcntl(stream->fd, F_GETFL) & O_ACCMODE;
    stream->not_socket = true;
    stream->read_only = opened_for == O_RDONLY;
    stream->write_only = opened_for == O_WRONLY;
    return 0;
  }
  if (!r)
    r = ioloop__stream_nodelay(stream->fd, true);
  return r == -EOPNOTSUPP ? 0 : r;
}

static int begin_transport(struct ioloop_stream *stream) {
  int r = find_transport(stream);
  if (!r)
    r = ioloop__adopt(stream->fd, true);
  if (r)
    return r;
  if (!stream->not_socket)
    ioloop__stream_use_completion(stream);
  return set_mask(stream, 0); /* what cannot be watched fails here, not later */
}

int ioloop_stream_new(struct ioloop *loop, int fd, struct ioloop_stream **ret) {
  struct ioloop_stream *stream;
  int r = ioloop__inherited(loop) ? -ECHILD : new_stream(loop, fd, &stream);
  if (r)
    return r;
  r = begin_transport(stream);
  if (r)
    free(stream);
  else
    *ret = stream;
  return r;
}

/* connect() may succeed or fail at once. Either is reported from the loop, as if it had taken
 * time. */
static int begin_connecting(struct ioloop_stream *stream, const struct sockaddr *address,
                            socklen_t size) {
  if (connect(stream->fd, address, size) < 0 && errno != EINPROGRESS && errno != EINTR) {
    ioloop__stream_fail(stream, -errno);
    return stream->timeout ? 0 : -ENOMEM;
  }
  stream->life = STREAM_CONNECTING;
  stream->mask = IOLOOP_WRITE;
  return set_mask(stream, IOLOOP_WRITE);
}

int ioloop__stream_hand_over(struct ioloop_stream *stream, int error, ioloop_stream_fn *on_connect,
                             ioloop_stream_close_fn *on_close, void *arg,
                             struct ioloop_stream **ret) {
  if (error) {
    ioloop__stream_finish(stream, error); /* no callback is set yet: this only cleans up */
    return error;
  }
  stream->on_connect = on_connect;
  stream->on_close = on_close;
  stream->connect_arg = stream->close_arg = arg;
  *ret = stream;
  return 0;
}

int ioloop_stream_connect(struct ioloop *loop, const struct sockaddr *address, socklen_t size,
                          ioloop_stream_fn *on_connect, ioloop_stream_close_fn *on_close, void *arg,
                          struct ioloop_stream **ret) {
  int fd = ioloop__inherited(loop) ? -ECHILD : ioloop__socket(address->sa_family, SOCK_STREAM, 0);
  if (fd < 0)
    return fd;
  struct ioloop_stream *stream;
  int r = new_stream(loop, fd, &stream);
  if (r) {
    close(fd);
    return r;
  }
  r = ioloop__stream_nodelay(fd, true);
  if (!r || r == -EOPNOTSUPP)
    r = begin_connecting(stream, address, size);
  return ioloop__stream_hand_over(stream, r, on_connect, on_close, arg, ret);
}

void ioloop_stream_close(struct ioloop_stream *stream) {
  if (stream->life != STREAM_CLOSED)
    ioloop__stream_finish(stream, ioloop__inherited(stream->loop) ? -ECHILD : 0);
}
