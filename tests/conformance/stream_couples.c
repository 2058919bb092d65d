/* SPDX-License-Identifier: MIT */
/* stream_couples.c - conformance 602 to 605: the low-water callback, and coupled streams. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo.h"
#include "sides.h"

enum {
  LOW = 20000,
  HIGH = 60000,
  ONE_READ = 64 * 1024,
  SMALL = 50000 /* kernel buffers; much smaller ones wait for TCP's window probes */
};

static void side_open(struct side *side, struct ioloop *loop, enum kind kind) {
  int pair[2];
  make_pair(kind, pair);
  if (is_duplex(kind)) {
    set_buffers(pair[0], SMALL);
    set_buffers(pair[1], SMALL);
  }
  /* The stream writes to a pipe, and the test reads it. */
  side_make(side, loop, pair[kind == PIPE], pair[kind != PIPE]);
  CHECK_OK(ioloop_stream_set_watermarks(side->stream, LOW, HIGH));
}

/* What there is room for, of the pattern. 0: none. */
static size_t peer_sends(struct side *side, uint64_t limit) {
  static char data[20000];
  size_t size = limit - side->sent < sizeof data ? (size_t)(limit - side->sent) : sizeof data;
  fill_pattern(data, size, side->sent);
  ssize_t n = send(side->peer, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  CHECK(n >= 0 || errno == EAGAIN);
  side->sent += n > 0 ? (uint64_t)n : 0;
  return n > 0 ? (size_t)n : 0;
}

static size_t peer_reads(struct side *side, size_t size) {
  static char data[20000];
  ssize_t n = read(side->peer, data, size < sizeof data ? size : sizeof data);
  CHECK(n >= 0 || errno == EAGAIN);
  if (n > 0)
    check_pattern(data, (size_t)n, side->received);
  side->received += n > 0 ? (uint64_t)n : 0;
  side->ended |= n == 0;
  return n > 0 ? (size_t)n : 0;
}

/* ---- 602: low water ------------------------------------------------------------------------ */

static void write_over_high(struct side *side) {
  static char data[5000];
  while (side->written < side->limit && ioloop_stream_pending(side->stream) <= HIGH) {
    fill_pattern(data, sizeof data, side->written);
    CHECK_OK(ioloop_stream_write(side->stream, data, sizeof data));
    side->written += sizeof data;
  }
}

static void on_low(struct ioloop_stream *stream, void *arg) {
  struct side *side = arg;
  CHECK(stream == side->stream);
  CHECK(!side->inside);
  CHECK_IS(ioloop_stream_pending(stream), <=, LOW);
  side->low++;
  write_over_high(side);
}

static void write_with_low_water(enum kind kind) {
  struct ioloop *loop = test_loop_new();
  struct side side;
  side_open(&side, loop, kind);
  side.limit = 1000000;
  CHECK_OK(ioloop_stream_set_low_callback(side.stream, on_low, &side));
  write_over_high(&side);
  CHECK_IS(ioloop_stream_pending(side.stream), >, HIGH);
  run_turns(loop, 5); /* the kernel's buffers take their part */
  while (side.received < side.limit) {
    uint64_t deadline = tap_deadline(SECONDS(10));
    while (!peer_reads(&side, 20000))
      CHECK(tap_left(deadline) && ioloop_run_once(loop, MS(100)) >= 0);
    run_turns(loop, 1);
    CHECK_IS(ioloop_stream_pending(side.stream), <=, HIGH + 5000);
  }
  CHECK_IS(side.written, ==, side.limit);
  CHECK_IS(side.low, >, 3);
  side_close(&side);
  test_loop_free(loop);
}

TEST(602, "the low-water callback keeps a writer between its watermarks: TCP") {
  write_with_low_water(TCP);
}

TEST(602, "the low-water callback keeps a writer between its watermarks: AF_UNIX") {
  write_with_low_water(UNIX_STREAM);
}

TEST(602, "the low-water callback keeps a writer between its watermarks: a pipe") {
  write_with_low_water(PIPE);
}

TEST(602, "new watermarks call the low-water callback from the loop, not from inside") {
  static char much[4000000];
  struct ioloop *loop = test_loop_new();
  struct side side;
  side_open(&side, loop, TCP);
  CHECK_OK(ioloop_stream_set_low_callback(side.stream, on_low, &side));
  CHECK_OK(ioloop_stream_write(side.stream, much, sizeof much));
  run_turns(loop, 3);
  CHECK_IS(side.low, ==, 0);
  side.inside = true;
  CHECK_OK(ioloop_stream_set_watermarks(side.stream, sizeof much, sizeof much));
  side.inside = false;
  CHECK_IS(side.low, ==, 0);
  CHECK_OK(ioloop_stream_set_low_callback(side.stream, NULL, NULL)); /* and if it is gone by then */
  run_turns(loop, 3);
  CHECK_IS(side.low, ==, 0);
  side_close(&side);
  test_loop_free(loop);
}

/* ---- 603: couples --------------------------------------------------------------------------- */

static void couple_open(struct side sides[2], struct ioloop *loop, enum kind kind) {
  side_open(&sides[0], loop, kind);
  side_open(&sides[1], loop, kind);
  CHECK_OK(ioloop_stream_couple(sides[0].stream, sides[1].stream));
  CHECK_OK(ioloop_stream_couple(sides[1].stream, sides[0].stream));
}

/* The sender writes all before it reads, as the receiver does, if both send. */
static void transfer(struct ioloop *loop, struct side sides[2], const uint64_t limits[2]) {
  bool shut[2] = {false, false};
  uint64_t deadline = tap_deadline(SECONDS(30));
  while (sides[0].received < limits[1] || sides[1].received < limits[0] || !sides[0].ended ||
         !sides[1].ended) {
    size_t done = 0;
    for (int i = 0; i < 2; i++) {
      if (sides[i].sent < limits[i])
        done += peer_sends(&sides[i], limits[i]);
      if (sides[i].sent == limits[i] && !shut[i]) {
        CHECK_SYS(shutdown(sides[i].peer, SHUT_WR));
        shut[i] = true;
      }
      if (shut[0] && shut[1])
        done += peer_reads(&sides[i], (size_t)tap_random_below(20000) + 1);
    }
    for (int i = 0; i < 2; i++)
      if (!shut[i] && !done && sides[i].sent < limits[i])
        peer_reads(&sides[!i], 20000); /* else neither would ever send all */
    CHECK(tap_left(deadline));
    CHECK_OK(ioloop_run_once(loop, done ? 0 : MS(1)));
  }
}

static void proxy(enum kind kind, uint64_t there, uint64_t back) {
  struct ioloop *loop = test_loop_new();
  struct side sides[2];
  couple_open(sides, loop, kind);
  transfer(loop, sides, (const uint64_t[]){there, back});
  RUN_UNTIL(loop, sides[0].closed && sides[1].closed);
  for (int i = 0; i < 2; i++) {
    CHECK_IS(sides[i].error, ==, 0);
    side_close(&sides[i]);
  }
  test_loop_free(loop);
}

TEST(603, "coupled streams pass on every byte both ways, and the ends: TCP") {
  proxy(TCP, tap_count(2000000), tap_count(1000000));
}

TEST(603, "coupled streams pass on every byte both ways, and the ends: AF_UNIX") {
  proxy(UNIX_STREAM, tap_count(1000000), tap_count(2000000));
}

TEST(603, "coupled streams pass on the end of a peer that sends nothing") {
  proxy(TCP, 0, 100000);
  proxy(TCP, 0, 0);
}

TEST(603, "a stream coupled with itself is an echo") {
  struct ioloop *loop = test_loop_new();
  struct side side;
  side_open(&side, loop, TCP);
  CHECK_OK(ioloop_stream_couple(side.stream, side.stream));
  uint64_t limit = tap_count(1000000), deadline = tap_deadline(SECONDS(30));
  while (side.received < limit && tap_left(deadline)) {
    size_t done = side.sent < limit ? peer_sends(&side, limit) : 0;
    if (!done)
      done = peer_reads(&side, 20000);
    CHECK_OK(ioloop_run_once(loop, done ? 0 : MS(1)));
  }
  CHECK_IS(side.received, ==, limit);
  CHECK_SYS(shutdown(side.peer, SHUT_WR));
  RUN_UNTIL(loop, side.closed);
  CHECK_IS(side.error, ==, 0);
  CHECK_IS(peer_reads(&side, 1), ==, 0);
  CHECK(side.ended);
  side_close(&side);
  test_loop_free(loop);
}

TEST(603, "a pipe that sends what a socket receives is closed at its end, when all is sent") {
  struct ioloop *loop = test_loop_new();
  struct side sides[2];
  side_open(&sides[0], loop, TCP);
  side_open(&sides[1], loop, PIPE);
  CHECK_OK(ioloop_stream_couple(sides[0].stream, sides[1].stream));
  while (sides[0].sent < 200000) /* more than the pipe holds */
    if (!peer_sends(&sides[0], 200000)) {
      peer_reads(&sides[1], 20000);
      CHECK_OK(ioloop_run_once(loop, MS(1)));
    }
  CHECK_SYS(shutdown(sides[0].peer, SHUT_WR));
  while (!sides[1].ended) {
    peer_reads(&sides[1], 20000);
    CHECK_OK(ioloop_run_once(loop, MS(1)));
  }
  CHECK_IS(sides[1].received, ==, 200000);
  CHECK_IS(sides[1].error, ==, 0);
  CHECK_IS(sides[0].closed, ==, 0); /* it may still write */
  side_close(&sides[0]);
  side_close(&sides[1]);
  test_loop_free(loop);
}

/* ---- 604: backpressure ------------------------------------------------------------------------ */

/* Send until nothing moves. TCP may rest for a moment before that. */
static void send_until_stuck(struct ioloop *loop, struct side *from, const struct side *to) {
  uint64_t deadline = tap_deadline(SECONDS(10));
  for (unsigned stuck = 0; stuck < 20 || ioloop_stream_pending(to->stream) <= LOW;) {
    stuck = peer_sends(from, UINT64_MAX) ? 0 : stuck + 1;
    CHECK_OK(ioloop_run_once(loop, stuck ? MS(2) : 0));
    CHECK_IS(ioloop_stream_pending(to->stream), <=, HIGH + ONE_READ);
    CHECK(tap_left(deadline));
  }
}

TEST(604, "the source of a slow sink is not read from, and the way back is free") {
  struct ioloop *loop = test_loop_new();
  struct side sides[2];
  couple_open(sides, loop, TCP);
  send_until_stuck(loop, &sides[0], &sides[1]);
  CHECK_NO_SPIN(loop, MS(50));

  /* The queue of this stream is full, and it is read all the same: its peer would perhaps read only
   * after that. */
  uint64_t deadline = tap_deadline(SECONDS(30));
  while (sides[0].received < 300000 && tap_left(deadline)) {
    size_t done = peer_sends(&sides[1], 300000) + peer_reads(&sides[0], 20000);
    CHECK_OK(ioloop_run_once(loop, done ? 0 : MS(1)));
  }
  CHECK_IS(sides[0].received, ==, 300000);

  while (sides[1].received < sides[0].sent && tap_left(deadline)) {
    size_t done = peer_reads(&sides[1], 20000);
    CHECK_OK(ioloop_run_once(loop, done ? 0 : MS(1)));
  }
  CHECK_IS(sides[1].received, ==, sides[0].sent);
  ioloop_stream_close(sides[0].stream);
  RUN_UNTIL(loop, sides[1].closed);
  side_close(&sides[0]);
  side_close(&sides[1]);
  test_loop_free(loop);
}
