/* SPDX-License-Identifier: MIT */
/*
 * level_linux.c - conformance 33 for UDP. Nothing can fill the send buffer of a UDP socket over
 * loopback, where a datagram changes hands at once; but a corked one keeps what is written until
 * it is uncorked (udp(7), UDP_CORK), and is not writable when that is half of the buffer.
 */
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

static void cork(int fd, int on) {
  CHECK_SYS(setsockopt(fd, IPPROTO_UDP, UDP_CORK, &on, sizeof on));
}

static void uncork(void *fd) {
  cork(*(int *)fd, 0);
}

static void fill_corked(int fd) {
  struct pollfd writable = {.fd = fd, .events = POLLOUT};
  cork(fd, 1);
  do
    put(fd, 200);
  while (poll(&writable, 1, 0) > 0);
}

TEST(33, "writability returns after a full buffer: UDP") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  struct later later_on;
  int pair[2], size = 1;
  make_pair(UDP, pair);
  CHECK_SYS(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size));
  CHECK_OK(ioloop_add_handler(loop, pair[1], IOLOOP_WRITE, on_event, &record));
  RUN_UNTIL(loop, record.calls);
  for (int turn = 0; turn < 5; turn++) {
    fill_corked(pair[1]);
    run_turns(loop, 2);
    CHECK_QUIET(loop, MS(5));
    record.calls = 0;
    later(&later_on, MS(3), uncork, &pair[1]);
    RUN_UNTIL(loop, record.calls);
    later_join(&later_on);
    CHECK_IS(record.events, ==, IOLOOP_WRITE);
    CHECK_IS(drain(pair[0]), >, 0);
  }
  test_loop_free(loop);
  close_pair(pair);
}
