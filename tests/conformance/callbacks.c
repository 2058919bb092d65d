/* SPDX-License-Identifier: MIT */
/*
 * callbacks.c - conformance 24, continued (dispatch.c): callbacks alone keep a run going. 606: the
 * constants for times.
 */
#include "support.h"

static void add_next(struct ioloop *loop, void *arg) {
  unsigned *left = arg;
  if (--*left)
    CHECK_OK(ioloop_add_callback(loop, add_next, left));
  else
    ioloop_stop(loop);
}

/* Nothing else would end a wait. */
TEST(24, "a run does not wait while its callbacks add others") {
  struct ioloop *loop = test_loop_new();
  unsigned left = 100;
  CHECK_OK(ioloop_add_callback(loop, add_next, &left));
  CHECK_OK(ioloop_start(loop));
  CHECK_IS(left, ==, 0);
  test_loop_free(loop);
}

TEST(606, "IOLOOP_MILLISECOND and IOLOOP_SECOND are delays of that time") {
  struct ioloop *loop = test_loop_new();
  unsigned calls = 0;
  uint64_t begun = tap_now();
  CHECK_IS(IOLOOP_SECOND, ==, 1000 * IOLOOP_MILLISECOND);
  CHECK_OK(ioloop_call_later(loop, 3 * IOLOOP_MILLISECOND, on_count, &calls, NULL));
  CHECK_OK(ioloop_call_later(loop, 1000 * IOLOOP_SECOND, on_never_called, NULL, NULL));
  RUN_UNTIL(loop, calls == 1);
  CHECK_IS(tap_now() - begun, >=, MS(3));
  test_loop_free(loop);
}
