/* SPDX-License-Identifier: MIT */
/*
 * room.c - conformance 501: full sockets, and peers that have finished sending and do not
 * read. Such a socket is never quiet in the kernel's eyes (POLLRDHUP, POLLIN), and must be in ours.
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

TEST(501, "WRITE alone, no room, the peer half-closed: no wake-up until it reads") {
  for (size_t i = 0; i < COUNT(kinds); i++) {
    struct ioloop *loop = test_loop_new();
    struct record record = {0};
    int pair[2];
    NOTE("%s", kind_names[kinds[i]]);
    make_pair(kinds[i], pair);
    put(pair[1], 1); /* readable as well, which is not wanted either */
    CHECK_SYS(shutdown(pair[1], SHUT_WR));
    fill_up(pair[0]);
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_WRITE, on_event, &record));
    for (int round = 0; round < 3; round++) {
      CHECK_QUIET(loop, MS(30));
      record.calls = 0;
      drain(pair[1]);
      RUN_UNTIL(loop, record.calls);
      CHECK_IS(record.events & IOLOOP_READ, ==, 0);
      fill_up(pair[0]);
      run_turns(loop, 3); /* what was found before that */
    }
    CHECK_OK(ioloop_update_handler(loop, pair[0], IOLOOP_READ));
    record.calls = 0;
    RUN_UNTIL(loop, record.calls && record.events == IOLOOP_READ);
    CHECK_OK(ioloop_update_handler(loop, pair[0], IOLOOP_WRITE));
    CHECK_QUIET(loop, MS(30));
    CHECK_OK(ioloop_remove_handler(loop, pair[0]));
    test_loop_free(loop);
    close_pair(pair);
  }
}

TEST(501, "READ alone beside room, a full socket, our own half-close: no wake-up") {
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

TEST(501, "a mask of 0: neither data, nor an end, nor a reset wakes") {
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
