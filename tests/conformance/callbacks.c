/* SPDX-License-Identifier: MIT */
/* callbacks.c - conformance 24, continued (dispatch.c): callbacks alone keep a run going. */
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
