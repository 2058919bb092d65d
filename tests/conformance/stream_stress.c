/* SPDX-License-Identifier: MIT */
/*
 * stream_stress.c - 80: many streams at once, everything at random.
 *
 * Each stream is connected to a plain socket, its peer. Either side writes, reads, pauses,
 * half-closes and closes at random, in callbacks and outside of them, under gates that open and
 * close. Each side must read exactly the bytes that the other wrote, in order and without a gap;
 * all of them if the connection ended in order; and each stream must end once.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo.h"

#define STREAMS 24

struct side {
  uint64_t sent, received;
  bool finished; /* sent its end */
  bool saw_end;
};

struct life {
  struct ioloop_stream *stream; /* NULL: ended */
  int peer;                     /* -1: gone */
  struct side here, there;
  bool disturbed; /* reset, or closed with data under way: not all of it need arrive */
  bool in_order;  /* the close callback got 0 although we had not closed it */
  unsigned closed;
};

static struct life lives[STREAMS];
static struct ioloop_gate *gate;
static char buffer[300000];

static bool chance(unsigned in) {
  return tap_random_below(in) == 0;
}

static void act(struct life *life);

static void on_data(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  struct life *life = arg;
  CHECK(stream == life->stream);
  check_pattern(data, size, life->here.received);
  life->here.received += size;
  life->here.saw_end |= size == 0;
  if (chance(3))
    act(life);
}

static void on_end(struct ioloop_stream *stream, int error, void *arg) {
  struct life *life = arg;
  (void)stream;
  CHECK_IS(life->closed++, ==, 0);
  life->disturbed |= error != 0;
  life->in_order = error == 0 && life->here.finished && life->here.saw_end;
  life->stream = NULL;
}

static void on_drained(struct ioloop_stream *stream, void *arg) {
  CHECK_IS(ioloop_stream_pending(stream), ==, 0);
  if (chance(4))
    act(arg);
}

static void start_read(struct life *life) {
  static const char delimiter[2] = {7, 14};
  int r;
  switch (tap_random_below(3)) {
  case 0:
    r = ioloop_stream_read(life->stream, on_data, life);
    break;
  case 1:
    r = ioloop_stream_read_bytes(life->stream, (size_t)tap_random_below(3000) + 1, on_data, life);
    break;
  default:
    r = ioloop_stream_read_until(life->stream, delimiter, 2, 1000000, on_data, life);
  }
  CHECK(r == 0 || r == -EALREADY || r == -EPIPE);
}

static void write_some(struct life *life) {
  size_t size = (size_t)tap_random_below(chance(20) ? sizeof buffer : 2000) + 1;
  fill_pattern(buffer, size, life->here.sent);
  int r = ioloop_stream_write(life->stream, buffer, size);
  CHECK(r == 0 || r == -EPIPE);
  if (r == 0)
    life->here.sent += size;
}

static void end_here(struct life *life) {
  bool unread = !life->here.saw_end || life->here.received < life->there.sent;
  life->disturbed |= unread || ioloop_stream_pending(life->stream) > 0;
  if (chance(2)) {
    ioloop_stream_close_when_sent(life->stream);
  } else {
    ioloop_stream_close(life->stream);
    CHECK(!life->stream);
  }
}

/* One thing that a program may do to its stream, at any time. */
static void act(struct life *life) {
  if (!life->stream)
    return;
  switch (tap_random_below(60)) {
  case 0:
    end_here(life);
    break;
  case 1:
    life->here.finished |= ioloop_stream_shutdown(life->stream) == 0;
    break;
  case 2:
    ioloop_stream_read_stop(life->stream);
    break;
  case 3:
    ioloop_stream_set_gate(life->stream, chance(2) ? gate : NULL);
    break;
  case 4:
    CHECK_OK(
        ioloop_stream_set_watermarks(life->stream, 100, (size_t)tap_random_below(100000) + 100));
    break;
  case 5:
    if (ioloop_gate_is_open(gate))
      ioloop_gate_close(gate);
    else
      ioloop_gate_open(gate);
    break;
  default:
    if (chance(2))
      write_some(life);
    else
      start_read(life);
  }
}

/* ---- the other side ------------------------------------------------------------------------- */

static void peer_reads(struct life *life) {
  ssize_t got = recv(life->peer, buffer, (size_t)tap_random_below(sizeof buffer) + 1, 0);
  if (got > 0)
    check_pattern(buffer, (size_t)got, life->there.received);
  life->there.received += got > 0 ? (uint64_t)got : 0;
  life->there.saw_end |= got == 0;
  CHECK(got >= 0 || errno == EAGAIN || errno == ECONNRESET || errno == EPIPE);
}

static void peer_writes(struct life *life) {
  size_t size = (size_t)tap_random_below(chance(20) ? sizeof buffer : 2000) + 1;
  fill_pattern(buffer, size, life->there.sent);
  ssize_t sent = send(life->peer, buffer, size, MSG_NOSIGNAL);
  life->there.sent += sent > 0 ? (uint64_t)sent : 0;
}

static void peer_goes(struct life *life) {
  life->disturbed = true;
  if (chance(2))
    client_reset(life->peer);
  else
    CHECK_SYS(close(life->peer));
  life->peer = -1;
}

static void peer_acts(struct life *life) {
  if (life->peer < 0)
    return;
  if (chance(200)) {
    peer_goes(life);
  } else if (chance(60)) {
    life->there.finished = true;
    shutdown(life->peer, SHUT_WR);
  } else if (chance(2)) {
    peer_reads(life);
  } else if (!life->there.finished) {
    peer_writes(life);
  }
}

/* ---- creating and ending -------------------------------------------------------------------- */

static void begin(struct life *life, struct ioloop *loop) {
  int pair[2];
  *life = (struct life){0};
  make_pair(chance(2) ? TCP : UNIX_STREAM, pair);
  CHECK_OK(ioloop_stream_new(loop, pair[0], &life->stream));
  ioloop_stream_set_close_callback(life->stream, on_end, life);
  CHECK_OK(ioloop_stream_set_drain_callback(life->stream, on_drained, life));
  if (chance(2))
    ioloop_stream_set_gate(life->stream, gate);
  life->peer = pair[1];
}

/* Let the rest arrive: end all pauses, and half-close every connection. */
static void conclude(struct life *life, struct ioloop *loop) {
  ioloop_gate_open(gate);
  if (life->peer >= 0) {
    life->there.finished = true;
    shutdown(life->peer, SHUT_WR);
  }
  if (life->stream)
    life->here.finished |= ioloop_stream_shutdown(life->stream) == 0;
  for (int turn = 0; life->stream || (life->peer >= 0 && !life->there.saw_end); turn++) {
    CHECK_IS(turn, <, 20000);
    if (life->stream) {
      int r = ioloop_stream_read(life->stream, on_data, life);
      CHECK(r == 0 || r == -EALREADY || r == -EPIPE);
    }
    if (life->peer >= 0)
      peer_reads(life);
    if (life->peer >= 0 && !life->stream && life->disturbed)
      break;
    CHECK_OK(ioloop_run_once(loop, MS(1)));
  }
}

static void check_life(struct life *life) {
  CHECK_IS(life->closed, ==, 1);
  CHECK_IS(life->here.received, <=, life->there.sent);
  CHECK_IS(life->there.received, <=, life->here.sent);
  if (life->in_order && !life->disturbed) {
    CHECK_IS(life->here.received, ==, life->there.sent);
    CHECK_IS(life->there.received, ==, life->here.sent);
  }
  if (life->peer >= 0)
    CHECK_SYS(close(life->peer));
}

TEST(80, "many streams, everything at random: no byte lost or out of order, each ends once") {
  struct ioloop *loop = test_loop_new();
  unsigned in_order = 0, total = 0;
  CHECK_OK(ioloop_gate_new(&gate));
  for (size_t round = tap_count(24); round > 0; round--) {
    for (int i = 0; i < STREAMS; i++)
      begin(&lives[i], loop);
    for (int step = 0; step < 200; step++) {
      for (int i = 0; i < STREAMS; i++) {
        peer_acts(&lives[i]);
        act(&lives[i]);
      }
      run_turns(loop, 1);
    }
    for (int i = 0; i < STREAMS; i++)
      conclude(&lives[i], loop);
    for (int i = 0; i < STREAMS; i++) {
      check_life(&lives[i]);
      in_order += lives[i].in_order && !lives[i].disturbed;
      total++;
    }
  }
  CHECK_IS(in_order, >, 0);
  NOTE("%u of %u connections ended in order", in_order, total);
  ioloop_gate_free(gate);
  test_loop_free(loop);
}
