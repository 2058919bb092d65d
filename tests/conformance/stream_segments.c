/* SPDX-License-Identifier: MIT */
/* stream_segments.c - conformance 89, 90 and 93: the number of pieces in which data is sent;
 * descriptors that are not byte streams; O_NONBLOCK. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo.h"

static bool has_nodelay(int fd) {
  int value = 0;
  socklen_t size = sizeof value;
  CHECK_SYS(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &size));
  return value;
}

static void on_connected(struct ioloop_stream *stream, void *arg) {
  CHECK(has_nodelay(ioloop_stream_fd(stream)));
  *(bool *)arg = true;
}

TEST(89, "TCP streams, accepted, connected or taken over, do not wait for acknowledgements") {
  struct ioloop *loop = test_loop_new();
  struct ioloop_stream *stream;
  struct echo echo;
  bool connected = false;
  int pair[2];
  echo_open(&echo, loop, NULL);
  struct sockaddr_in address = loopback_address(echo.port);
  CHECK_OK(ioloop_stream_connect(loop, (struct sockaddr *)&address, sizeof address, on_connected,
                                 NULL, &connected, &stream));
  RUN_UNTIL(loop, connected && echo.opened);
  CHECK(has_nodelay(ioloop_stream_fd(echo.last)));
  ioloop_stream_close(stream);
  RUN_UNTIL(loop, echo.closed);
  echo_close(&echo);

  make_pair(TCP, pair);
  CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
  CHECK(has_nodelay(pair[0]));
  CHECK_OK(ioloop_stream_set_nodelay(stream, false));
  CHECK(!has_nodelay(pair[0]));
  CHECK_OK(ioloop_stream_set_nodelay(stream, true));
  CHECK(has_nodelay(pair[0]));
  ioloop_stream_close(stream);
  CHECK_SYS(close(pair[1]));
  for (enum kind kind = PIPE; kind <= UNIX_STREAM; kind++) {
    make_pair(kind, pair);
    CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
    CHECK_ERROR(ioloop_stream_set_nodelay(stream, true), EOPNOTSUPP);
    ioloop_stream_close(stream);
    CHECK_SYS(close(pair[1]));
  }
  test_loop_free(loop);
}

static void on_accepted(struct ioloop_tcpserver *server, struct ioloop_stream *stream,
                        const struct sockaddr *peer, socklen_t size, void *arg) {
  (void)server, (void)peer, (void)size;
  CHECK(has_nodelay(ioloop_stream_fd(stream)));
  ++*(unsigned *)arg;
}

TEST(89, "nor those accepted from a listener that was made elsewhere, which is left as it is") {
  struct ioloop *loop = test_loop_new();
  struct ioloop_tcpserver *server;
  unsigned accepted = 0;
  uint16_t port;
  int listener;
  struct ioloop_tcpserver_options options = {
      .size = sizeof options, .on_connection = on_accepted, .arg = &accepted};
  make_tcp_listener(&listener, &port);
  CHECK_OK(ioloop_tcpserver_new(loop, &options, &server));
  CHECK_OK(ioloop_tcpserver_add_socket(server, listener));
  CHECK(!has_nodelay(listener));
  int client = client_connect(port);
  RUN_UNTIL(loop, accepted);
  CHECK_SYS(close(client));
  ioloop_tcpserver_close(server);
  test_loop_free(loop);
}

/* ---- the writes of one iteration ------------------------------------------------------------ */

struct sends {
  unsigned count;
  size_t bytes;
};

static void on_submitted(void *arg, const char *operation, int fd, size_t size) {
  struct sends *sends = arg;
  (void)fd;
  if (strcmp(operation, "send") == 0) {
    sends->count++;
    sends->bytes += size;
  }
}

static void write_pieces(struct ioloop *loop, void *arg) {
  (void)loop;
  for (int i = 0; i < 10; i++)
    CHECK_OK(ioloop_stream_write(arg, "0123456789", 10));
}

static void write_and_close(struct ioloop *loop, void *arg) {
  write_pieces(loop, arg);
  ioloop_stream_close(arg);
}

TEST(89, "by completion all that a turn writes is one send") {
  struct ioloop *loop = test_loop_new();
  struct sends sends = {0};
  struct ioloop_observer observer = {.size = sizeof observer, .submitted = on_submitted};
  struct echo echo;
  char back[100];
  if (!(ioloop_backend_features(loop) & IOLOOP_F_COMPLETION)) {
    test_loop_free(loop);
    SKIP("by readiness each write is a send");
  }
  ioloop_set_observer(loop, &observer, &sends);
  echo_open(&echo, loop, NULL);
  int client = client_connect(echo.port);
  RUN_UNTIL(loop, echo.opened);
  for (unsigned turn = 1; turn <= 3; turn++) {
    CHECK_OK(ioloop_add_callback(loop, write_pieces, echo.last));
    RUN_UNTIL(loop, recv(client, back, sizeof back, MSG_DONTWAIT) == sizeof back);
    CHECK_IS(sends.count, ==, turn);
    CHECK_IS(sends.bytes, ==, turn * sizeof back);
  }
  CHECK_SYS(close(client));
  RUN_UNTIL(loop, echo.closed);
  echo_close(&echo);
  test_loop_free(loop);
}

TEST(89, "data written in the iteration in which a stream is closed has been sent") {
  struct ioloop *loop = test_loop_new();
  struct echo echo;
  char back[100];
  echo_open(&echo, loop, NULL);
  int client = client_connect(echo.port);
  RUN_UNTIL(loop, echo.opened);
  CHECK_OK(ioloop_add_callback(loop, write_and_close, echo.last));
  RUN_UNTIL(loop, echo.closed);
  client_receive(client, back, sizeof back);
  CHECK_IS(recv(client, back, 1, 0), ==, 0);
  CHECK_SYS(close(client));
  echo_close(&echo);
  test_loop_free(loop);
}

/* ---- descriptors that are not byte streams ----------------------------------------------- */

TEST(90, "a socket that is no byte stream is refused, and left as it was") {
  static const int types[] = {SOCK_SEQPACKET, SOCK_DGRAM};
  struct ioloop *loop = test_loop_new();
  struct ioloop_stream *stream;
  int pair[2];
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    if (socketpair(AF_UNIX, types[i], 0, pair) < 0)
      continue; /* macOS has no SEQPACKET */
    CHECK_ERROR(ioloop_stream_new(loop, pair[0], &stream), EPROTOTYPE);
    char byte = 0;
    put(pair[1], 1);
    CHECK_IS(recv(pair[0], &byte, 1, 0), ==, 1);
    close_pair(pair);
  }
  make_pair(UDP, pair);
  CHECK_ERROR(ioloop_stream_new(loop, pair[0], &stream), EPROTOTYPE);
  close_pair(pair);
  test_loop_free(loop);
}

/* ---- shared files --------------------------------------------------------------------------- */

static bool is_nonblocking(int fd) {
  return SYS(fcntl(fd, F_GETFL)) & O_NONBLOCK;
}

static void on_ignored(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  (void)stream, (void)data;
  *(size_t *)arg += size;
}

TEST(93, "O_NONBLOCK of a file that others share is never cleared") {
  static char data[100000];
  struct ioloop *loop = test_loop_new();
  for (enum kind kind = PIPE; kind <= TCP; kind++) {
    struct ioloop_stream *stream;
    size_t received = 0;
    int pair[2];
    if (kind == UNIX_DGRAM)
      continue;
    make_pair(kind, pair);
    int shared = SYS(dup(pair[0]));
    CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
    CHECK(is_nonblocking(shared));
    CHECK_OK(ioloop_stream_read(stream, on_ignored, &received));
    if (is_duplex(kind))
      CHECK_OK(ioloop_stream_write(stream, data, sizeof data));
    run_turns(loop, 2);
    put(pair[1], 1);
    RUN_UNTIL(loop, received);
    CHECK(is_nonblocking(shared));
    ioloop_stream_close(stream);
    CHECK(is_nonblocking(shared));
    CHECK_SYS(close(shared));
    CHECK_SYS(close(pair[1]));
  }
  test_loop_free(loop);
}

TEST(93, "a stream over a socket does not wait when another process has cleared O_NONBLOCK") {
  static char data[8000000];
  struct ioloop *loop = test_loop_new();
  for (enum kind kind = UNIX_STREAM; kind <= TCP; kind += TCP - UNIX_STREAM) {
    struct ioloop_stream *stream;
    size_t received = 0;
    int pair[2];
    make_pair(kind, pair);
    int shared = SYS(dup(pair[0]));
    CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
    CHECK_OK(ioloop_stream_set_watermarks(stream, SIZE_MAX, SIZE_MAX)); /* reads nevertheless */
    CHECK_SYS(fcntl(shared, F_SETFL, SYS(fcntl(shared, F_GETFL)) & ~O_NONBLOCK));
    CHECK_OK(ioloop_stream_read(stream, on_ignored, &received));
    CHECK_OK(ioloop_stream_write(stream, data, sizeof data));
    run_turns(loop, 3);
    CHECK_IS(ioloop_stream_pending(stream), >, 0);
    put(pair[1], 1);
    RUN_UNTIL(loop, received);
    ioloop_stream_close(stream);
    CHECK_SYS(close(shared));
    CHECK_SYS(close(pair[1]));
  }
  test_loop_free(loop);
}
