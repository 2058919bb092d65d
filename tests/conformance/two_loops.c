/* SPDX-License-Identifier: MIT */
/* two_loops.c - conformance 52: two loops, in two threads and in one. */
#include <pthread.h>

#include "support.h"

struct side {
  pthread_t thread, expected;
  struct ioloop *loop;
  int pairs[8][2];
  size_t received, turns;
  struct barrier *together;
};

static void on_side(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct side *side = arg;
  (void)events;
  CHECK(loop == side->loop);
  CHECK(pthread_equal(pthread_self(), side->thread));
  side->received += drain(fd);
}

static void *run_side(void *arg) {
  struct side *side = arg;
  size_t sent = 0;
  side->thread = pthread_self();
  side->loop = test_loop_new();
  for (int i = 0; i < 8; i++) {
    make_pair((enum kind)(i % KINDS), side->pairs[i]);
    CHECK_OK(ioloop_add_handler(side->loop, side->pairs[i][0], IOLOOP_READ, on_side, side));
  }
  barrier_wait(side->together);
  for (size_t turn = 0; turn < side->turns; turn++) {
    put(side->pairs[turn % 8][1], 1 + turn % 5);
    sent += 1 + turn % 5;
    if (turn % 3 == 0)
      RUN_UNTIL(side->loop, side->received == sent);
  }
  RUN_UNTIL(side->loop, side->received == sent);
  barrier_wait(side->together);
  CHECK_QUIET(side->loop, MS(10));
  test_loop_free(side->loop);
  for (int i = 0; i < 8; i++)
    close_pair(side->pairs[i]);
  return NULL;
}

TEST(52, "two loops in two threads do not see each other's descriptors") {
  static struct side sides[2];
  struct barrier together;
  pthread_t threads[2];
  barrier_init(&together, 2);
  for (int i = 0; i < 2; i++) {
    sides[i] = (struct side){.turns = tap_count(20000), .together = &together};
    CHECK_THREAD(pthread_create(&threads[i], NULL, run_side, &sides[i]));
  }
  for (int i = 0; i < 2; i++)
    CHECK_THREAD(pthread_join(threads[i], NULL));
  barrier_destroy(&together);
}

TEST(52, "two loops in one thread do not see each other's descriptors") {
  struct ioloop *a = test_loop_new(), *b = test_loop_new();
  struct record in_a = {0}, in_b = {0};
  int pair_a[2], pair_b[2];
  make_pair(UNIX_STREAM, pair_a);
  make_pair(UNIX_STREAM, pair_b);
  CHECK_OK(ioloop_add_handler(a, pair_a[0], IOLOOP_READ, on_drain, &in_a));
  CHECK_OK(ioloop_add_handler(b, pair_b[0], IOLOOP_READ, on_drain, &in_b));
  put(pair_a[1], 1);
  CHECK_QUIET(b, MS(5));
  put(pair_b[1], 1);
  RUN_UNTIL(a, in_a.bytes == 1);
  CHECK_QUIET(a, MS(5));
  RUN_UNTIL(b, in_b.bytes == 1);
  test_loop_free(a);
  put(pair_b[1], 1);
  RUN_UNTIL(b, in_b.bytes == 2);
  test_loop_free(b);
  close_pair(pair_a);
  close_pair(pair_b);
}
