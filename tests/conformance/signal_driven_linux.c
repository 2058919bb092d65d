/* SPDX-License-Identifier: MIT */
/*
 * signal_driven_linux.c - conformance 54, the overflow of the rt signal queue, and of 57 the
 * descriptors that only Linux has. RLIMIT_SIGPENDING counts per user, over all processes: what
 * else runs can only make the queue smaller, and the tests harder.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "support.h"

#define BURST 100

/* Far more descriptors become ready between two waits than there is room for signals. */
static void check_burst(struct ioloop *loop) {
  int pairs[BURST][2];
  struct record record = {0};
  size_t sent = 0;
  for (int i = 0; i < BURST; i++) {
    make_pair((enum kind)(i % KINDS), pairs[i]);
    CHECK_OK(ioloop_add_handler(loop, pairs[i][0], IOLOOP_READ, on_drain, &record));
  }
  for (int round = 0; round < 20; round++) {
    run_turns(loop, 2);
    for (int i = round % 3; i < BURST; i += 1 + round % 3, sent++)
      put(pairs[i][1], 1);
    RUN_UNTIL(loop, record.bytes == sent);
  }
  CHECK_QUIET(loop, MS(5));
  for (int i = 0; i < BURST; i++) {
    CHECK_OK(ioloop_remove_handler(loop, pairs[i][0]));
    close_pair(pairs[i]);
  }
}

static void check_with_limit(rlim_t pending) {
  struct rlimit limit = {.rlim_cur = pending, .rlim_max = pending};
  CHECK_SYS(setrlimit(RLIMIT_SIGPENDING, &limit));
  struct ioloop *loop = test_loop_new();
  check_burst(loop);
  event_stress(loop, 30, tap_count(20000));
  if (strcmp(tap_argument, "rtsig") == 0)
    CHECK_IS(metrics_of(loop).overflows, >, 0);
  test_loop_free(loop);
}

TEST(54, "overflow at RLIMIT_SIGPENDING 0 loses nothing") {
  check_with_limit(0);
}

TEST(54, "overflow at RLIMIT_SIGPENDING 1 loses nothing") {
  check_with_limit(1);
}

TEST(54, "overflow at RLIMIT_SIGPENDING 16 loses nothing") {
  check_with_limit(16);
}

TEST(54, "the same workload without overflow loses nothing") {
  struct ioloop *loop = test_loop_new();
  check_burst(loop);
  event_stress(loop, 30, tap_count(20000));
  test_loop_free(loop);
}

TEST(57, "an eventfd and a timerfd beside sockets, while these are idle and while they are busy") {
  struct ioloop *loop = test_loop_new();
  struct record events = {0}, timers = {0}, others = {0};
  int event = SYS(eventfd(0, EFD_NONBLOCK)), pair[2];
  int timer = SYS(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  make_pair(TCP, pair);
  CHECK_OK(ioloop_add_handler(loop, event, IOLOOP_READ, on_drain, &events));
  CHECK_OK(ioloop_add_handler(loop, timer, IOLOOP_READ, on_drain, &timers));
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_event, &others));
  for (unsigned turn = 1; turn <= 30; turn++) {
    struct itimerspec soon = {.it_value = {.tv_nsec = 1000000}};
    CHECK_SYS(timerfd_settime(timer, 0, &soon, NULL));
    CHECK_SYS(eventfd_write(event, 1));
    if (turn == 15)
      put(pair[1], 1); /* never read: permanently ready from here on */
    RUN_UNTIL(loop, timers.bytes == 8 * turn && events.bytes == 8 * turn);
  }
  CHECK_IS(others.calls, >, 0);
  test_loop_free(loop);
  close_pair(pair);
  CHECK_SYS(close(event));
  CHECK_SYS(close(timer));
}
