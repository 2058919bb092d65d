/* SPDX-License-Identifier: MIT */
/* stream_couple_ends.c - conformance 605: how couples end, and what is no couple. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "echo.h"
#include "sides.h"

static void on_side_data(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  (void)stream, (void)data;
  ((struct side *)arg)->reads += size;
}

static void side_open(struct side *side, struct ioloop *loop) {
  int pair[2];
  make_pair(TCP, pair);
  side_make(side, loop, pair[0], pair[1]);
}

static void couple_open(struct side sides[2], struct ioloop *loop) {
  side_open(&sides[0], loop);
  side_open(&sides[1], loop);
  CHECK_OK(ioloop_stream_couple(sides[0].stream, sides[1].stream));
  CHECK_OK(ioloop_stream_couple(sides[1].stream, sides[0].stream));
}

TEST(605, "a reset of one stream ends both, with the error") {
  struct ioloop *loop = test_loop_new();
  for (int i = 0; i < 2; i++) {
    struct side sides[2];
    couple_open(sides, loop);
    run_turns(loop, 3);
    client_reset(sides[i].peer);
    sides[i].peer = -1;
    RUN_UNTIL(loop, sides[0].closed && sides[1].closed);
    CHECK_IS(sides[0].error, ==, -ECONNRESET);
    CHECK_IS(sides[1].error, ==, -ECONNRESET);
    side_close(&sides[0]);
    side_close(&sides[1]);
  }
  test_loop_free(loop);
}

TEST(605, "a connection that is refused ends the stream that it is coupled with") {
  struct ioloop *loop = test_loop_new();
  struct side sides[2];
  struct sockaddr_in address = loopback_address(1);
  side_open(&sides[0], loop);
  sides[1] = (struct side){.peer = -1};
  CHECK_OK(ioloop_stream_connect(loop, (struct sockaddr *)&address, sizeof address, NULL,
                                 on_side_closed, &sides[1], &sides[1].stream));
  CHECK_OK(ioloop_stream_couple(sides[0].stream, sides[1].stream));
  CHECK_OK(ioloop_stream_couple(sides[1].stream, sides[0].stream));
  client_send(sides[0].peer, "early", 5);
  RUN_UNTIL(loop, sides[0].closed && sides[1].closed);
  CHECK_IS(sides[0].error, ==, -ECONNREFUSED);
  CHECK_IS(sides[1].error, ==, -ECONNREFUSED);
  side_close(&sides[0]);
  side_close(&sides[1]);
  test_loop_free(loop);
}

TEST(605, "a stream that the program closes ends the other one, by the loop and with 0") {
  struct ioloop *loop = test_loop_new();
  for (int i = 0; i < 4; i++) {
    struct side sides[2];
    couple_open(sides, loop);
    client_send(sides[i % 2].peer, "unread", 6); /* and not even read */
    sides[1 - i % 2].inside = true;
    if (i < 2)
      ioloop_stream_close(sides[i].stream);
    else
      ioloop_stream_close_when_sent(sides[i % 2].stream);
    CHECK_IS(sides[1 - i % 2].closed, ==, 0);
    sides[1 - i % 2].inside = false;
    RUN_UNTIL(loop, sides[0].closed && sides[1].closed);
    CHECK_IS(sides[0].error, ==, 0);
    CHECK_IS(sides[1].error, ==, 0);
    side_close(&sides[0]);
    side_close(&sides[1]);
  }
  test_loop_free(loop);
}

TEST(605, "bytes on their way to a sink arrive, though its source is closed after its end") {
  struct ioloop *loop = test_loop_new();
  struct side sides[2];
  char text[4];
  side_open(&sides[0], loop);
  side_open(&sides[1], loop);
  CHECK_OK(ioloop_stream_couple(sides[0].stream, sides[1].stream));
  client_send(sides[0].peer, "last", 4);
  CHECK_SYS(close(sides[0].peer));
  sides[0].peer = -1;
  CHECK_OK(ioloop_stream_shutdown(sides[0].stream)); /* so that it ends in order */
  RUN_UNTIL(loop, sides[0].closed);
  CHECK_IS(sides[0].error, ==, 0);
  run_turns(loop, 3);
  CHECK_IS(sides[1].closed, ==, 0);
  client_receive(sides[1].peer, text, 4);
  CHECK_IS(memcmp(text, "last", 4), ==, 0);
  CHECK_IS(recv(sides[1].peer, text, 1, 0), ==, 0);
  side_close(&sides[0]);
  side_close(&sides[1]);
  test_loop_free(loop);
}

TEST(605, "a source that is stopped is uncoupled, and keeps what it has not passed on") {
  struct ioloop *loop = test_loop_new();
  struct side sides[2];
  char text[5];
  couple_open(sides, loop);
  client_send(sides[0].peer, "first", 5);
  RUN_UNTIL(loop, recv(sides[1].peer, text, 5, MSG_DONTWAIT) == 5);
  ioloop_stream_read_stop(sides[0].stream);
  client_send(sides[0].peer, "second", 6);
  run_turns(loop, 3);
  CHECK_IS(recv(sides[1].peer, text, 1, MSG_DONTWAIT), ==, -1);
  CHECK_OK(ioloop_stream_read(sides[0].stream, on_side_data, &sides[0]));
  RUN_UNTIL(loop, sides[0].reads == 6);
  ioloop_stream_read_stop(sides[1].stream);
  ioloop_stream_close(sides[1].stream);
  run_turns(loop, 3);
  CHECK_IS(sides[0].closed, ==, 0);
  ioloop_stream_read_stop(sides[0].stream);
  side_close(&sides[0]);
  side_close(&sides[1]);
  test_loop_free(loop);
}

TEST(605, "streams that cannot be coupled") {
  struct ioloop *loop = test_loop_new();
  struct side sides[3];
  struct ioloop_stream *in, *out;
  int pair[2];
  make_pair(PIPE, pair);
  CHECK_OK(ioloop_stream_new(loop, pair[0], &in));
  CHECK_OK(ioloop_stream_new(loop, pair[1], &out));
  for (int i = 0; i < 3; i++)
    side_open(&sides[i], loop);
  CHECK_ERROR(ioloop_stream_couple(out, sides[0].stream), EBADF);
  CHECK_ERROR(ioloop_stream_couple(sides[0].stream, in), EBADF);
  CHECK_OK(ioloop_stream_read(sides[0].stream, on_side_data, &sides[0]));
  CHECK_ERROR(ioloop_stream_couple(sides[0].stream, sides[1].stream), EALREADY);
  ioloop_stream_read_stop(sides[0].stream);
  CHECK_OK(ioloop_stream_couple(sides[0].stream, sides[1].stream));
  CHECK_ERROR(ioloop_stream_couple(sides[0].stream, sides[2].stream), EALREADY);
  CHECK_ERROR(ioloop_stream_couple(sides[2].stream, sides[1].stream), EALREADY);
  CHECK_ERROR(ioloop_stream_read(sides[0].stream, on_side_data, &sides[0]), EALREADY);
  CHECK_OK(ioloop_stream_shutdown(sides[0].stream));
  CHECK_ERROR(ioloop_stream_couple(sides[2].stream, sides[0].stream), EPIPE);
  ioloop_stream_close(in);
  ioloop_stream_close(out);
  ioloop_stream_read_stop(sides[0].stream);
  for (int i = 0; i < 3; i++)
    side_close(&sides[i]);
  test_loop_free(loop);
}
