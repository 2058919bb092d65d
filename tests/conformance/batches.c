/* SPDX-License-Identifier: MIT */
/* batches.c - conformance 151: one turn reports everything that is ready, however much it is. */
#include <unistd.h>

#include "crowd.h"

static void drain_crowd(struct crowd *crowd) {
  for (int i = 0; i < CROWD; i++)
    take(crowd->pairs[i][0], 1);
}

TEST(151, "of 1,000 descriptors that are ready one turn reports each, once") {
  struct crowd crowd;
  struct ioloop *loop = test_loop_new();
  crowd_begin(&crowd);
  crowd_add(loop, &crowd);
  for (unsigned turn = 1; turn <= 3; turn++) {
    run_turns(loop, 1);
    CHECK_IS(crowd_least(&crowd), ==, turn);
    CHECK_IS(crowd_most(&crowd), ==, turn);
  }
  crowd_end(loop, &crowd);
}

TEST(151, "the same of 1,000 that were quiet before") {
  struct crowd crowd;
  struct ioloop *loop = test_loop_new();
  crowd_begin(&crowd);
  crowd_add(loop, &crowd);
  for (int round = 0; round < 3; round++) {
    drain_crowd(&crowd);
    run_turns(loop, 3); /* found not ready: from here on an announcement is needed */
    crowd_send(&crowd);
    unsigned before = crowd_most(&crowd);
    run_turns(loop, 1);
    CHECK_IS(crowd_least(&crowd), ==, crowd_most(&crowd));
    CHECK_IS(crowd_most(&crowd), ==, before + 1);
  }
  crowd_end(loop, &crowd);
}

static void stop_then(struct ioloop *loop, int fd, unsigned events, void *arg) {
  (void)fd, (void)events;
  ++*(unsigned *)arg;
  ioloop_stop(loop);
}

static void add_them(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct crowd *crowd = arg;
  (void)events;
  CHECK_OK(ioloop_remove_handler(loop, fd));
  crowd_add(loop, crowd);
  CHECK_OK(ioloop_replace_handler(loop, crowd->pairs[0][0], IOLOOP_READ, stop_then, crowd->calls));
}

TEST(151, "1,000 ready descriptors that a handler adds are all reported by the next turn") {
  struct crowd crowd;
  struct ioloop *loop = test_loop_new();
  int pair[2];
  crowd_begin(&crowd);
  make_pair(PIPE, pair);
  put(pair[1], 1);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, add_them, &crowd));
  CHECK_OK(ioloop_start(loop));
  CHECK_IS(crowd_least(&crowd), ==, 1);
  CHECK_IS(crowd_most(&crowd), ==, 1);
  close_pair(pair);
  crowd_end(loop, &crowd);
}
