/* SPDX-License-Identifier: MIT */
/* refusals.c - conformance 95 and 105: descriptors, and functions, that are not what they are taken for. */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo.h"

static void no_input(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  (void)stream, (void)data, (void)size, (void)arg;
}

static void count_close(struct ioloop_stream *stream, int error, void *arg) {
  (void)stream, (void)error;
  ++*(unsigned *)arg;
}

TEST(95, "a socket that listens is no stream") {
  struct ioloop *loop = test_loop_new();
  struct ioloop_stream *stream;
  int listener;
  uint16_t port;
  make_tcp_listener(&listener, &port);
  CHECK_ERROR(ioloop_stream_new(loop, listener, &stream), EINVAL);
  CHECK_SYS(close(client_connect(port))); /* it still listens */
  CHECK_SYS(close(listener));
  test_loop_free(loop);
}

TEST(95, "an end of a pipe is refused what it was not opened for, and goes on") {
  struct ioloop *loop = test_loop_new();
  struct ioloop_stream *reader, *writer;
  unsigned closed = 0;
  int ends[2];
  char byte;
  CHECK_SYS(pipe(ends));
  CHECK_OK(ioloop_stream_new(loop, ends[0], &reader));
  CHECK_OK(ioloop_stream_new(loop, ends[1], &writer));
  ioloop_stream_set_close_callback(reader, count_close, &closed);
  ioloop_stream_set_close_callback(writer, count_close, &closed);
  CHECK_ERROR(ioloop_stream_read(writer, no_input, NULL), EBADF);
  CHECK_ERROR(ioloop_stream_read_bytes(writer, 1, no_input, NULL), EBADF);
  CHECK_ERROR(ioloop_stream_read_until(writer, "\n", 1, 10, no_input, NULL), EBADF);
  CHECK_ERROR(ioloop_stream_write(reader, "x", 1), EBADF);
  CHECK_OK(ioloop_stream_write(writer, "x", 1));
  run_turns(loop, 3);
  CHECK_IS(closed, ==, 0);
  CHECK_IS(read(ends[0], &byte, 1), ==, 1);
  ioloop_stream_close(reader);
  ioloop_stream_close(writer);
  test_loop_free(loop);
}

TEST(95, "a write of nothing makes no call: it does not notice that the peer has gone") {
  struct ioloop *loop = test_loop_new();
  struct ioloop_stream *stream;
  unsigned closed = 0;
  int pair[2];
  make_pair(UNIX_STREAM, pair);
  CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
  ioloop_stream_set_close_callback(stream, count_close, &closed);
  CHECK_SYS(close(pair[1]));
  CHECK_OK(ioloop_stream_write(stream, "", 0));
  run_turns(loop, 3);
  CHECK_IS(closed, ==, 0);
  CHECK_OK(ioloop_stream_shutdown(stream));
  CHECK_ERROR(ioloop_stream_write(stream, "", 0), EPIPE);
  ioloop_stream_close(stream);
  test_loop_free(loop);
}

static void no_connection(struct ioloop_tcpserver *server, struct ioloop_stream *stream,
                          const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  (void)server, (void)stream, (void)peer, (void)peer_size, (void)arg;
}

static void no_datagram(struct ioloop_datagram *socket, const char *data, size_t size,
                        const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  (void)socket, (void)data, (void)size, (void)peer, (void)peer_size, (void)arg;
}

static int serve(struct ioloop *loop, int fd) {
  struct ioloop_tcpserver_options options = {.size = sizeof options,
                                             .on_connection = no_connection};
  struct ioloop_tcpserver *server;
  CHECK_OK(ioloop_tcpserver_new(loop, &options, &server));
  int r = ioloop_tcpserver_add_socket(server, fd);
  ioloop_tcpserver_close(server);
  return r;
}

static int receive_from(struct ioloop *loop, int fd) {
  struct ioloop_datagram *socket;
  int r = ioloop_datagram_new(loop, fd, no_datagram, NULL, NULL, &socket);
  if (r == 0)
    ioloop_datagram_close(socket);
  return r;
}

static void check_refused(struct ioloop *loop, const int fds[2], int server, int datagram) {
  if (server)
    CHECK_ERROR(serve(loop, fds[0]), server);
  if (datagram)
    CHECK_ERROR(receive_from(loop, fds[0]), datagram);
  CHECK_IS(write(fds[1], "x", 1), ==, 1); /* it is still the caller's */
  close_pair(fds);
}

TEST(105, "a server refuses what does not listen or is no stream, a datagram socket all others") {
  struct ioloop *loop = test_loop_new();
  int pair[2];
  make_pair(TCP, pair);
  check_refused(loop, pair, EINVAL, EPROTOTYPE);
  make_pair(UNIX_STREAM, pair);
  check_refused(loop, pair, EINVAL, EPROTOTYPE);
  make_pair(UDP, pair);
  check_refused(loop, pair, EPROTOTYPE, 0);
  make_pair(UNIX_DGRAM, pair);
  check_refused(loop, pair, EPROTOTYPE, 0);
  if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0) /* macOS has none */
    check_refused(loop, pair, EPROTOTYPE, EPROTOTYPE);
  CHECK_SYS(pipe(pair));
  check_refused(loop, pair, ENOTSOCK, ENOTSOCK);
  test_loop_free(loop);
}

TEST(105, "a server refuses a socket that was never made to listen, or is closed") {
  struct ioloop *loop = test_loop_new();
  int fd = SYS(socket(AF_INET, SOCK_STREAM, 0));
  CHECK_ERROR(serve(loop, fd), EINVAL);
  CHECK_SYS(close(fd));
  CHECK_ERROR(serve(loop, fd), EBADF);
  CHECK_ERROR(receive_from(loop, fd), EBADF);
  test_loop_free(loop);
}

TEST(105, "a function that is NULL is refused where it is given, not called later") {
  struct ioloop *loop = test_loop_new();
  struct ioloop_stream *stream;
  int pair[2];
  make_pair(UNIX_STREAM, pair);
  CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
  CHECK_ERROR(ioloop_add_handler(loop, pair[1], IOLOOP_READ, NULL, NULL), EINVAL);
  CHECK_ERROR(ioloop_add_signal(loop, SIGUSR1, NULL, NULL), EINVAL);
  CHECK_ERROR(ioloop_add_callback(loop, NULL, NULL), EINVAL);
  CHECK_ERROR(ioloop_add_callback_threadsafe(loop, NULL, NULL), EINVAL);
  CHECK_ERROR(ioloop_add_callback_from_signal(loop, NULL, NULL), EINVAL);
  CHECK_ERROR(ioloop_call_later(loop, 0, NULL, NULL, NULL), EINVAL);
  CHECK_ERROR(ioloop_call_at(loop, 0, NULL, NULL, NULL), EINVAL);
  CHECK_ERROR(ioloop_call_every(loop, 1, NULL, NULL, NULL), EINVAL);
  CHECK_ERROR(ioloop_stream_read(stream, NULL, NULL), EINVAL);
  CHECK_ERROR(ioloop_stream_read_bytes(stream, 1, NULL, NULL), EINVAL);
  CHECK_ERROR(ioloop_stream_read_until(stream, "\n", 1, 10, NULL, NULL), EINVAL);
  CHECK_OK(ioloop_run_once(loop, 0));
  CHECK_OK(ioloop_stream_read(stream, no_input, NULL)); /* nothing was begun */
  ioloop_stream_close(stream);
  CHECK_OK(ioloop_run_once(loop, 0));
  CHECK_SYS(close(pair[1]));
  test_loop_free(loop);
}

TEST(105, "a datagram socket without a function counts and drops what arrives") {
  struct ioloop *loop = test_loop_new();
  struct ioloop_datagram *datagram;
  struct ioloop_datagram_metrics metrics = {0};
  int pair[2];
  make_pair(UDP, pair);
  CHECK_OK(ioloop_datagram_new(loop, pair[0], NULL, NULL, NULL, &datagram));
  CHECK_IS(write(pair[1], "x", 1), ==, 1);
  RUN_UNTIL(loop, (ioloop_datagram_get_metrics(datagram, &metrics, sizeof metrics),
                   metrics.received == 1));
  ioloop_datagram_close(datagram);
  CHECK_SYS(close(pair[1]));
  test_loop_free(loop);
}
