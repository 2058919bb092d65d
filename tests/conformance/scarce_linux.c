/* SPDX-License-Identifier: MIT */
/*
 * scarce_linux.c - a loop when the process has no descriptors left, or the kernel no memory: an
 * error or a pause, but never the end of the process, a call for a closed descriptor, or a spin.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "failing.h"
#include "support.h"

static rlim_t lower_limit(rlim_t limit) {
  struct rlimit old, low;
  CHECK_SYS(getrlimit(RLIMIT_NOFILE, &old));
  low = (struct rlimit){.rlim_cur = limit, .rlim_max = old.rlim_max};
  CHECK_SYS(setrlimit(RLIMIT_NOFILE, &low));
  return old.rlim_cur;
}

/* Allow this many numbers to be opened, and no more. */
static void leave_free(unsigned count) {
  int number = SYS(dup(2));
  CHECK_SYS(close(number));
  lower_limit((rlim_t)number + count); /* the numbers below are taken, those from it on are free */
}

/* The probe tries only a call or two, so it may succeed with less than a loop needs. */
static void make_loop_with(void *count) {
  leave_free(*(unsigned *)count);
  struct ioloop_backend_info info;
  CHECK_OK(ioloop_backend_probe(tap_argument, &info, sizeof info));
  CHECK(info.error == 0 || info.error == -EMFILE);
  struct ioloop *loop = NULL;
  int r = ioloop_new(tap_argument, &loop);
  CHECK(r == 0 || r == -EMFILE);
  CHECK(r == 0 || *(unsigned *)count < 8);
  CHECK(r != 0 || info.error == 0);
  if (r == 0)
    CHECK_OK(ioloop_free(loop));
}

TEST(133, "a loop is made with few descriptors left, or refused: the process goes on") {
  for (unsigned count = 0; count <= 8; count++) {
    NOTE("%u", count);
    wait_child(fork_child(make_loop_with, &count));
  }
}

static void free_without_room(void *loop) {
  lower_limit(0);
  CHECK_OK(ioloop_free(loop));
}

TEST(133, "a child without descriptors frees what it inherited, and goes on; so does its parent") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int pair[2];
  make_pair(UNIX_STREAM, pair);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
  run_turns(loop, 2);
  wait_child(fork_child(free_without_room, loop));
  put(pair[1], 1);
  RUN_UNTIL(loop, record.bytes == 1);
  CHECK_QUIET(loop, MS(20));
  test_loop_free(loop);
  close_pair(pair);
}

/* Closed without remove, writable, and its file lives on; there is no descriptor for a new set.
 * Models whose kernel reports files notice after some wake-ups. */
TEST(134,
     "a closed number whose file lives on, and the descriptor table is full: no calls, no spin") {
  skip_if_readiness_is_presumed();
  struct ioloop *loop = test_loop_new();
  struct record record = {0}, other = {0};
  int pair[2], alive[2];
  make_pair(UNIX_STREAM, alive);
  make_pair(UNIX_STREAM, pair);
  CHECK_OK(ioloop_add_handler(loop, alive[0], IOLOOP_READ, on_drain, &other));
  int closed = move_fd_above(SYS(dup(pair[0])), 40);
  CHECK_OK(ioloop_add_handler(loop, closed, IOLOOP_WRITE, on_event, &record));
  run_turns(loop, 2);
  CHECK_SYS(close(closed));
  rlim_t limit = lower_limit(0);
  run_turns(loop, 600);
  record.calls = 0;
  CHECK_NO_SPIN(loop, MS(200));
  put(alive[1], 1);
  RUN_UNTIL(loop, other.bytes == 1);
  CHECK_IS(record.calls, ==, 0);
  CHECK_ERROR(ioloop_remove_handler(loop, closed), ENOENT);
  lower_limit(limit);
  CHECK_QUIET(loop, MS(30));
  CHECK_QUIET(loop, MS(30));
  test_loop_free_abandoned(loop, 1);
  close_pair(alive);
  close_pair(pair);
}

TEST(136,
     "two changes in a row for which there is no memory: nothing is watched, the last one holds") {
  skip_if_readiness_is_presumed();
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int pair[2];
  make_pair(UNIX_STREAM, pair);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
  run_turns(loop, 2);
  failing_next(FAILING_CHANGES, INT_MAX, ENOMEM);
  CHECK_OK(ioloop_update_handler(loop, pair[0], IOLOOP_READ | IOLOOP_WRITE));
  run_turns(loop, 1);
  CHECK_OK(ioloop_replace_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
  record.calls = 0;
  CHECK_NO_SPIN(loop, MS(100));
  CHECK_OK(ioloop_update_handler(loop, pair[0], 0));
  CHECK_OK(ioloop_run_once(loop, 0));
  CHECK_QUIET(loop, MS(20));
  failing_next(FAILING_CHANGES, 0, 0);
  CHECK_OK(ioloop_update_handler(loop, pair[0], IOLOOP_READ));
  CHECK_QUIET(loop, MS(20));
  CHECK_IS(record.calls, ==, 0);
  put(pair[1], 1);
  RUN_UNTIL(loop, record.bytes == 1);
  test_loop_free(loop);
  close_pair(pair);
}

static bool asks_twice(const char *backend) {
  return strcmp(backend, "sigio") == 0 || strcmp(backend, "epoll-et") == 0;
}

/* Both ask a second call what the first one saw: its errors count as well. */
TEST(137, "the second call of a wait fails: a passing error pauses, any other ends the run") {
  if (!asks_twice(tap_argument))
    SKIP("a wait is one call, or the second says nothing");
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int pair[2];
  make_pair(UNIX_STREAM, pair);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
  run_turns(loop, 2);
  put(pair[1], 1);
  failing_next(FAILING_HINTS, INT_MAX, ENOMEM);
  CHECK_NO_SPIN(loop, MS(200));
  failing_next(FAILING_HINTS, 1, EIO);
  CHECK_ERROR(ioloop_run_once(loop, MS(100)), EIO);
  failing_next(FAILING_HINTS, 0, 0);
  RUN_UNTIL(loop, record.bytes == 1);
  CHECK_QUIET(loop, MS(20));
  test_loop_free(loop);
  close_pair(pair);
}

/* Found by the fuzzer: select, in place of poll, fails if one is closed, and the models that keep
 * cold what a poll saw not ready took none of the others for ready. */
TEST(126, "RLIMIT_NOFILE is low, and a registered descriptor is closed: the others are reported") {
  struct ioloop *loop = test_loop_new();
  struct record records[20] = {{0}};
  int pairs[20][2];
  for (int k = 0; k < 20; k++) {
    make_pair(TCP, pairs[k]);
    CHECK_OK(ioloop_add_handler(loop, pairs[k][0], IOLOOP_READ, on_event, &records[k]));
  }
  put(pairs[0][1], 1); /* ready, and not read: it is polled in each wait */
  RUN_UNTIL(loop, records[0].calls > 0);
  run_turns(loop, 2);
  struct rlimit old, low;
  CHECK_SYS(getrlimit(RLIMIT_NOFILE, &old));
  low = (struct rlimit){.rlim_cur = 2, .rlim_max = old.rlim_max};
  CHECK_SYS(setrlimit(RLIMIT_NOFILE, &low));
  CHECK_OK(ioloop_update_handler(loop, pairs[3][0], IOLOOP_WRITE));
  CHECK_SYS(close(pairs[0][0])); /* without removing it */
  run_turns(loop, 5);
  CHECK(records[3].seen & IOLOOP_WRITE);
  CHECK_SYS(setrlimit(RLIMIT_NOFILE, &old));
  test_loop_free_abandoned(loop, 1);
  CHECK_SYS(close(pairs[0][1]));
  for (int k = 1; k < 20; k++)
    close_pair(pairs[k]);
}

static bool is_select(const char *backend) {
  return strncmp(backend, "select", 6) == 0 || strcmp(backend, "libevent:select") == 0;
}

/* Found by the fuzzer: select, in place of poll, does not see the hang-up, and the models that keep
 * cold what a poll saw not ready did not poll it again. */
TEST(126, "a hang-up that came while RLIMIT_NOFILE was low is reported afterwards") {
  if (is_select(tap_argument))
    SKIP("select does not report a hang-up for WRITE");
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int pair[2];
  CHECK_SYS(pipe(pair));
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_WRITE, on_event, &record));
  run_turns(loop, 2);
  rlim_t limit = lower_limit(0);
  CHECK_SYS(close(pair[1]));
  run_turns(loop, 5);
  lower_limit(limit);
  record.calls = 0;
  RUN_UNTIL(loop, record.calls > 0);
  CHECK_IS(metrics_of(loop).rescues, ==, 0);
  CHECK_OK(ioloop_remove_handler(loop, pair[0]));
  test_loop_free(loop);
  CHECK_SYS(close(pair[0]));
}

/* A user of its own, as all processes of one share what they may lock. Where that is refused, in a user
 * namespace or not as root, there is no privilege to drop. */
static void drop_privileges(void) {
  uid_t user = 100000 + (uid_t)getpid();
  if (setresuid(user, user, user) == 0)
    CHECK_SYS(prctl(PR_SET_DUMPABLE, 1)); /* for LeakSanitizer */
}

TEST(144, "a user without privileges makes and frees loops, one after the other") {
  struct rlimit limit;
  CHECK_SYS(getrlimit(RLIMIT_MEMLOCK, &limit));
  limit.rlim_cur = limit.rlim_max < 1 << 20 ? limit.rlim_max : 1 << 20; /* 4 loops of io_uring */
  CHECK_SYS(setrlimit(RLIMIT_MEMLOCK, &limit));
  drop_privileges();
  for (int i = 0; i < 20; i++) {
    struct ioloop *loop = test_loop_new();
    CHECK_OK(ioloop_run_once(loop, 0));
    test_loop_free(loop);
  }
}
