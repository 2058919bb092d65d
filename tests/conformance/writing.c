/* SPDX-License-Identifier: MIT */
/*
 * writing.c - conformance 31 to 36: connecting, writing, full buffers, hang-ups, and the events
 * that are neither data nor room.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ioloop/stream.h"
#include "kinds.h"
#include "support.h"

static const enum kind streams[] = {PIPE, UNIX_STREAM, TCP};
#define STREAMS (sizeof streams / sizeof streams[0])

TEST(31, "writing to a closed peer is reported as writable and fails with EPIPE") {
  for (size_t i = 1; i < STREAMS; i++) {
    struct ioloop *loop = test_loop_new();
    struct record record = {0};
    int pair[2];
    make_pair(streams[i], pair);
    NOTE("%s", kind_names[streams[i]]);
    CHECK_SYS(close(pair[1]));
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_WRITE, on_event, &record));
    ssize_t sent = 0;
    while (sent >= 0) { /* TCP finds out only from the reply to a first write */
      record.calls = 0;
      RUN_UNTIL(loop, record.calls);
      CHECK_IS(record.seen & IOLOOP_WRITE, ==, IOLOOP_WRITE);
      sent = send(pair[0], "x", 1, MSG_NOSIGNAL);
    }
    CHECK(errno == EPIPE || errno == ECONNRESET);
    CHECK_OK(ioloop_remove_handler(loop, pair[0]));
    test_loop_free(loop);
    CHECK_SYS(close(pair[0]));
  }
}

struct closing {
  struct ioloop *loop;
  int error;
  bool closed;
};

static void on_closed(struct ioloop_stream *stream, int error, void *arg) {
  struct closing *closing = arg;
  (void)stream;
  closing->closed = true;
  closing->error = error;
}

/* SIGPIPE kills in the tests: a stream that raises it fails here. */
TEST(31, "a stream written to a closed peer raises no SIGPIPE") {
  for (size_t i = 0; i < STREAMS; i++) {
    struct ioloop *loop = test_loop_new();
    struct closing closing = {.loop = loop};
    struct ioloop_stream *stream;
    int pair[2];
    make_pair(streams[i], pair);
    NOTE("%s", kind_names[streams[i]]);
    CHECK_SYS(close(pair[0]));
    CHECK_OK(ioloop_stream_new(loop, pair[1], &stream));
    ioloop_stream_set_close_callback(stream, on_closed, &closing);
    while (!closing.closed) {
      int r = ioloop_stream_write(stream, "x", 1);
      CHECK(r == 0 || r == -EPIPE);
      CHECK_OK(ioloop_run_once(loop, MS(1)));
    }
    CHECK(closing.error == -EPIPE || closing.error == -ECONNRESET);
    test_loop_free(loop);
  }
}

static int socket_error(int fd) {
  int error = -1;
  socklen_t size = sizeof error;
  CHECK_SYS(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size));
  return error;
}

TEST(32, "a connect that completes is reported as writable") {
  struct ioloop *loop = test_loop_new();
  struct record server = {0}, client = {0};
  int listener;
  uint16_t port;
  make_tcp_listener(&listener, &port);
  CHECK_OK(ioloop_add_handler(loop, listener, IOLOOP_READ, on_event, &server));
  CHECK_QUIET(loop, MS(5));
  for (int turn = 0; turn < 5; turn++) {
    server.calls = client.calls = 0;
    int fd = connect_tcp(port);
    CHECK_OK(ioloop_add_handler(loop, fd, IOLOOP_WRITE, on_event, &client));
    RUN_UNTIL(loop, server.calls && client.calls);
    CHECK_IS(client.seen, ==, IOLOOP_WRITE);
    CHECK_IS(socket_error(fd), ==, 0);
    CHECK_OK(ioloop_remove_handler(loop, fd));
    int accepted = SYS(accept(listener, NULL, NULL));
    CHECK_SYS(close(accepted));
    CHECK_SYS(close(fd));
  }
  test_loop_free(loop);
  CHECK_SYS(close(listener));
}

static void accept_all(struct ioloop *loop, int listener, unsigned events, void *arg) {
  (void)loop, (void)events, (void)arg;
  for (int fd; (fd = accept(listener, NULL, NULL)) >= 0;)
    CHECK_SYS(close(fd));
}

/* The kernel answers a connect to a full backlog only when it is retried, a second later: a
 * completion long after the descriptor was last polled. */
TEST(32, "a connect that completes late is reported as writable") {
  enum {
    CROWD = 4
  };
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int listener, fds[CROWD], pending = -1;
  uint16_t port;
  make_tcp_listener(&listener, &port);
  CHECK_SYS(listen(listener, 0));
  for (int i = 0; i < CROWD; i++)
    fds[i] = connect_tcp(port);
  for (int i = 0; i < CROWD; i++)
    if (poll(&(struct pollfd){.fd = fds[i], .events = POLLOUT}, 1, 20) == 0)
      pending = fds[i];
  if (pending < 0)
    SKIP("a full backlog delays no connect on this system");
  CHECK_OK(ioloop_add_handler(loop, pending, IOLOOP_READ | IOLOOP_WRITE, on_event, &record));
  CHECK_QUIET(loop, MS(10));
  /* From now on accept at once: a client that retries earlier must not fill the backlog again. */
  CHECK_OK(ioloop_add_handler(loop, listener, IOLOOP_READ, accept_all, NULL));
  RUN_UNTIL(loop, record.seen & IOLOOP_WRITE);
  CHECK_IS(socket_error(pending), ==, 0);
  CHECK_OK(ioloop_remove_handler(loop, pending));
  CHECK_OK(ioloop_remove_handler(loop, listener));
  test_loop_free(loop);
  for (int i = 0; i < CROWD; i++)
    CHECK_SYS(close(fds[i]));
  CHECK_SYS(close(listener));
}

TEST(32, "a refused connect is reported as writable") {
  struct ioloop *loop = test_loop_new();
  uint16_t port;
  int listener;
  make_tcp_listener(&listener, &port);
  CHECK_SYS(close(listener)); /* no socket listens there now */
  for (int turn = 0; turn < 6; turn++) {
    struct record record = {0};
    unsigned events = turn % 2 ? IOLOOP_WRITE | IOLOOP_READ : IOLOOP_WRITE;
    int fd = connect_tcp(port);
    CHECK_OK(ioloop_add_handler(loop, fd, events, on_event, &record));
    RUN_UNTIL(loop, (record.seen & events) == events);
    CHECK_IS(socket_error(fd), ==, ECONNREFUSED);
    CHECK_OK(ioloop_remove_handler(loop, fd));
    CHECK_SYS(close(fd));
  }
  test_loop_free(loop);
}

/* Full, and the kernel has finished moving what is under way to the peer. */
static void fill_for_good(int fd) {
  struct pollfd writable = {.fd = fd, .events = POLLOUT};
  do
    fill(fd);
  while (poll(&writable, 1, 20) > 0);
}

/* A TCP window may open in several steps, the last of them a fifth of a second later. */
struct drainer {
  struct later thread;
  int fd;
  atomic_bool enough;
};

static void drain_until_enough(void *arg) {
  struct drainer *drainer = arg;
  struct pollfd readable = {.fd = drainer->fd, .events = POLLIN};
  while (!atomic_load(&drainer->enough))
    if (poll(&readable, 1, 5) > 0)
      drain(drainer->fd);
}

/* Data that TCP still moves to the peer may make room again; in the end there is none. */
static void fill_while_watched(struct ioloop *loop, int fd, struct record *record) {
  skip_if_readiness_is_presumed();
  for (int turn = 0; turn < 20; turn++) {
    fill_for_good(fd);
    run_turns(loop, 2);
    record->calls = 0;
    CHECK_OK(ioloop_run_once(loop, MS(5)));
    if (!record->calls)
      return;
  }
  tap_fail(__FILE__, __LINE__, "reported as writable although its buffer is full");
}

static void check_writable_again(enum kind kind) {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int pair[2];
  make_pair(kind, pair);
  if (kind == TCP || kind == UNIX_STREAM) {
    set_buffers(pair[0], 8192);
    set_buffers(pair[1], 8192);
  }
  CHECK_OK(ioloop_add_handler(loop, pair[1], IOLOOP_WRITE, on_event, &record));
  RUN_UNTIL(loop, record.calls);
  for (int turn = 0; turn < 6; turn++) {
    if (turn == 3) { /* filled before it is watched */
      CHECK_OK(ioloop_remove_handler(loop, pair[1]));
      fill_for_good(pair[1]);
      CHECK_OK(ioloop_add_handler(loop, pair[1], IOLOOP_WRITE, on_event, &record));
    }
    fill_while_watched(loop, pair[1], &record);
    record.calls = 0;
    struct drainer drainer = {.fd = pair[0]};
    later(&drainer.thread, turn % 2 ? 0 : MS(3), drain_until_enough, &drainer);
    RUN_UNTIL(loop, record.calls);
    CHECK_IS(record.events & IOLOOP_WRITE, ==, IOLOOP_WRITE);
    atomic_store(&drainer.enough, true);
    later_join(&drainer.thread);
  }
  test_loop_free(loop);
  close_pair(pair);
}

TEST(33, "writability returns after a full buffer: TCP") {
  check_writable_again(TCP);
}

TEST(33, "writability returns after a full buffer: AF_UNIX stream") {
  check_writable_again(UNIX_STREAM);
}

TEST(33, "writability returns after a full buffer: AF_UNIX datagram") {
  check_writable_again(UNIX_DGRAM);
}

TEST(33, "writability returns after a full buffer: pipe") {
  check_writable_again(PIPE);
}

/* Write as a program does: after a short or refused write the rest is written when the handler is
 * called. */
struct transfer {
  size_t to_send, received;
  int peer;
};

static void on_send(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct transfer *transfer = arg;
  static const char data[3000];
  (void)loop, (void)events;
  size_t size = transfer->to_send < sizeof data ? transfer->to_send : sizeof data;
  ssize_t sent = write(fd, data, size);
  if (sent > 0)
    transfer->to_send -= (size_t)sent;
  if (transfer->to_send == 0)
    CHECK_OK(ioloop_update_handler(loop, fd, 0));
}

static void on_receive(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct transfer *transfer = arg;
  static char data[1700];
  (void)loop, (void)events;
  ssize_t got = read(fd, data, sizeof data);
  if (got > 0)
    transfer->received += (size_t)got;
}

TEST(33, "a transfer through full buffers completes") {
  for (size_t i = 0; i < STREAMS; i++) {
    enum {
      TOTAL = 2000000
    };
    struct ioloop *loop = test_loop_new();
    struct transfer transfer = {.to_send = TOTAL};
    int pair[2];
    make_pair(streams[i], pair);
    NOTE("%s", kind_names[streams[i]]);
    CHECK_OK(ioloop_add_handler(loop, pair[1], IOLOOP_WRITE, on_send, &transfer));
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_receive, &transfer));
    RUN_UNTIL(loop, transfer.received == TOTAL);
    CHECK_QUIET(loop, MS(5));
    test_loop_free(loop);
    close_pair(pair);
  }
}

TEST(34, "the hang-up of a pipe's reader is reported to the writer") {
  struct ioloop *loop = test_loop_new();
  for (int full = 0; full < 2; full++) {
    struct record record = {0};
    struct later closer;
    int pair[2];
    make_pair(PIPE, pair);
    if (full)
      fill(pair[1]);
    CHECK_OK(ioloop_add_handler(loop, pair[1], IOLOOP_WRITE, on_event, &record));
    run_turns(loop, 2);
    later(&closer, MS(5), close_fd, &pair[0]);
    record = (struct record){0};
    RUN_UNTIL(loop, record.calls);
    later_join(&closer);
    RUN_UNTIL(loop, record.seen & IOLOOP_WRITE);
    signal(SIGPIPE, SIG_IGN);
    CHECK_IS(write(pair[1], "x", 1), ==, -1);
    CHECK_IS(errno, ==, EPIPE);
    CHECK_OK(ioloop_remove_handler(loop, pair[1]));
    CHECK_SYS(close(pair[1]));
  }
  test_loop_free(loop);
}

TEST(34, "the hang-up of a pty's slave is reported to the master") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  struct later closer;
  int master, slave;
  open_pty(&master, &slave);
  CHECK_OK(ioloop_add_handler(loop, master, IOLOOP_READ, on_drain, &record));
  CHECK_QUIET(loop, MS(10));
  later(&closer, MS(5), close_fd, &slave);
  RUN_UNTIL(loop, record.end || record.error);
  later_join(&closer);
  CHECK(record.end || record.error == EIO);
  CHECK_OK(ioloop_remove_handler(loop, master));
  test_loop_free(loop);
  CHECK_SYS(close(master));
}

TEST(34, "the hang-up of a pty's master is reported to the slave") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  struct later closer;
  int master, slave;
  open_pty(&master, &slave);
  CHECK_OK(ioloop_add_handler(loop, slave, IOLOOP_READ, on_drain, &record));
  CHECK_QUIET(loop, MS(10));
  later(&closer, MS(5), close_fd, &master);
  RUN_UNTIL(loop, record.end || record.error);
  later_join(&closer);
  CHECK_OK(ioloop_remove_handler(loop, slave));
  test_loop_free(loop);
  CHECK_SYS(close(slave));
}

TEST(35, "out-of-band data does not spin") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int pair[2];
  make_pair(TCP, pair);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
  CHECK_QUIET(loop, MS(5));
  CHECK_IS(send(pair[1], "u", 1, MSG_OOB), ==, 1);
  CHECK_NO_SPIN(loop, MS(30)); /* never collected */
  CHECK_IS(record.bytes, ==, 0);
  put(pair[1], 3);
  RUN_UNTIL(loop, record.bytes == 3);
  CHECK_NO_SPIN(loop, MS(30));
  CHECK_IS(send(pair[1], "u", 1, MSG_OOB), ==, 1);
  CHECK_OK(ioloop_update_handler(loop, pair[0], 0));
  CHECK_QUIET(loop, MS(30));
  test_loop_free(loop);
  close_pair(pair);
}

TEST(35, "out-of-band data kept inline is data") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int pair[2], on = 1;
  make_pair(TCP, pair);
  CHECK_SYS(setsockopt(pair[0], SOL_SOCKET, SO_OOBINLINE, &on, sizeof on));
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
  CHECK_QUIET(loop, MS(5));
  CHECK_IS(send(pair[1], "abu", 3, MSG_OOB), ==, 3);
  RUN_UNTIL(loop, record.bytes == 3);
  CHECK_NO_SPIN(loop, MS(30));
  test_loop_free(loop);
  close_pair(pair);
}

/* No signal announces an action of the process itself: an update with the same mask requests a
 * poll. */
static void check_own_shutdown(enum kind kind, int how, unsigned events) {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int pair[2];
  make_pair(kind, pair);
  NOTE("%s, shutdown(%d), events %#x", kind_names[kind], how, events);
  CHECK_OK(ioloop_add_handler(loop, pair[0], events, on_event, &record));
  if (events == IOLOOP_WRITE) {
    set_buffers(pair[0], 8192);
    set_buffers(pair[1], 8192);
    fill_while_watched(loop, pair[0], &record);
  } else {
    CHECK_QUIET(loop, MS(5));
  }
  CHECK_SYS(shutdown(pair[0], how));
  CHECK_OK(ioloop_update_handler(loop, pair[0], events));
  RUN_UNTIL(loop, record.calls);
  CHECK_IS(record.seen & events, ==, events);
  if (events == IOLOOP_READ)
    CHECK_IS(drain(pair[0]), ==, 0);
  CHECK_OK(ioloop_remove_handler(loop, pair[0]));
  test_loop_free(loop);
  close_pair(pair);
}

TEST(36, "an own shutdown() of reading is seen") {
  check_own_shutdown(TCP, SHUT_RD, IOLOOP_READ);
  check_own_shutdown(TCP, SHUT_RDWR, IOLOOP_READ);
  check_own_shutdown(UNIX_STREAM, SHUT_RD, IOLOOP_READ);
  check_own_shutdown(UNIX_STREAM, SHUT_RDWR, IOLOOP_READ);
  check_own_shutdown(UDP, SHUT_RD, IOLOOP_READ);
}

TEST(36, "an own shutdown() of writing is seen") {
  check_own_shutdown(TCP, SHUT_WR, IOLOOP_WRITE);
  check_own_shutdown(TCP, SHUT_RDWR, IOLOOP_WRITE);
}

TEST(36, "an own shutdown() of a listener is seen") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int listener;
  uint16_t port;
  make_tcp_listener(&listener, &port);
  CHECK_OK(ioloop_add_handler(loop, listener, IOLOOP_READ, on_event, &record));
  CHECK_QUIET(loop, MS(5));
  CHECK_SYS(shutdown(listener, SHUT_RD));
  CHECK_OK(ioloop_update_handler(loop, listener, IOLOOP_READ));
  RUN_UNTIL(loop, record.calls);
  CHECK_OK(ioloop_remove_handler(loop, listener));
  test_loop_free(loop);
  CHECK_SYS(close(listener));
}
