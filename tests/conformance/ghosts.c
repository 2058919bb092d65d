/* SPDX-License-Identifier: MIT */
/* ghosts.c - conformance 16, continued (lifetime.c): many ghosts at once. */
#include <errno.h>
#include <unistd.h>

#include "support.h"

/* Getting rid of them costs a system call per descriptor that is watched. */
TEST(16, "dups of many descriptors that were removed after their close cost one new set") {
  enum {
    GHOSTS = 20
  };
  skip_if_readiness_is_presumed();
  struct ioloop *loop = test_loop_new();
  int pairs[GHOSTS][2], duplicates[GHOSTS];
  for (int i = 0; i < GHOSTS; i++) {
    make_pair(UNIX_STREAM, pairs[i]);
    duplicates[i] = SYS(dup(pairs[i][0]));
    CHECK_OK(ioloop_add_handler(loop, pairs[i][0], IOLOOP_READ, on_never, NULL));
  }
  run_turns(loop, 2);
  for (int i = 0; i < GHOSTS; i++) {
    CHECK_SYS(close(pairs[i][0]));
    int r = ioloop_remove_handler(loop, pairs[i][0]);
    CHECK(r == 0 || r == -ENOENT);
  }
  for (int i = 0; i < GHOSTS; i++)
    put(pairs[i][1], 1);
  CHECK_QUIET(loop, MS(20));
  CHECK_IS(metrics_of(loop).rebuilds, <=, 1);
  test_loop_free_abandoned(loop, GHOSTS);
  for (int i = 0; i < GHOSTS; i++) {
    CHECK_SYS(close(duplicates[i]));
    CHECK_SYS(close(pairs[i][1]));
  }
}
