/* SPDX-License-Identifier: MIT */
/* fork.c - conformance 53: a loop does not survive fork; the parent's is not affected. */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "support.h"

static void on_signal(struct ioloop *loop, int signo, void *arg) {
  struct record *record = arg;
  (void)loop;
  record->calls++;
  record->fd = signo;
}

struct family {
  struct ioloop *loop;
  int pairs[4][2];
  struct record record;
};

static void found_family(struct family *family) {
  *family = (struct family){.loop = test_loop_new()};
  for (int i = 0; i < 4; i++) {
    make_pair((enum kind)i, family->pairs[i]);
    CHECK_OK(ioloop_add_handler(family->loop, family->pairs[i][0], IOLOOP_READ, on_drain,
                                &family->record));
  }
  run_turns(family->loop, 2);
}

static void check_parent_works(struct family *family) {
  for (int i = 0; i < 4; i++) {
    size_t before = family->record.bytes;
    CHECK_QUIET(family->loop, MS(5));
    put(family->pairs[i][1], 3);
    RUN_UNTIL(family->loop, family->record.bytes == before + 3);
  }
}

static void end_family(struct family *family) {
  check_parent_works(family);
  test_loop_free(family->loop);
  for (int i = 0; i < 4; i++)
    close_pair(family->pairs[i]);
}

static void use_inherited_loop(void *arg) {
  struct family *family = arg;
  struct ioloop *loop = family->loop;
  int fd = family->pairs[0][0];
  CHECK_ERROR(ioloop_run_once(loop, 0), ECHILD);
  CHECK_ERROR(ioloop_start(loop), ECHILD);
  CHECK_ERROR(ioloop_update_handler(loop, fd, IOLOOP_READ), ECHILD);
  CHECK_ERROR(ioloop_replace_handler(loop, fd, IOLOOP_READ, on_never, NULL), ECHILD);
  CHECK_ERROR(ioloop_remove_handler(loop, fd), ECHILD);
  CHECK_ERROR(ioloop_add_handler(loop, family->pairs[0][1], IOLOOP_WRITE, on_never, NULL), ECHILD);
}

static void free_inherited_loop(void *arg) {
  struct family *family = arg;
  use_inherited_loop(arg);
  CHECK_OK(ioloop_free(family->loop));
}

TEST(53, "fork: the child's calls are -ECHILD, the parent is undisturbed") {
  struct family family;
  found_family(&family);
  pid_t child = fork_child(use_inherited_loop, &family);
  check_parent_works(&family);
  wait_child(child);
  end_family(&family);
}

TEST(53, "fork: the child frees its copy, the parent is undisturbed") {
  struct family family;
  found_family(&family);
  wait_child(fork_child(free_inherited_loop, &family));
  check_parent_works(&family);
  wait_child(fork_child(free_inherited_loop, &family));
  end_family(&family);
}

static void build_own_loop(void *arg) {
  struct family *parents = arg, own;
  CHECK_OK(ioloop_free(parents->loop));
  for (int i = 0; i < 4; i++)
    close_pair(parents->pairs[i]);
  found_family(&own);
  check_parent_works(&own);
  end_family(&own);
}

TEST(53, "fork: the child builds its own loop while the parent goes on") {
  struct family family;
  found_family(&family);
  pid_t child = fork_child(build_own_loop, &family);
  for (int turn = 0; turn < 5; turn++)
    check_parent_works(&family);
  wait_child(child);
  end_family(&family);
}

static void fork_in_handler(struct ioloop *loop, int fd, unsigned events, void *arg) {
  on_drain(loop, fd, events, arg);
  pid_t child = fork();
  CHECK_SYS(child);
  if (child == 0) { /* the copy is that of a running loop */
    struct ioloop *own = NULL;
    CHECK_OK(ioloop_free(loop));
    CHECK_OK(ioloop_new(tap_argument, &own));
    CHECK_OK(ioloop_run_once(own, 0));
    CHECK_OK(ioloop_free(own));
    _exit(0);
  }
  wait_child(child);
}

TEST(53, "fork inside a handler") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int pair[2];
  make_pair(TCP, pair);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, fork_in_handler, &record));
  for (size_t bytes = 1; bytes <= 3; bytes++) {
    put(pair[1], 1);
    RUN_UNTIL(loop, record.bytes == bytes);
  }
  CHECK_QUIET(loop, MS(5));
  test_loop_free(loop);
  close_pair(pair);
}

static void take_signal(void *signo) {
  CHECK_SYS(raise(*(int *)signo)); /* must neither kill nor reach the parent */
}

static void remove_and_take_signal(void *loop) {
  CHECK_ERROR(ioloop_remove_signal(loop, SIGUSR1), ECHILD);
  CHECK_SYS(raise(SIGUSR1)); /* must not kill */
}

TEST(119, "fork: the child cannot remove its parent's signal, which does nothing there") {
  struct ioloop *loop = test_loop_new();
  struct record told = {0};
  CHECK_OK(ioloop_add_signal(loop, SIGUSR1, on_signal, &told));
  wait_child(fork_child(remove_and_take_signal, loop));
  CHECK_QUIET(loop, MS(5));
  CHECK_IS(told.calls, ==, 0);
  CHECK_OK(ioloop_remove_signal(loop, SIGUSR1));
  test_loop_free(loop);
}

TEST(53, "fork: a signal of the child is not reported to the parent") {
  struct family family;
  struct record told = {0};
  int signo = SIGUSR1;
  found_family(&family);
  CHECK_OK(ioloop_add_signal(family.loop, SIGUSR1, on_signal, &told));
  uint64_t wakeups = metrics_of(family.loop).wakeups;
  wait_child(fork_child(take_signal, &signo));
  CHECK_QUIET(family.loop, MS(10));
  CHECK_IS(told.calls, ==, 0);
  if (!presumes_readiness())
    CHECK_IS(metrics_of(family.loop).wakeups, ==, wakeups);
  CHECK_SYS(raise(SIGUSR1));
  RUN_UNTIL(family.loop, told.calls == 1);
  end_family(&family);
}
