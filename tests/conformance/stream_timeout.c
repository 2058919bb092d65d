/* SPDX-License-Identifier: MIT */
/* stream_timeout.c - conformance 621 and 622: the read timeout of a stream. */
#include <errno.h>
#include <unistd.h>

#include "echo.h"

struct timed {
  struct ioloop_stream *stream; /* NULL: closed */
  int peer, error;
  size_t received;
  unsigned ends;
  uint64_t begun, closed, last; /* times: of the last byte */
};

static void on_timed_closed(struct ioloop_stream *stream, int error, void *arg) {
  struct timed *timed = arg;
  (void)stream;
  timed->stream = NULL;
  timed->error = error;
  timed->closed = tap_now();
}

static void on_timed_data(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  struct timed *timed = arg;
  (void)stream, (void)data;
  timed->received += size;
  timed->last = tap_now();
  timed->ends += size == 0;
}

static void timed_open(struct timed *timed, struct ioloop *loop, uint64_t timeout_ns) {
  int pair[2];
  *timed = (struct timed){0};
  make_pair(TCP, pair);
  timed->peer = pair[1];
  CHECK_OK(ioloop_stream_new(loop, pair[0], &timed->stream));
  ioloop_stream_set_close_callback(timed->stream, on_timed_closed, timed);
  timed->begun = tap_now();
  CHECK_OK(ioloop_stream_set_read_timeout(timed->stream, timeout_ns));
}

static void timed_close(struct timed *timed) {
  if (timed->stream)
    ioloop_stream_close(timed->stream);
  CHECK_SYS(close(timed->peer));
}

static void check_timed_out(struct timed *timed, struct ioloop *loop, uint64_t least_ns) {
  RUN_UNTIL(loop, !timed->stream);
  CHECK_IS(timed->error, ==, -ETIMEDOUT);
  CHECK_IS(timed->closed - timed->begun, >=, least_ns);
}

TEST(621, "a stream to which nothing comes is closed after its read timeout, not before") {
  struct ioloop *loop = test_loop_new();
  struct timed timed;
  timed_open(&timed, loop, MS(30));
  CHECK_OK(ioloop_stream_read(timed.stream, on_timed_data, &timed));
  check_timed_out(&timed, loop, MS(30));
  timed_close(&timed);

  /* A part of a frame is input as well, but not enough. */
  timed_open(&timed, loop, MS(30));
  CHECK_OK(ioloop_stream_read_bytes(timed.stream, 100, on_timed_data, &timed));
  client_send(timed.peer, "part", 4);
  check_timed_out(&timed, loop, MS(30));
  CHECK_IS(timed.received, ==, 0);
  timed_close(&timed);
  test_loop_free(loop);
}

struct ticker {
  struct timed *timed;
  unsigned left;
};

static void send_byte(struct ioloop *loop, void *arg) {
  struct ticker *ticker = arg;
  if (ticker->left && ticker->timed->stream) {
    ticker->left--;
    client_send(ticker->timed->peer, "x", 1);
    CHECK_OK(ioloop_call_later(loop, MS(20), send_byte, ticker, NULL));
  }
}

TEST(621, "the read timeout counts from the last byte") {
  struct ioloop *loop = test_loop_new();
  struct timed timed;
  struct ticker ticker = {.timed = &timed, .left = 20};
  timed_open(&timed, loop, MS(200));
  CHECK_OK(ioloop_stream_read(timed.stream, on_timed_data, &timed));
  send_byte(loop, &ticker);
  RUN_UNTIL(loop, !timed.stream);
  CHECK_IS(timed.error, ==, -ETIMEDOUT);
  CHECK_IS(timed.closed - timed.last, >=, MS(200));
  CHECK_IS(timed.received, >, 0);
  CHECK_IS(metrics_of(loop).timeouts, <, 20 + 10); /* the bytes', and few of the stream's */
  timed_close(&timed);
  test_loop_free(loop);
}

TEST(621, "input that came in time is read first, though the loop was busy for longer") {
  struct ioloop *loop = test_loop_new();
  struct timed timed;
  timed_open(&timed, loop, MS(30));
  CHECK_OK(ioloop_stream_read(timed.stream, on_timed_data, &timed));
  run_turns(loop, 2);
  client_send(timed.peer, "in time", 7);
  for (uint64_t end = tap_now() + MS(60); tap_now() < end;) /* as in a slow callback */
    ;
  RUN_UNTIL(loop, timed.received == 7 || !timed.stream);
  CHECK_IS(timed.received, ==, 7);
  CHECK(timed.stream);
  timed_close(&timed);
  test_loop_free(loop);
}

TEST(622, "a read timeout counts only while the stream waits for its peer") {
  struct ioloop *loop = test_loop_new();
  struct ioloop_gate *gate;
  struct timed idle, gated, ended, off, slow;
  CHECK_OK(ioloop_gate_new(&gate));
  timed_open(&idle, loop, MS(20)); /* it does not read */
  timed_open(&gated, loop, MS(20));
  timed_open(&ended, loop, MS(20));
  timed_open(&off, loop, MS(20));
  timed_open(&slow, loop, IOLOOP_FOREVER);
  ioloop_gate_close(gate);
  ioloop_stream_set_gate(gated.stream, gate);
  CHECK_OK(ioloop_stream_read(gated.stream, on_timed_data, &gated));
  client_send(gated.peer, "held", 4);
  CHECK_OK(ioloop_stream_read(ended.stream, on_timed_data, &ended));
  CHECK_SYS(shutdown(ended.peer, SHUT_WR));
  CHECK_OK(ioloop_stream_read(off.stream, on_timed_data, &off));
  CHECK_OK(ioloop_stream_set_read_timeout(off.stream, 0));
  CHECK_OK(ioloop_stream_read(slow.stream, on_timed_data, &slow));
  for (uint64_t end = tap_now() + MS(100); tap_now() < end;)
    CHECK_OK(ioloop_run_once(loop, MS(5)));
  CHECK(idle.stream);
  CHECK(gated.stream);
  CHECK(ended.stream);
  CHECK(off.stream);
  CHECK(slow.stream);
  CHECK_IS(ended.ends, ==, 1);
  idle.begun = tap_now(); /* from the start of a read */
  CHECK_OK(ioloop_stream_read(idle.stream, on_timed_data, &idle));
  check_timed_out(&idle, loop, MS(20));
  gated.begun = tap_now();
  ioloop_gate_open(gate);
  check_timed_out(&gated, loop, MS(20));
  CHECK_IS(gated.received, ==, 4);
  struct timed *all[] = {&idle, &gated, &ended, &off, &slow};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    timed_close(all[i]);
  ioloop_gate_free(gate);
  test_loop_free(loop);
}
