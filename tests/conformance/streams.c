/* SPDX-License-Identifier: MIT */
/* streams.c - conformance 66, 67, 70 and 71: every byte once, in order, in bounded memory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo.h"

/* ---- 66: order ------------------------------------------------------------------------------ */

struct writer {
  unsigned drained, closed;
  int error;
};

static void on_writer_drained(struct ioloop_stream *stream, void *arg) {
  CHECK_IS(ioloop_stream_pending(stream), ==, 0);
  ((struct writer *)arg)->drained++;
}

static void on_writer_closed(struct ioloop_stream *stream, int error, void *arg) {
  struct writer *writer = arg;
  (void)stream;
  writer->closed++;
  writer->error = error;
}

static uint64_t write_pieces(struct ioloop_stream *stream, uint64_t at, uint64_t size) {
  static char data[10000];
  while (at < size) {
    size_t piece = (size_t)tap_random_below(sizeof data) + 1;
    piece = piece < size - at ? piece : (size_t)(size - at);
    fill_pattern(data, piece, at);
    CHECK_OK(ioloop_stream_write(stream, data, piece));
    at += piece;
  }
  return at;
}

/* `least`, and more until the buffers of both sockets are full: they hold far less than 2 MB. */
static uint64_t write_past_buffers(struct ioloop_stream *stream, uint64_t least) {
  uint64_t size = write_pieces(stream, 0, least);
  while (ioloop_stream_pending(stream) == 0 && size < 2000000)
    size = write_pieces(stream, size, size + 50000);
  return size;
}

/* The reader takes a little per iteration of the loop. */
static void read_slowly(struct ioloop *loop, int fd, uint64_t size) {
  static char data[5000];
  for (uint64_t at = 0; at < size;) {
    size_t piece = (size_t)tap_random_below(sizeof data) + 1;
    ssize_t got = recv(fd, data, piece, MSG_DONTWAIT);
    CHECK(got > 0 || errno == EAGAIN);
    if (got > 0) {
      check_pattern(data, (size_t)got, at);
      at += (uint64_t)got;
    }
    if (got < 0 || at % 8 == 0)
      CHECK_OK(ioloop_run_once(loop, got < 0 ? MS(100) : 0));
  }
}

static void write_to_slow_reader(enum kind kind, bool close_after) {
  struct ioloop *loop = test_loop_new();
  struct ioloop_stream *stream;
  struct writer writer = {0};
  int pair[2];
  make_pair(kind, pair);
  set_buffers(pair[0], 50000); /* much smaller ones wait for TCP's window probes */
  set_buffers(pair[1], 50000);
  CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
  CHECK_OK(ioloop_stream_set_drain_callback(stream, on_writer_drained, &writer));
  ioloop_stream_set_close_callback(stream, on_writer_closed, &writer);
  uint64_t size = write_past_buffers(stream, tap_count(2000000));
  CHECK_IS(ioloop_stream_pending(stream), >, 0);
  if (close_after)
    ioloop_stream_close_when_sent(stream);
  read_slowly(loop, pair[1], size);
  RUN_UNTIL(loop, writer.drained);
  CHECK_IS(writer.drained, ==, 1);
  if (close_after)
    RUN_UNTIL(loop, writer.closed);
  else
    ioloop_stream_close(stream);
  CHECK_IS(writer.error, ==, 0);
  CHECK_IS(drain(pair[1]), ==, 0);
  CHECK_SYS(close(pair[1]));
  test_loop_free(loop);
}

TEST(66, "writes arrive in order, each byte once, with a slow reader: TCP") {
  write_to_slow_reader(TCP, false);
}

TEST(66, "writes arrive in order, each byte once, with a slow reader: AF_UNIX") {
  write_to_slow_reader(UNIX_STREAM, false);
}

TEST(66, "closing when sent sends all of it first") {
  write_to_slow_reader(TCP, true);
}

/* Send the pattern until neither we nor the server can make progress. */

/* Send the pattern until neither we nor the server can make progress. */
static uint64_t choke(struct ioloop *loop, int client) {
  static char data[32768];
  uint64_t sent = 0;
  for (unsigned stuck = 0; stuck < 20;) {
    fill_pattern(data, sizeof data, sent);
    ssize_t n = send(client, data, sizeof data, MSG_DONTWAIT | MSG_NOSIGNAL);
    stuck = n > 0 ? 0 : stuck + 1;
    sent += n > 0 ? (uint64_t)n : 0;
    CHECK_OK(ioloop_run_once(loop, stuck ? MS(2) : 0));
  }
  return sent;
}

TEST(67, "a peer that does not read its echo is not read from, and loses nothing") {
  const size_t high = 256 * 1024, one_read = 64 * 1024;
  struct ioloop *loop = test_loop_new();
  struct echo echo;
  echo_open(&echo, loop, NULL);
  int client = client_connect(echo.port);
  set_buffers(client, 20000);
  uint64_t sent = choke(loop, client);
  CHECK_IS(echo.pending_max, >, high);
  CHECK_IS(echo.pending_max, <=, high + one_read);
  uint64_t received = echo.received;
  CHECK_NO_SPIN(loop, MS(100));
  CHECK_IS(echo.received, ==, received);

  int other = client_connect(echo.port);
  ping(loop, other);
  CHECK_SYS(close(other));
  CHECK_SYS(shutdown(client, SHUT_WR));
  read_slowly(loop, client, sent);
  RUN_UNTIL(loop, echo.closed == 2);
  CHECK_IS(echo.error, ==, 0);
  CHECK_IS(recv(client, &(char){0}, 1, 0), ==, 0);
  CHECK_SYS(close(client));
  echo_close(&echo);
  test_loop_free(loop);
}

/* ---- 70: volume -------------------------------------------------------------------------------
 */

static void transfer(struct bulk *bulks, size_t count, uint64_t size) {
  struct ioloop *loop = test_loop_new();
  struct echo echo;
  echo_open(&echo, loop, NULL);
  for (size_t i = 0; i < count; i++) {
    bulks[i].port = echo.port;
    bulks[i].size = size;
    bulk_begin(&bulks[i]);
  }
  RUN_UNTIL(loop, echo.closed == count);
  for (size_t i = 0; i < count; i++) {
    bulk_join(&bulks[i]);
    CHECK_IS(bulks[i].received, ==, size);
  }
  CHECK_IS(echo.received, ==, count * size);
  CHECK_IS(echo.error, ==, 0);
  echo_close(&echo);
  test_loop_free(loop);
}

TEST(70, "10 MB through TCP, byte-exact, with random read and write sizes") {
  struct bulk bulk = {.piece = 65536};
  transfer(&bulk, 1, tap_count(10 * 1000 * 1000));
}

TEST(70, "small random pieces, many at once, some slow, byte-exact") {
  struct bulk bulks[8];
  for (size_t i = 0; i < 8; i++)
    bulks[i] = (struct bulk){.piece = (size_t)1 << (2 * i + 1), .pause_us = i % 3 == 2 ? 100 : 0};
  transfer(bulks, 8, tap_count(100000));
}

/* ---- 71: resets -------------------------------------------------------------------------------
 */

TEST(71, "a peer that resets in the middle of a write ends the stream once, with the error") {
  struct ioloop *loop = test_loop_new();
  for (unsigned round = 0; round < 20; round++) {
    struct writer writer = {0};
    struct ioloop_stream *stream;
    int pair[2];
    make_pair(TCP, pair);
    CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
    ioloop_stream_set_close_callback(stream, on_writer_closed, &writer);
    CHECK_OK(ioloop_stream_set_drain_callback(stream, on_writer_drained, &writer));
    write_pieces(stream, 0, 8000000);
    CHECK_IS(ioloop_stream_pending(stream), >, 0);
    run_turns(loop, (int)(round % 4));
    client_reset(pair[1]);
    if (round % 2) {
      CHECK_OK(ioloop_stream_write(stream, "more", 4));
      CHECK_IS(writer.closed, ==, 0);
    }
    RUN_UNTIL(loop, writer.closed);
    CHECK(writer.error == -ECONNRESET || writer.error == -EPIPE);
    CHECK_IS(writer.drained, ==, 0);
    run_turns(loop, 3);
    CHECK_IS(writer.closed, ==, 1);
  }
  test_loop_free(loop);
}

struct echoer {
  size_t received;
  unsigned reads, ended;
  struct writer end;
};

static void on_echoer_data(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  struct echoer *echoer = arg;
  echoer->reads++;
  check_pattern(data, size, echoer->received);
  echoer->received += size;
  echoer->ended += size == 0;
  CHECK_OK(ioloop_stream_write(stream, data, size));
}

TEST(71, "data that a peer sent before it closed is read, though its echo cannot be sent") {
  enum {
    SIZE = 150000
  };
  static char data[SIZE];
  struct ioloop *loop = test_loop_new();
  struct echoer echoer = {0};
  struct ioloop_stream *stream;
  int pair[2], arrived = 0;
  fill_pattern(data, SIZE, 0);
  make_pair(TCP, pair);
  set_buffers(pair[0], 4 * SIZE);
  set_buffers(pair[1], 4 * SIZE);
  CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
  ioloop_stream_set_close_callback(stream, on_writer_closed, &echoer.end);
  client_send(pair[1], data, SIZE);
  while (arrived < SIZE) /* within the kernel: there is nothing for the loop to wait for */
    CHECK_SYS(ioctl(pair[0], FIONREAD, &arrived));
  CHECK_SYS(close(pair[1])); /* its kernel responds to the first echo with a reset */

  CHECK_OK(ioloop_stream_read(stream, on_echoer_data, &echoer));
  RUN_UNTIL(loop, echoer.end.closed || echoer.ended);
  CHECK_IS(echoer.reads, >, 1);
  CHECK_IS(echoer.received, ==, SIZE);
  /* It is an error, not an orderly end, unless all was received before the first echo was sent, as
   * when one send echoes everything. Then the next write reports it. */
  if (!(ioloop_backend_features(loop) & IOLOOP_F_COMPLETION))
    CHECK_IS(echoer.ended, ==, 0);
  while (!echoer.end.closed) {
    CHECK_OK(ioloop_stream_write(stream, "x", 1));
    CHECK_OK(ioloop_run_once(loop, MS(10)));
  }
  CHECK(echoer.end.error == -ECONNRESET || echoer.end.error == -EPIPE);
  test_loop_free(loop);
}
