/* SPDX-License-Identifier: MIT */
/* streams_write.c - sending: writes, watermarks, and the callbacks that tell when the queue is empty, or
 * low. The model of each is next to it. */
#include <errno.h>
#include <stdlib.h>

#include "streams.h"

enum {
  MOST_PIECES = 1100 /* more than one sendmsg(2) takes */
};

/* ---- writes --------------------------------------------------------------------------------- */

/* The last piece is the rest; empty ones are between. */
static int cut_up(char *data, size_t size, size_t piece, struct iovec *pieces) {
  int count = 0;
  while (size > 0) {
    size_t part = count < MOST_PIECES - 2 && piece < size ? piece : size;
    pieces[count++] = (struct iovec){.iov_base = data, .iov_len = part};
    data += part;
    size -= part;
    if (count % 5 == 1 && count < MOST_PIECES - 2)
      pieces[count++] = (struct iovec){0};
  }
  return count;
}

/* `piece` is the size of one in bytes; 0: by ioloop_stream_write. */
static void do_write(struct end *end, size_t size, size_t piece) {
  struct iovec pieces[MOST_PIECES];
  char *data = malloc(size + 1);
  FUZZ_CHECK(data, "no memory");
  fill_pattern(end, end->put, data, size);
  update_choked(end);
  if (ioloop_stream_pending(end->stream) + size > end->high)
    leave_open(end);
  if (piece && peer_of(end)->gone)
    leave_open(end); /* a second call, for what one did not take, may find the reset of the first */
  int r, expected = end->shut || end->closing ? -EPIPE : 0;
  int count = piece ? cut_up(data, size, piece, pieces) : 0;
  if (piece)
    INSIDE("ioloop_stream_writev", r = ioloop_stream_writev(end->stream, pieces, count));
  else
    INSIDE("ioloop_stream_write", r = ioloop_stream_write(end->stream, data, size));
  free(data);
  FUZZ_CHECK(r == expected, "end %d: a write returns %d instead of %d", end->index, r, expected);
  tell(end, " write%d", r);
  if (r)
    return;
  note_write(end, size);
  update_choked(end);
  if (ioloop_stream_pending(end->stream) > 0)
    end->drain_due = true;
}

void op_write(const uint32_t *args) {
  struct end *end = pick_stream(args[0]);
  if (end)
    do_write(end, size_of(args[1]), 0);
}

void op_writev(const uint32_t *args) {
  struct end *end = pick_stream(args[0]);
  if (end)
    do_write(end, size_of(args[1]), 1 + args[2] % 3000);
}

/* ---- watermarks ----------------------------------------------------------------------------- */

void do_watermarks(struct end *end, size_t low, size_t high) {
  int r;
  update_choked(end);
  if (ioloop_stream_pending(end->stream) > 0)
    leave_open(end);
  INSIDE("ioloop_stream_set_watermarks", r = ioloop_stream_set_watermarks(end->stream, low, high));
  FUZZ_CHECK(r == (low > high ? -EINVAL : 0), "end %d: watermarks %zu, %zu: %d", end->index, low,
             high, r);
  if (r)
    return;
  end->low = low;
  end->high = high;
  update_choked(end);
}

void op_marks(const uint32_t *args) {
  struct end *end = pick_stream(args[0]);
  if (end)
    do_watermarks(end, size_of(args[1]) - 1, size_of(args[2]) - 1);
}

/* One that reads and has something pending, where an error by one shows. */
static struct end *with_pending(struct end *end) {
  for (int i = 0; i < 2 * world.connections && !world.strict; i++) {
    struct end *other = &world.ends[(end->index + i) % (2 * world.connections)];
    if (other->stream && other->reading != NO_READ && ioloop_stream_pending(other->stream) > 0)
      return other;
  }
  return end;
}

/* Around what is pending: 0 to 4 stand for -2 to 2. */
void op_near(const uint32_t *args) {
  struct end *end = pick_stream(args[0]);
  if (!end)
    return;
  end = with_pending(end);
  size_t pending = ioloop_stream_pending(end->stream);
  size_t low = pending + args[1] % 5, high = pending + args[2] % 5;
  do_watermarks(end, low < 2 ? 0 : low - 2, high < 2 ? 0 : high - 2);
}

static void on_low(struct ioloop_stream *stream, void *arg) {
  struct end *end = arg;
  const char *outer = enter_callback(NULL);
  check_alive(end, stream);
  FUZZ_CHECK(end->wants_low, "end %d: a low-water callback that is not set", end->index);
  FUZZ_CHECK(end->was_choked, "end %d: low, but it never stopped", end->index);
  update_choked(
      end); /* writes after it became due, before it is called, may have filled the queue */
  end->was_choked = end->choked;
  end->low_due = end->choked;
  react(end->index, ON_LOW);
  leave_callback(outer);
}

void op_low(const uint32_t *args) {
  struct end *end = pick_stream(args[0]);
  if (!end)
    return;
  int r;
  bool on = args[1] % 4;
  INSIDE("ioloop_stream_set_low_callback",
         r = ioloop_stream_set_low_callback(end->stream, on ? on_low : NULL, end));
  FUZZ_CHECK(r == 0, "end %d: a low-water callback: %d", end->index, r);
  end->wants_low = on;
  end->low_due = false; /* it may be, but a queue that is low already owes nothing */
}

const char *owed_for_low(struct end *end) {
  bool due = end->wants_low && end->low_due && !end->choked && !end->closing;
  return due && !peer_of(end)->gone ? "the low-water callback" : NULL;
}

/* ---- the empty queue ------------------------------------------------------------------------ */

static void on_drain(struct ioloop_stream *stream, void *arg) {
  struct end *end = arg;
  const char *outer = enter_callback(NULL);
  check_alive(end, stream);
  FUZZ_CHECK(end->wants_drain, "end %d: a drain callback that is not set", end->index);
  FUZZ_CHECK(ioloop_stream_pending(stream) == 0, "end %d: drained with %zu bytes", end->index,
             ioloop_stream_pending(stream));
  FUZZ_CHECK(end->drain_due, "end %d: drained, but nothing was pending", end->index);
  end->drain_due = false;
  react(end->index, ON_DRAIN);
  leave_callback(outer);
}

void op_drain(const uint32_t *args) {
  struct end *end = pick_stream(args[0]);
  if (!end)
    return;
  end->wants_drain = args[1] % 4;
  if (ioloop_stream_pending(end->stream) == 0)
    end->drain_due = false; /* it was, before */
  int r = 0;
  INSIDE(
      "ioloop_stream_set_drain_callback",
      r = ioloop_stream_set_drain_callback(end->stream, end->wants_drain ? on_drain : NULL, end));
  FUZZ_CHECK(r == 0, "no drain callback is set: %d", r);
}
