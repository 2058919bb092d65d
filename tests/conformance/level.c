/* SPDX-License-Identifier: MIT */
/*
 * level.c - conformance 26 to 30: unread data is reported again, and an end or an error is reported
 * like data. The models whose kernel side only announces changes (signals) must behave exactly the
 * same.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

TEST(26, "unread data is reported again") {
  for (enum kind kind = 0; kind < KINDS; kind++) {
    struct ioloop *loop = test_loop_new();
    struct record record = {0};
    int pair[2];
    make_pair(kind, pair);
    NOTE("%s", kind_names[kind]);
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_event, &record));
    put(pair[1], 10);
    RUN_UNTIL(loop, record.calls == 10);
    put(pair[1], 10);
    RUN_UNTIL(loop, record.calls == 20);
    CHECK_IS(drain(pair[0]), ==, 20);
    CHECK_QUIET(loop, MS(5));
    test_loop_free(loop);
    close_pair(pair);
  }
}

TEST(26, "data left by one short read after another is reported again") {
  struct ioloop *loop = test_loop_new();
  struct record record = {.limit = 1};
  int pair[2];
  make_pair(TCP, pair);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_read_one, &record));
  for (size_t turn = 1; turn <= 20; turn++) { /* new data arrives while old is unread */
    put(pair[1], 3);
    RUN_UNTIL(loop, record.bytes >= turn);
  }
  RUN_UNTIL(loop, record.bytes == 60);
  CHECK_QUIET(loop, MS(5));
  test_loop_free(loop);
  close_pair(pair);
}

/* Each descriptor gets one message and is read `size` bytes per call. */
static void check_partial_reads(enum kind kind, size_t count) {
  enum {
    MESSAGE = 16
  };
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int(*pairs)[2] = calloc(count, sizeof *pairs);
  size_t expected = 0;
  CHECK(pairs);
  for (size_t i = 0; i < count; i++) {
    make_pair(kind, pairs[i]);
    CHECK_OK(ioloop_add_handler(loop, pairs[i][0], IOLOOP_READ, on_read_one, &record));
  }
  for (int size = 1; size <= MESSAGE; size++) {
    record.limit = size;
    for (size_t i = 0; i < count; i++)
      put(pairs[i][1], MESSAGE);
    expected += count * MESSAGE;
    RUN_UNTIL(loop, record.bytes == expected);
  }
  CHECK_QUIET(loop, MS(5));
  test_loop_free(loop);
  for (size_t i = 0; i < count; i++)
    close_pair(pairs[i]);
  free(pairs);
}

TEST(27, "partial reads of every size complete, with 1 descriptor") {
  check_partial_reads(PIPE, 1);
  check_partial_reads(UNIX_STREAM, 1);
  check_partial_reads(TCP, 1);
}

TEST(27, "partial reads of every size complete, with 16 descriptors") {
  check_partial_reads(PIPE, 16);
  check_partial_reads(UNIX_STREAM, 16);
  check_partial_reads(TCP, 16);
}

TEST(27, "partial reads of every size complete, with 1,000 descriptors") {
  need_descriptors(2200);
  check_partial_reads(UNIX_STREAM, tap_count(1000));
}

TEST(28, "data queued before add is reported") {
  for (enum kind kind = 0; kind < KINDS; kind++) {
    struct ioloop *loop = test_loop_new();
    struct record record = {0};
    int pair[2];
    make_pair(kind, pair);
    NOTE("%s", kind_names[kind]);
    put(pair[1], 5);
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
    RUN_UNTIL(loop, record.bytes == 5);
    CHECK_OK(ioloop_update_handler(loop, pair[0], 0));
    run_turns(loop, 1);
    put(pair[1], 6); /* queued while nothing was watched */
    CHECK_QUIET(loop, MS(5));
    CHECK_OK(ioloop_update_handler(loop, pair[0], IOLOOP_READ));
    RUN_UNTIL(loop, record.bytes == 11);
    test_loop_free(loop);
    close_pair(pair);
  }
}

static const enum kind streams[] = {PIPE, UNIX_STREAM, TCP};
#define STREAMS (sizeof streams / sizeof streams[0])

TEST(29, "a peer's close is reported as readable, once and for all reads") {
  for (size_t i = 0; i < STREAMS; i++) {
    struct ioloop *loop = test_loop_new();
    struct record record = {0};
    struct later closer;
    int pair[2];
    make_pair(streams[i], pair);
    NOTE("%s", kind_names[streams[i]]);
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
    CHECK_QUIET(loop, MS(5));
    later(&closer, MS(5), close_fd, &pair[1]);
    RUN_UNTIL(loop, record.end);
    unsigned calls = record.calls;
    RUN_UNTIL(loop, record.calls >= calls + 3); /* it stays so */
    later_join(&closer);
    CHECK_OK(ioloop_remove_handler(loop, pair[0]));
    CHECK_QUIET(loop, MS(5));
    test_loop_free(loop);
    CHECK_SYS(close(pair[0]));
  }
}

static void finish_sending(void *fd) {
  CHECK_SYS(shutdown(*(int *)fd, SHUT_WR));
}

TEST(29, "a peer's half-close is reported; writing goes on") {
  for (size_t i = 1; i < STREAMS; i++) {
    struct ioloop *loop = test_loop_new();
    struct record record = {0}, peer = {0};
    struct later closer;
    int pair[2];
    make_pair(streams[i], pair);
    NOTE("%s", kind_names[streams[i]]);
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
    CHECK_OK(ioloop_add_handler(loop, pair[1], IOLOOP_READ, on_drain, &peer));
    CHECK_QUIET(loop, MS(5));
    later(&closer, MS(5), finish_sending, &pair[1]);
    RUN_UNTIL(loop, record.end);
    later_join(&closer);
    CHECK_OK(ioloop_update_handler(loop, pair[0], IOLOOP_WRITE));
    record = (struct record){0};
    RUN_UNTIL(loop, record.calls);
    CHECK_IS(record.seen & IOLOOP_WRITE, ==, IOLOOP_WRITE);
    CHECK_OK(ioloop_update_handler(loop, pair[0], 0));
    put(pair[0], 7);
    RUN_UNTIL(loop, peer.bytes == 7);
    CHECK(!peer.end);
    test_loop_free(loop);
    close_pair(pair);
  }
}

static void reset(void *fd) {
  struct linger hard = {.l_onoff = 1, .l_linger = 0};
  CHECK_SYS(setsockopt(*(int *)fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard));
  CHECK_SYS(close(*(int *)fd));
}

static void check_reset(unsigned events) {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  struct later closer;
  int pair[2];
  make_pair(TCP, pair);
  if (events & IOLOOP_WRITE) {
    set_buffers(pair[0], 4096);
    fill(pair[0]);
  }
  CHECK_OK(ioloop_add_handler(loop, pair[0], events, on_drain, &record));
  run_turns(loop, 3);
  record = (struct record){0};
  later(&closer, MS(5), reset, &pair[1]);
  RUN_UNTIL(loop, record.calls);
  later_join(&closer);
  RUN_UNTIL(loop, (record.seen & events) == events);
  if (events & IOLOOP_READ) {
    RUN_UNTIL(loop, record.error);
    CHECK_IS(record.error, ==, ECONNRESET);
  }
  CHECK_OK(ioloop_remove_handler(loop, pair[0]));
  test_loop_free(loop);
  CHECK_SYS(close(pair[0]));
}

TEST(29, "a reset is reported to a reader") {
  check_reset(IOLOOP_READ);
}

TEST(29, "a reset is reported to a writer whose buffer is full") {
  check_reset(IOLOOP_WRITE);
}

TEST(29, "a reset is reported to a reader and writer") {
  check_reset(IOLOOP_READ | IOLOOP_WRITE);
}

TEST(29, "an end behind buffered data comes after the data") {
  for (size_t i = 0; i < STREAMS; i++) {
    struct ioloop *loop = test_loop_new();
    struct record record = {.limit = 3};
    int pair[2];
    make_pair(streams[i], pair);
    NOTE("%s", kind_names[streams[i]]);
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_read_one, &record));
    run_turns(loop, 2);
    put(pair[1], 10);
    RUN_UNTIL(loop, record.bytes >= 3);
    CHECK_SYS(close(pair[1]));
    RUN_UNTIL(loop, record.end);
    CHECK_IS(record.bytes, ==, 10);
    test_loop_free(loop);
    CHECK_SYS(close(pair[0]));
  }
}

static void send_and_close(void *fd) {
  put(*(int *)fd, 10);
  CHECK_SYS(close(*(int *)fd));
}

/* The difficulty with signals: both have arrived, and after a short read no further signal
 * comes. */
static void check_data_and_end(enum kind kind, int limit, int when) {
  struct ioloop *loop = test_loop_new();
  struct record record = {.limit = limit};
  struct later sender;
  int pair[2];
  make_pair(kind, pair);
  if (when == 0)
    send_and_close(&pair[1]);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_read_one, &record));
  if (when > 0)
    run_turns(loop, 2);
  if (when == 1)
    send_and_close(&pair[1]);
  if (when == 2)
    later(&sender, MS(3), send_and_close, &pair[1]);
  RUN_UNTIL(loop, record.end);
  if (when == 2)
    later_join(&sender);
  CHECK_IS(record.bytes, ==, 10);
  CHECK_IS(record.error, ==, 0);
  test_loop_free(loop);
  CHECK_SYS(close(pair[0]));
}

TEST(30, "data and end that arrive before the first read are both seen") {
  for (size_t i = 0; i < STREAMS; i++)
    for (int when = 0; when < 3; when++) /* before add, after it, during the wait */
      for (int limit = 1; limit <= 20; limit += limit < 4 ? 1 : 8) {
        NOTE("%s, reads of %d, order %d", kind_names[streams[i]], limit, when);
        check_data_and_end(streams[i], limit, when);
      }
}
