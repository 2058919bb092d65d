/* SPDX-License-Identifier: MIT */
/*
 * stream_trouble_linux.c - conformance 92 and 96: sends and receives for which the kernel lacks a
 * resource, and sends that fail permanently while the peer is still there.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo.h"
#include "failing.h"

static struct ioloop *loop_that_calls(void) {
  struct ioloop *loop = test_loop_new();
  if (ioloop_backend_features(loop) & IOLOOP_F_COMPLETION) {
    test_loop_free(loop);
    SKIP("the streams make no calls that a test can make fail; see unit completion");
  }
  return loop;
}

static void echo_once(struct ioloop *loop, struct echo *echo, int count, int error) {
  char back[6] = "";
  NOTE("%s", strerror(error));
  int client = client_connect(echo->port);
  unsigned opened = echo->opened;
  RUN_UNTIL(loop, echo->opened == opened + 1);
  client_send(client, "hello\n", 6);
  failing_next(FAILING_SENDS, count, error);
  RUN_UNTIL(loop, failing_count(FAILING_SENDS) == count);
  CHECK_IS(receive_within(loop, client, back, sizeof back), ==, sizeof back);
  CHECK(memcmp(back, "hello\n", sizeof back) == 0);
  unsigned closed = echo->closed;
  CHECK_SYS(close(client));
  RUN_UNTIL(loop, echo->closed == closed + 1);
  CHECK_IS(echo->error, ==, 0);
}

TEST(92, "a send for which the kernel has no memory is made again") {
  struct ioloop *loop = loop_that_calls();
  struct echo echo;
  echo_open(&echo, loop, NULL);
  for (int count = 1; count <= 4; count++) {
    echo_once(loop, &echo, count, ENOBUFS);
    echo_once(loop, &echo, count, ENOMEM);
  }
  echo_close(&echo);
  test_loop_free(loop);
}

TEST(92, "a receive for which the kernel has no memory is made again") {
  struct ioloop *loop = loop_that_calls();
  struct echo echo;
  char back[2];
  echo_open(&echo, loop, NULL);
  int client = client_connect(echo.port);
  RUN_UNTIL(loop, echo.opened);
  for (int count = 1; count <= 4; count++) {
    client_send(client, "ab", 2);
    failing_next(FAILING_RECEIVES, count, count % 2 ? ENOMEM : ENOBUFS);
    RUN_UNTIL(loop, echo.received == 2 * (uint64_t)count);
    CHECK_IS(failing_count(FAILING_RECEIVES), ==, count);
    failing_next(FAILING_RECEIVES, 0, 0);
    CHECK_IS(receive_within(loop, client, back, 2), ==, 2);
  }
  CHECK_SYS(close(client));
  RUN_UNTIL(loop, echo.closed);
  echo_close(&echo);
  test_loop_free(loop);
}

static void fail_to_send(struct ioloop *loop, int count, int error) {
  struct echo echo;
  char byte;
  echo_open(&echo, loop, NULL);
  int client = client_connect(echo.port);
  RUN_UNTIL(loop, echo.opened);
  client_send(client, "first", 5);
  client_send(client, " more", 5);
  uint64_t turns = metrics_of(loop).iterations;
  failing_next(FAILING_SENDS, count, error);
  RUN_UNTIL(loop, echo.closed);
  if (!presumes_readiness())
    CHECK_IS(metrics_of(loop).iterations - turns, <, 100);
  CHECK_IS(echo.error, ==, -error);
  CHECK_IS(echo.received, ==, 10);
  CHECK_IS(echo.ended, ==, 0);
  CHECK_IS(recv(client, &byte, 1, 0), ==, 0); /* it need not wait for a reply */
  CHECK_SYS(close(client));
  failing_next(FAILING_SENDS, 0, 0);
  echo_close(&echo);
  test_loop_free(loop);
}

TEST(92, "a send that fails for good ends the stream when what has come is read") {
  fail_to_send(loop_that_calls(), 1, EHOSTUNREACH);
}

TEST(92, "a lasting lack of memory for sends ends the stream, and does not spin") {
  fail_to_send(loop_that_calls(), INT_MAX, ENOBUFS);
}

static void no_input(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  (void)stream, (void)data, (void)size, (void)arg;
}

static void note_close(struct ioloop_stream *stream, int error, void *arg) {
  (void)stream;
  *(int *)arg = error;
}

TEST(96, "where neither sends nor receives get memory they are tried side by side") {
  struct ioloop *loop = loop_that_calls();
  struct ioloop_stream *stream;
  int pair[2], error = 0;
  make_pair(TCP, pair);
  put(pair[1], 1);
  CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
  ioloop_stream_set_close_callback(stream, note_close, &error);
  failing_next(FAILING_SENDS, INT_MAX, ENOBUFS);
  failing_next(FAILING_RECEIVES, INT_MAX, ENOBUFS);
  CHECK_OK(ioloop_stream_read(stream, no_input, NULL));
  CHECK_OK(ioloop_stream_write(stream, "x", 1));
  RUN_UNTIL(loop, failing_count(FAILING_SENDS) == 8);
  CHECK_IS(failing_count(FAILING_RECEIVES), >=, 6);
  RUN_UNTIL(loop, error);
  CHECK_IS(error, ==, -ENOBUFS);
  CHECK_IS(failing_count(FAILING_SENDS), ==, 13);
  CHECK_IS(failing_count(FAILING_RECEIVES), <=, 13);
  failing_next(FAILING_SENDS, 0, 0);
  failing_next(FAILING_RECEIVES, 0, 0);
  CHECK_SYS(close(pair[1]));
  test_loop_free(loop);
}
