/* SPDX-License-Identifier: MIT */
/* stream_life.c - 74 to 77: connecting, closing anywhere, gates, and streams that are not
 * sockets. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo.h"
#include "kinds.h"

/* ---- 74: connecting ------------------------------------------------------------------------- */

struct dialer {
  unsigned connected, closed, ended;
  int error;
  size_t received;
  bool inside;
};

static void on_dialer_connected(struct ioloop_stream *stream, void *arg) {
  struct dialer *dialer = arg;
  CHECK(ioloop_stream_fd(stream) >= 0);
  CHECK(!dialer->inside);
  dialer->connected++;
}

static void on_dialer_closed(struct ioloop_stream *stream, int error, void *arg) {
  struct dialer *dialer = arg;
  (void)stream;
  CHECK(!dialer->inside);
  dialer->closed++;
  dialer->error = error;
}

static void on_dialer_data(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  struct dialer *dialer = arg;
  (void)stream;
  check_pattern(data, size, dialer->received);
  dialer->received += size;
  dialer->ended += size == 0;
}

static struct ioloop_stream *dial(struct dialer *dialer, struct ioloop *loop, uint16_t port) {
  struct sockaddr_in address = loopback_address(port);
  struct ioloop_stream *stream;
  *dialer = (struct dialer){.inside = true};
  CHECK_OK(ioloop_stream_connect(loop, (struct sockaddr *)&address, sizeof address,
                                 on_dialer_connected, on_dialer_closed, dialer, &stream));
  dialer->inside = false;
  return stream;
}

TEST(74, "data written and half-closed before the connection is made arrives") {
  static char data[500000];
  struct ioloop *loop = test_loop_new();
  struct echo echo;
  struct dialer dialer;
  echo_open(&echo, loop, NULL);
  fill_pattern(data, sizeof data, 0);
  struct ioloop_stream *stream = dial(&dialer, loop, echo.port);
  CHECK_OK(ioloop_stream_write(stream, data, 100));
  CHECK_OK(ioloop_stream_write(stream, data + 100, sizeof data - 100));
  CHECK_OK(ioloop_stream_read(stream, on_dialer_data, &dialer));
  CHECK_OK(ioloop_stream_shutdown(stream));
  CHECK_IS(ioloop_stream_pending(stream), ==, sizeof data);
  RUN_UNTIL(loop, dialer.closed);
  CHECK_IS(dialer.connected, ==, 1);
  CHECK_IS(dialer.received, ==, sizeof data);
  CHECK_IS(dialer.ended, ==, 1);
  CHECK_IS(dialer.error, ==, 0);
  RUN_UNTIL(loop, echo.closed == 1);
  CHECK_IS(echo.error, ==, 0);
  echo_close(&echo);
  test_loop_free(loop);
}

TEST(74, "a read and a write begun before the connection is made are served when it is") {
  char data[100];
  struct ioloop *loop = test_loop_new();
  struct echo echo;
  struct dialer dialer;
  echo_open(&echo, loop, NULL);
  fill_pattern(data, sizeof data, 0);
  struct ioloop_stream *stream = dial(&dialer, loop, echo.port);
  CHECK_OK(ioloop_stream_read(stream, on_dialer_data, &dialer));
  CHECK_OK(ioloop_stream_write(stream, data, sizeof data));
  RUN_UNTIL(loop, dialer.received == sizeof data);
  ioloop_stream_close(stream);
  RUN_UNTIL(loop, echo.closed == 1);
  echo_close(&echo);
  test_loop_free(loop);
}

TEST(74, "a refused connection is reported by the close callback") {
  struct ioloop *loop = test_loop_new();
  struct dialer dialer;
  int listener;
  uint16_t port;
  make_tcp_listener(&listener, &port);
  CHECK_SYS(close(listener));
  struct ioloop_stream *stream = dial(&dialer, loop, port);
  CHECK_OK(ioloop_stream_write(stream, "lost", 4));
  RUN_UNTIL(loop, dialer.closed);
  CHECK_IS(dialer.error, ==, -ECONNREFUSED);
  CHECK_IS(dialer.connected, ==, 0);
  test_loop_free(loop);
}

TEST(74, "an address that cannot be reached is reported by the close callback") {
  struct ioloop *loop = test_loop_new();
  struct dialer dialer = {.inside = true};
  struct ioloop_stream *stream;
  struct sockaddr_storage address = {.ss_family = AF_UNIX};
  strcpy(((struct sockaddr *)&address)->sa_data, "/nonexistent/socket");
  CHECK_OK(ioloop_stream_connect(loop, (struct sockaddr *)&address, 2 + 20, on_dialer_connected,
                                 on_dialer_closed, &dialer, &stream));
  dialer.inside = false;
  RUN_UNTIL(loop, dialer.closed);
  CHECK_IS(dialer.error, ==, -ENOENT);
  test_loop_free(loop);
}

TEST(74, "a stream may be closed while it connects") {
  struct ioloop *loop = test_loop_new();
  struct echo echo;
  struct dialer dialer;
  echo_open(&echo, loop, NULL);
  ioloop_stream_close(dial(&dialer, loop, echo.port));
  CHECK_IS(dialer.closed, ==, 1);
  ioloop_stream_close_when_sent(dial(&dialer, loop, echo.port));
  CHECK_IS(dialer.closed, ==, 0);
  RUN_UNTIL(loop, dialer.closed == 1);
  struct ioloop_stream *stream = dial(&dialer, loop, echo.port);
  CHECK_OK(ioloop_stream_write(stream, "all of it", 9));
  ioloop_stream_close_when_sent(stream);
  RUN_UNTIL(loop, dialer.closed == 1 && echo.received == 9);
  RUN_UNTIL(loop, echo.opened == 3 && echo.closed == 3);
  echo_close(&echo);
  test_loop_free(loop);
}

/* ---- 75: closing anywhere ------------------------------------------------------------------- */

enum place {
  IN_DATA,
  IN_END,
  IN_FRAME,
  IN_DRAIN,
  AFTER_FAILED_WRITE,
  IN_CLOSE,
  PLACES
};

struct closer {
  enum place place;
  unsigned closed, calls;
};

static void on_closer_closed(struct ioloop_stream *stream, int error, void *arg) {
  struct closer *closer = arg;
  (void)error;
  closer->closed++;
  if (closer->place == IN_CLOSE)
    ioloop_stream_close(stream);
}

static void on_closer_data(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  struct closer *closer = arg;
  char copy[100];
  closer->calls++;
  if ((closer->place == IN_END) != (size == 0))
    return;
  ioloop_stream_close(stream);
  CHECK_IS(closer->closed, ==, 1);
  ioloop_stream_close(stream); /* the second call has no effect */
  memcpy(copy, data, size);
  CHECK(size == 0 || copy[0] == 'd'); /* the data remains valid during the callback */
  CHECK_ERROR(ioloop_stream_write(stream, "x", 1), EPIPE);
  CHECK_ERROR(ioloop_stream_read(stream, on_closer_data, arg), EPIPE);
}

static void on_closer_drained(struct ioloop_stream *stream, void *arg) {
  (void)arg;
  ioloop_stream_close(stream);
}

static void start_closing(struct ioloop_stream *stream, struct closer *closer, int peer) {
  static const char data[400000];
  if (closer->place == IN_FRAME)
    CHECK_OK(ioloop_stream_read_until(stream, "\n", 1, 100, on_closer_data, closer));
  else
    CHECK_OK(ioloop_stream_read(stream, on_closer_data, closer));
  if (closer->place == IN_DRAIN) {
    CHECK_OK(ioloop_stream_set_drain_callback(stream, on_closer_drained, closer));
    CHECK_OK(ioloop_stream_write(stream, data, sizeof data));
  }
  client_send(peer, "data\ndata\n", 10);
  if (closer->place == IN_END)
    CHECK_SYS(shutdown(peer, SHUT_WR));
}

TEST(75, "a stream may be closed in each of its callbacks") {
  struct ioloop *loop = test_loop_new();
  for (enum place place = 0; place < PLACES; place++) {
    struct closer closer = {.place = place};
    struct ioloop_stream *stream;
    int pair[2];
    make_pair(UNIX_STREAM, pair);
    CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
    ioloop_stream_set_close_callback(stream, on_closer_closed, &closer);
    start_closing(stream, &closer, pair[1]);
    if (place == AFTER_FAILED_WRITE) {
      CHECK_SYS(close(pair[1]));
      CHECK_OK(ioloop_stream_write(stream, "x", 1)); /* fails; the end caused by it is deferred */
      ioloop_stream_close(stream);
    } else if (place == IN_CLOSE) {
      ioloop_stream_close(stream);
    } else if (place == IN_DRAIN) {
      run_turns(loop, 2);
      while (!closer.closed && drain(pair[1]))
        run_turns(loop, 1);
    }
    RUN_UNTIL(loop, closer.closed);
    run_turns(loop, 3);
    CHECK_IS(closer.closed, ==, 1);
    if (place != AFTER_FAILED_WRITE)
      CHECK_SYS(close(pair[1]));
  }
  test_loop_free(loop);
}

TEST(75, "a failed write is reported by the close callback, never from inside the write") {
  struct ioloop *loop = test_loop_new();
  struct dialer dialer = {0};
  struct ioloop_stream *stream;
  int pair[2];
  make_pair(UNIX_STREAM, pair);
  CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
  ioloop_stream_set_close_callback(stream, on_dialer_closed, &dialer);
  CHECK_SYS(close(pair[1]));
  dialer.inside = true;
  CHECK_OK(ioloop_stream_write(stream, "x", 1));
  CHECK_OK(ioloop_stream_write(stream, "y", 1));
  dialer.inside = false;
  RUN_UNTIL(loop, dialer.closed);
  CHECK_IS(dialer.error, ==, -EPIPE);
  test_loop_free(loop);
}

/* ---- 76: gates ------------------------------------------------------------------------------ */

TEST(76, "a closed gate stops reading, costs nothing, and loses nothing") {
  enum {
    COUNT = 10
  };
  struct ioloop *loop = test_loop_new();
  struct ioloop_gate *gate;
  struct dialer dialers[COUNT] = {0};
  struct ioloop_stream *streams[COUNT];
  int pairs[COUNT][2];
  CHECK_OK(ioloop_gate_new(&gate));
  for (int i = 0; i < COUNT; i++) {
    make_pair(i % 2 ? TCP : UNIX_STREAM, pairs[i]);
    CHECK_OK(ioloop_stream_new(loop, pairs[i][0], &streams[i]));
    ioloop_stream_set_close_callback(streams[i], on_dialer_closed, &dialers[i]);
    ioloop_stream_set_gate(streams[i], gate);
    CHECK_OK(ioloop_stream_read(streams[i], on_dialer_data, &dialers[i]));
  }
  ioloop_gate_close(gate);
  CHECK(!ioloop_gate_is_open(gate));
  char byte = pattern(0);
  for (int i = 0; i < 6; i++)
    client_send(pairs[i][1], &byte, 1);
  CHECK_SYS(close(pairs[3][1])); /* hangs up; that must not cause spinning either */
  CHECK_NO_SPIN(loop, MS(50));
  for (int i = 0; i < COUNT; i++)
    CHECK_IS(dialers[i].received, ==, 0);
  ioloop_stream_close(streams[0]);          /* held */
  ioloop_stream_close(streams[9]);          /* not held */
  ioloop_stream_set_gate(streams[1], NULL); /* detached: continues */
  RUN_UNTIL(loop, dialers[1].received == 1);
  CHECK_IS(dialers[2].received, ==, 0);
  ioloop_gate_open(gate);
  RUN_UNTIL(loop, dialers[2].received && dialers[3].ended && dialers[4].received);
  ioloop_gate_close(gate);
  client_send(pairs[6][1], &byte, 1);
  run_turns(loop, 3);
  ioloop_gate_free(gate); /* releases all */
  RUN_UNTIL(loop, dialers[6].received == 1);
  for (int i = 0; i < COUNT; i++) {
    if (i != 0 && i != 9)
      ioloop_stream_close(streams[i]);
    if (i != 3)
      CHECK_SYS(close(pairs[i][1]));
    CHECK_IS(dialers[i].closed, ==, 1);
  }
  test_loop_free(loop);
}

struct gated {
  struct ioloop_gate *gate;
  unsigned calls;
};

static void on_gated_frame(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  struct gated *gated = arg;
  (void)data;
  CHECK_IS(size, ==, 2);
  gated->calls++;
  ioloop_gate_close(gated->gate);
  CHECK_OK(ioloop_stream_read_bytes(stream, 2, on_gated_frame, arg));
}

TEST(76, "a gate also stops data that is already buffered") {
  struct ioloop *loop = test_loop_new();
  struct gated gated = {0};
  struct ioloop_stream *stream;
  int pair[2];
  make_pair(UNIX_STREAM, pair);
  CHECK_OK(ioloop_gate_new(&gated.gate));
  CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
  ioloop_stream_set_gate(stream, gated.gate);
  CHECK_OK(ioloop_stream_read_bytes(stream, 2, on_gated_frame, &gated));
  client_send(pair[1], "aabbcc", 6);
  for (unsigned i = 1; i <= 3; i++) {
    RUN_UNTIL(loop, gated.calls == i);
    run_turns(loop, 2);
    CHECK_QUIET(loop, MS(5));
    CHECK_IS(gated.calls, ==, i);
    ioloop_gate_open(gated.gate);
  }
  ioloop_stream_close(stream);
  ioloop_gate_free(gated.gate);
  CHECK_SYS(close(pair[1]));
  test_loop_free(loop);
}

/* ---- 77: pipes and ptys --------------------------------------------------------------------- */

static void on_copied(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  struct ioloop_stream *out = arg;
  (void)stream;
  if (size)
    CHECK_OK(ioloop_stream_write(out, data, size));
  else
    ioloop_stream_close_when_sent(out);
}

TEST(77, "streams over pipes: every byte, the end, and no SIGPIPE") {
  static char data[300000];
  size_t size = sizeof data, written = 0, received = 0;
  struct ioloop *loop = test_loop_new();
  struct dialer in = {0}, out = {0};
  struct ioloop_stream *reader, *writer;
  int from[2], to[2];
  make_pair(PIPE, from);
  make_pair(PIPE, to);
  fill_pattern(data, size, 0);
  CHECK_OK(ioloop_stream_new(loop, from[0], &reader));
  CHECK_OK(ioloop_stream_new(loop, to[1], &writer));
  ioloop_stream_set_close_callback(reader, on_dialer_closed, &in);
  ioloop_stream_set_close_callback(writer, on_dialer_closed, &out);
  CHECK_ERROR(ioloop_stream_shutdown(writer), ENOTSOCK);
  CHECK_OK(ioloop_stream_read(reader, on_copied, writer));
  while (received < size) {
    static char back[5000];
    ssize_t n = written < size ? write(from[1], data + written, size - written) : 0;
    written += n > 0 ? (size_t)n : 0;
    run_turns(loop, 1);
    n = read(to[0], back, sizeof back);
    check_pattern(back, n > 0 ? (size_t)n : 0, received);
    received += n > 0 ? (size_t)n : 0;
  }
  CHECK_SYS(close(from[1]));
  RUN_UNTIL(loop, out.closed);
  CHECK_IS(out.error, ==, 0);
  CHECK_IS(read(to[0], data, 1), ==, 0);
  CHECK_SYS(close(to[0]));
  ioloop_stream_close(reader);

  make_pair(PIPE, to);
  CHECK_OK(ioloop_stream_new(loop, to[1], &writer));
  ioloop_stream_set_close_callback(writer, on_dialer_closed, &out);
  CHECK_SYS(close(to[0]));
  CHECK_OK(
      ioloop_stream_write(writer, "x", 1)); /* the default action of SIGPIPE would end the test */
  RUN_UNTIL(loop, out.closed == 2);
  CHECK_IS(out.error, ==, -EPIPE);
  sigset_t pending;
  CHECK_SYS(sigpending(&pending));
  CHECK(!sigismember(&pending, SIGPIPE));
  test_loop_free(loop);
}

TEST(77, "a stream over a pty: its hang-up is an end") {
  struct ioloop *loop = test_loop_new();
  struct dialer dialer = {0};
  struct ioloop_stream *stream;
  int master, slave;
  open_pty(&master, &slave);
  CHECK_OK(ioloop_stream_new(loop, master, &stream));
  ioloop_stream_set_close_callback(stream, on_dialer_closed, &dialer);
  char text[2] = {pattern(0), pattern(1)};
  CHECK_OK(ioloop_stream_read(stream, on_dialer_data, &dialer));
  CHECK_IS(write(slave, text, 2), ==, 2);
  RUN_UNTIL(loop, dialer.received == 2);
  CHECK_SYS(close(slave));
  RUN_UNTIL(loop, dialer.ended);
  CHECK_QUIET(loop, MS(20));
  ioloop_stream_close(stream);
  test_loop_free(loop);
}

TEST(77, "what cannot be watched cannot be a stream, and stays the caller's") {
  struct ioloop *loop = test_loop_new();
  struct ioloop_stream *stream;
  FILE *file = tmpfile();
  CHECK(file);
  CHECK_ERROR(ioloop_stream_new(loop, fileno(file), &stream), EPERM);
  CHECK_IS(fclose(file), ==, 0);
  CHECK_ERROR(ioloop_stream_new(loop, -1, &stream), EBADF);
  test_loop_free(loop);
}
