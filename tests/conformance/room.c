/* SPDX-License-Identifier: MIT */
/*
 * room.c - conformance 138 to 142: full sockets, and peers that have finished sending and do not
 * read. The kernel always reports such a socket (POLLRDHUP, POLLIN); the loop must not.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo.h"

static const enum kind kinds[] = {UNIX_STREAM, TCP};
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Until it stays full: TCP's buffers grow, and move their contents to the peer's. */
static void fill_up(int fd) {
  while (fill(fd))
    (void)poll(NULL, 0, 20);
}

/* TCP moves written data to the peer from time to time, and then has room again. */
static void on_room(struct ioloop *loop, int fd, unsigned events, void *arg) {
  on_event(loop, fd, events, arg);
  if (events & IOLOOP_WRITE)
    fill(fd);
}

TEST(139, "WRITE alone, no room, the peer half-closed: the loop sleeps until it reads") {
  for (size_t i = 0; i < COUNT(kinds); i++) {
    struct ioloop *loop = test_loop_new();
    struct record record = {0};
    int pair[2];
    NOTE("%s", kind_names[kinds[i]]);
    make_pair(kinds[i], pair);
    put(pair[1], 1); /* readable as well, which is not wanted either */
    CHECK_SYS(shutdown(pair[1], SHUT_WR));
    fill_up(pair[0]);
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_WRITE, on_room, &record));
    for (int round = 0; round < 3; round++) {
      CHECK_NO_SPIN(loop, MS(30));
      record.calls = 0;
      drain(pair[1]);
      RUN_UNTIL(loop, record.calls);
      CHECK_IS(record.events & IOLOOP_READ, ==, 0);
    }
    CHECK_OK(ioloop_update_handler(loop, pair[0], IOLOOP_READ));
    record.calls = 0;
    RUN_UNTIL(loop, record.calls && record.events == IOLOOP_READ);
    CHECK_OK(ioloop_update_handler(loop, pair[0], IOLOOP_WRITE));
    CHECK_NO_SPIN(loop, MS(30));
    CHECK_OK(ioloop_remove_handler(loop, pair[0]));
    test_loop_free(loop);
    close_pair(pair);
  }
}

TEST(139, "READ alone with room, a full socket, our own half-close: no wake-up") {
  for (size_t i = 0; i < COUNT(kinds); i++)
    for (int state = 0; state < 3; state++) {
      struct ioloop *loop = test_loop_new();
      struct record record = {0};
      int pair[2];
      NOTE("%s, state %d", kind_names[kinds[i]], state);
      make_pair(kinds[i], pair);
      CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_event, &record));
      if (state == 1)
        fill_up(pair[0]);
      if (state == 2)
        CHECK_SYS(shutdown(pair[0], SHUT_WR));
      CHECK_QUIET(loop, MS(20));
      record.calls = 0;
      put(pair[1], 1);
      RUN_UNTIL(loop, record.calls);
      CHECK_OK(ioloop_remove_handler(loop, pair[0]));
      test_loop_free(loop);
      close_pair(pair);
    }
}

TEST(139, "a mask of 0: neither data, nor an end, nor a reset wakes") {
  for (size_t i = 0; i < COUNT(kinds); i++) {
    struct ioloop *loop = test_loop_new();
    struct record record = {0};
    int pair[2];
    NOTE("%s", kind_names[kinds[i]]);
    make_pair(kinds[i], pair);
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ | IOLOOP_WRITE, on_event, &record));
    RUN_UNTIL(loop, record.calls);
    CHECK_OK(ioloop_update_handler(loop, pair[0], 0));
    put(pair[1], 1);
    CHECK_QUIET(loop, MS(10));
    CHECK_SYS(shutdown(pair[1], SHUT_WR));
    CHECK_QUIET(loop, MS(10));
    put(pair[0], 1);
    CHECK_SYS(close(pair[1])); /* with a byte unread: a reset */
    CHECK_QUIET(loop, MS(10));
    CHECK_OK(ioloop_remove_handler(loop, pair[0]));
    test_loop_free(loop);
    CHECK_SYS(close(pair[0]));
  }
}

/* With buffers that stay small. */
static void make_small_pair(enum kind kind, int pair[2]) {
  make_pair(kind, pair);
  for (int i = 0; i < 2; i++)
    set_buffers(pair[i], 65536);
}

static void count_closed(struct ioloop_stream *stream, int error, void *closed) {
  (void)stream, (void)error;
  ++*(int *)closed;
}

/* The data still to come, up to the end, which must come. */
static size_t read_to_the_end(int fd) {
  static char buffer[65536];
  size_t sum = 0;
  ssize_t got;
  do {
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    CHECK_IS(poll(&wanted, 1, 10000), ==, 1);
    got = read(fd, buffer, sizeof buffer);
    sum += got > 0 ? (size_t)got : 0;
  } while (got > 0 || (got < 0 && errno == EAGAIN));
  CHECK(got == 0 || errno == ECONNRESET);
  return sum;
}

struct closing {
  enum kind kind;
  bool half_closed;
  size_t size;
  int turns;
};

static void close_while_sending(const struct closing *how) {
  static char data[8 * 1024 * 1024];
  struct ioloop *loop = test_loop_new();
  struct ioloop_stream *stream;
  int pair[2], closed = 0;
  NOTE("%s, %zu bytes, %d turns, %s", kind_names[how->kind], how->size, how->turns,
       how->half_closed ? "half-closed" : "open");
  make_small_pair(how->kind, pair);
  if (how->half_closed)
    CHECK_SYS(shutdown(pair[1], SHUT_WR));
  CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
  ioloop_stream_set_close_callback(stream, count_closed, &closed);
  CHECK_OK(ioloop_stream_write(stream, data, how->size));
  run_turns(loop, how->turns);
  ioloop_stream_close(stream);
  CHECK_IS(closed, ==, 1);
  CHECK_IS(read_to_the_end(pair[1]), <, how->size);
  CHECK_SYS(close(pair[1]));
  test_loop_free(loop);
}

TEST(138, "closing a stream that waits for room: it returns at once, and the peer sees the end") {
  static const size_t sizes[] = {1000000, 8 * 1024 * 1024};
  struct closing how;
  for (size_t i = 0; i < COUNT(kinds) * COUNT(sizes) * 2; i++)
    for (how.turns = 0; how.turns < 4; how.turns++) {
      how.kind = kinds[i % 2];
      how.half_closed = i / 2 % 2;
      how.size = sizes[i / 4];
      /* By completion nothing is sent before the first iteration. */
      if (how.turns || how.size > 1000000)
        close_while_sending(&how);
    }
}

static void ignore_input(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  (void)stream, (void)data, (void)size, (void)arg;
}

TEST(140, "a stream whose peer has half-closed waits for room asleep, and loses no byte") {
  static char data[3000000], got[65536];
  fill_pattern(data, sizeof data, 0);
  for (size_t i = 0; i < COUNT(kinds); i++) {
    struct ioloop *loop = test_loop_new();
    struct ioloop_stream *stream;
    int pair[2], closed = 0;
    uint64_t received = 0;
    NOTE("%s", kind_names[kinds[i]]);
    make_small_pair(kinds[i], pair);
    CHECK_SYS(shutdown(pair[1], SHUT_WR));
    CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
    ioloop_stream_set_close_callback(stream, count_closed, &closed);
    CHECK_OK(ioloop_stream_read(stream, ignore_input, NULL));
    for (size_t at = 0; at < sizeof data; at += 100000) {
      CHECK_OK(ioloop_stream_write(stream, data + at, 100000));
      run_turns(loop, 1);
    }
    ioloop_stream_close_when_sent(stream);
    run_turns(loop, 5);
    (void)poll(NULL, 0, 20);
    run_turns(loop, 5);
    CHECK_NO_SPIN(loop, MS(50));
    CHECK_IS(closed, ==, 0);
    for (ssize_t size = 1; size; run_turns(loop, 1)) {
      size = read(pair[1], got, sizeof got);
      CHECK(size >= 0 || errno == EAGAIN);
      check_pattern(got, size > 0 ? (size_t)size : 0, received);
      received += size > 0 ? (uint64_t)size : 0;
    }
    CHECK_IS(received, ==, sizeof data);
    CHECK_IS(closed, ==, 1);
    CHECK_SYS(close(pair[1]));
    test_loop_free(loop);
  }
}

/* ---- taken apart by another thread ---------------------------------------------------------- */

struct left {
  struct ioloop *loop;
  struct echo echo;
  struct udp_echo datagrams;
};

static void *make_and_leave(void *arg) {
  struct left *left = arg;
  left->loop = test_loop_new();
  echo_open(&left->echo, left->loop, NULL);
  udp_echo_open(&left->datagrams, left->loop);
  int client = client_connect(left->echo.port);
  ping(left->loop, client);
  CHECK_SYS(close(client));
  return NULL;
}

TEST(141, "a loop whose thread has ended is taken apart by another, whose own works on") {
  struct left left = {0};
  struct ioloop *own = test_loop_new();
  struct record record = {0};
  pthread_t thread;
  int pair[2];
  make_pair(UNIX_STREAM, pair);
  CHECK_OK(ioloop_add_handler(own, pair[0], IOLOOP_READ, on_drain, &record));
  CHECK_THREAD(pthread_create(&thread, NULL, make_and_leave, &left));
  CHECK_THREAD(pthread_join(thread, NULL));
  for (size_t bytes = 1; bytes < 4; bytes++) {
    put(pair[1], 1);
    RUN_UNTIL(own, record.bytes == bytes);
    if (bytes == 1)
      echo_close(&left.echo);
    if (bytes == 2) {
      ioloop_datagram_close(left.datagrams.socket);
      CHECK_OK(ioloop_free(left.loop));
    }
  }
  CHECK_OK(ioloop_remove_handler(own, pair[0]));
  test_loop_free(own);
  close_pair(pair);
}

/* ---- closed without being removed ----------------------------------------------------------- */

static void close_it(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct record *record = arg;
  on_event(loop, fd, events, arg);
  if (record->calls == 1) /* libevent's poll reports POLLNVAL as well */
    CHECK_SYS(close(fd));
}

static void check_end_is_seen(bool in_handler) {
  for (size_t i = 0; i < COUNT(kinds); i++) {
    struct ioloop *loop = test_loop_new();
    struct record record = {0};
    int pair[2];
    NOTE("%s", kind_names[kinds[i]]);
    make_pair(kinds[i], pair);
    CHECK_OK(
        ioloop_add_handler(loop, pair[0], IOLOOP_READ, in_handler ? close_it : on_event, &record));
    run_turns(loop, 1);
    if (in_handler) {
      put(pair[1], 1);
      RUN_UNTIL(loop, record.calls);
    } else {
      CHECK_SYS(close(pair[0]));
    }
    run_turns(loop, 2);
    CHECK_IS(read_to_the_end(pair[1]), ==, 0);
    CHECK_NO_SPIN(loop, MS(20));
    CHECK_SYS(close(pair[1]));
    test_loop_free_abandoned(loop, 1);
  }
}

TEST(142, "a handler that closes its descriptor without removing it: the peer sees the end") {
  skip_if_readiness_is_presumed();
  check_end_is_seen(true);
}

TEST(142, "a descriptor closed elsewhere without being removed: the peer sees the end") {
  struct ioloop_backend_info info;
  CHECK_OK(ioloop_backend_probe(tap_argument, &info, sizeof info));
  if (info.features & IOLOOP_F_COMPLETION || strcmp(tap_argument, "linux-aio") == 0)
    SKIP("a pending poll request holds the file until the descriptor is ready once more");
  check_end_is_seen(false);
}
