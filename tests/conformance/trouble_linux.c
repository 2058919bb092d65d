/* SPDX-License-Identifier: MIT */
/*
 * trouble_linux.c - what a loop does when the kernel is short of something, or refuses: it neither
 * ends nor spins. A state in which a loop does not block and does nothing is a fault; the turns are
 * counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "failing.h"
#include "support.h"

/* ---- waits that fail -------------------------------------------------------------------- */

TEST(400, "a wait for which the kernel has no memory is made again") {
  static const int errors[] = {ENOMEM, EAGAIN, ENOBUFS, EINTR};
  for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
    struct ioloop *loop = test_loop_new();
    struct record record = {0};
    int pair[2];
    NOTE("%s", strerror(errors[i]));
    make_pair(UNIX_STREAM, pair);
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
    run_turns(loop, 2);
    for (int turn = 0; turn < 3; turn++) {
      failing_next(FAILING_WAITS, 1 + turn, errors[i]);
      put(pair[1], 1);
      RUN_UNTIL(loop, record.bytes == (size_t)turn + 1);
    }
    failing_next(FAILING_WAITS, 0, 0);
    CHECK_QUIET(loop, MS(20));
    test_loop_free(loop);
    close_pair(pair);
  }
}

TEST(400, "a lasting lack of memory for waits: the loop goes on, and does not spin") {
  skip_if_readiness_is_presumed();
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  unsigned timeouts = 0;
  int pair[2];
  make_pair(UNIX_STREAM, pair);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
  run_turns(loop, 2);
  put(pair[1], 1);
  failing_next(FAILING_WAITS, INT_MAX, ENOMEM);
  CHECK_OK(ioloop_call_later(loop, MS(30), on_count, &timeouts, NULL));
  CHECK_NO_SPIN(loop, MS(200));
  CHECK_IS(timeouts, ==, 1);
  failing_next(FAILING_WAITS, 0, 0);
  RUN_UNTIL(loop, record.bytes == 1);
  test_loop_free(loop);
  close_pair(pair);
}

/* ---- changes that fail ------------------------------------------------------------------ */

static int regular_file(void) {
  char path[] = P_tmpdir "/ioloop-XXXXXX";
  int fd = SYS(mkstemp(path));
  CHECK_SYS(unlink(path));
  return fd;
}

/* Another file under the number of a registered descriptor. */
static void replace(int fd, int other) {
  CHECK_SYS(dup2(other, fd));
  CHECK_SYS(close(other));
}

TEST(401, "the number of a registered descriptor is a regular file's: a change does not spin") {
  skip_if_readiness_is_presumed();
  for (int mask = IOLOOP_READ; mask <= (IOLOOP_READ | IOLOOP_WRITE); mask++) {
    if (mask == 2 || mask == 3)
      continue;
    struct ioloop *loop = test_loop_new();
    struct record record = {0};
    int pair[2];
    make_pair(UNIX_STREAM, pair);
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_event, &record));
    run_turns(loop, 2);
    replace(pair[0], regular_file());
    CHECK_OK(ioloop_update_handler(loop, pair[0], IOLOOP_WRITE));
    CHECK_OK(ioloop_run_once(loop, 0));
    int r = ioloop_update_handler(loop, pair[0], (unsigned)mask);
    CHECK(r == 0 || r == -ENOENT);
    struct ioloop_metrics before = metrics_of(loop);
    uint64_t deadline = tap_now() + MS(50);
    while (tap_left(deadline))
      CHECK_OK(ioloop_run_once(loop, tap_left(deadline)));
    struct ioloop_metrics after = metrics_of(loop);
    /* Models that do not see that it is another file call its handler: it is ready. */
    CHECK_IS(after.iterations - before.iterations, <=, 50 + after.events - before.events);
    r = ioloop_remove_handler(loop, pair[0]);
    CHECK(r == 0 || r == -ENOENT);
    test_loop_free_abandoned(loop, 1);
    close_pair(pair);
  }
}

TEST(402, "a change for which the kernel has no memory is made later, without a spin") {
  skip_if_readiness_is_presumed();
  static const int errors[] = {ENOMEM, ENOSPC};
  for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
    struct ioloop *loop = test_loop_new();
    struct record record = {0};
    int pair[2];
    NOTE("%s", strerror(errors[i]));
    make_pair(UNIX_STREAM, pair);
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
    run_turns(loop, 2);
    /* Writable all the time: what is not wanted any more must not wake. */
    CHECK_OK(ioloop_update_handler(loop, pair[0], IOLOOP_READ | IOLOOP_WRITE));
    RUN_UNTIL(loop, record.calls);
    CHECK_OK(ioloop_update_handler(loop, pair[0], IOLOOP_READ));
    failing_next(FAILING_CHANGES, INT_MAX, errors[i]);
    CHECK_NO_SPIN(loop, MS(200));
    failing_next(FAILING_CHANGES, 0, 0);
    put(pair[1], 1);
    RUN_UNTIL(loop, record.bytes == 1);
    CHECK_QUIET(loop, MS(20));
    test_loop_free(loop);
    close_pair(pair);
  }
}

/* ---- ghosts ------------------------------------------------------------------------------- */

/* A descriptor closed before it is removed, whose file lives on and is readable. */
static int make_ghost(struct ioloop *loop, int pair[2], struct record *record) {
  make_pair(UNIX_STREAM, pair);
  int duplicate = SYS(dup(pair[0]));
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_event, record));
  run_turns(loop, 2);
  CHECK_SYS(close(pair[0]));
  int r = ioloop_remove_handler(loop, pair[0]);
  CHECK(r == 0 || r == -ENOENT);
  put(pair[1], 1);
  return duplicate;
}

TEST(403, "a ghost while there is no descriptor for a new set: no spin, and gone afterwards") {
  skip_if_readiness_is_presumed();
  if (strncmp(tap_argument, "libevent", 8) == 0)
    SKIP("a ghost spins inside event_base_loop, which cannot be left");
  struct ioloop *loop = test_loop_new();
  struct record record = {0}, other = {0};
  int pair[2], alive[2];
  make_pair(UNIX_STREAM, alive);
  CHECK_OK(ioloop_add_handler(loop, alive[0], IOLOOP_READ, on_drain, &other));
  int duplicate = make_ghost(loop, pair, &record);
  failing_next(FAILING_SETS, INT_MAX, EMFILE);
  CHECK_NO_SPIN(loop, MS(200));
  put(alive[1], 1);
  RUN_UNTIL(loop, other.bytes == 1);
  failing_next(FAILING_SETS, 0, 0);
  CHECK_QUIET(loop, MS(30));
  CHECK_QUIET(loop, MS(30));
  CHECK_IS(record.calls, ==, 0);
  test_loop_free_abandoned(loop, 1);
  close_pair(alive);
  CHECK_SYS(close(duplicate));
  CHECK_SYS(close(pair[1]));
}

TEST(403, "a new set for which there is no memory is filled when there is") {
  skip_if_readiness_is_presumed();
  struct ioloop *loop = test_loop_new();
  struct record record = {0}, other = {0};
  int pair[2], alive[2];
  make_pair(UNIX_STREAM, alive);
  CHECK_OK(ioloop_add_handler(loop, alive[0], IOLOOP_READ, on_drain, &other));
  int duplicate = make_ghost(loop, pair, &record);
  failing_next(FAILING_CHANGES, INT_MAX, ENOSPC);
  CHECK_NO_SPIN(loop, MS(200));
  failing_next(FAILING_CHANGES, 0, 0);
  put(alive[1], 1);
  RUN_UNTIL(loop, other.bytes == 1);
  CHECK_QUIET(loop, MS(30));
  CHECK_IS(record.calls, ==, 0);
  test_loop_free_abandoned(loop, 1);
  close_pair(alive);
  CHECK_SYS(close(duplicate));
  CHECK_SYS(close(pair[1]));
}

static void handed_over(struct ioloop *loop, struct record *record, int peer) {
  struct ioloop_metrics before = metrics_of(loop);
  put(peer, 1); /* the other process's traffic */
  CHECK_QUIET(loop, MS(2));
  CHECK_IS(metrics_of(loop).rebuilds, ==, before.rebuilds);
  CHECK_IS(record->calls, ==, 1);
}

TEST(404, "descriptors removed here that another process holds cost no new set") {
  skip_if_readiness_is_presumed();
  struct ioloop *loop = test_loop_new();
  int gate[2];
  CHECK_SYS(pipe(gate));
  for (enum kind kind = 0; kind < KINDS; kind++) {
    struct record record = {0};
    int pair[2];
    make_pair(kind, pair);
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_event, &record));
    put(pair[1], 1);
    RUN_UNTIL(loop, record.calls);
    int held = SYS(dup(pair[0]));
    CHECK_OK(ioloop_remove_handler(loop, pair[0]));
    CHECK_SYS(close(pair[0]));
    record.calls = 1;
    handed_over(loop, &record, pair[1]);
    CHECK_SYS(close(held));
    CHECK_SYS(close(pair[1]));
  }
  CHECK_SYS(close(gate[0]));
  CHECK_SYS(close(gate[1]));
  test_loop_free(loop);
}
