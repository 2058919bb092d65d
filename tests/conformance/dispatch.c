/* SPDX-License-Identifier: MIT */
/* dispatch.c - conformance 19 to 21, 25: what handlers may do, and the order in which they run. */
#include <errno.h>
#include <unistd.h>

#include "support.h"

/* Several descriptors that are ready in the same batch. */
#define GROUP 6

struct group {
  int pairs[GROUP][2];
  unsigned calls;
  int first; /* number of the one that was called first */
  struct record later_owner;
  int new_pair[2];
};

static void make_group(struct ioloop *loop, struct group *group, ioloop_handler_fn *handler) {
  *group = (struct group){.first = -1};
  for (int i = 0; i < GROUP; i++) {
    make_pair(UNIX_STREAM, group->pairs[i]);
    CHECK_OK(ioloop_add_handler(loop, group->pairs[i][0], IOLOOP_READ, handler, group));
  }
  if (!presumes_readiness())
    run_turns(loop, 2); /* known not to be ready, so that all become ready together */
  CHECK_IS(group->calls, ==, 0);
  for (int i = 0; i < GROUP; i++)
    put(group->pairs[i][1], 1);
}

static void close_group(struct group *group) {
  for (int i = 0; i < GROUP; i++)
    close_pair(group->pairs[i]);
}

static void remove_the_others(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct group *group = arg;
  (void)events;
  if (group->calls++ > 0) {
    CHECK_IS(fd, ==, group->first);
    return;
  }
  group->first = fd;
  for (int i = 0; i < GROUP; i++)
    if (group->pairs[i][0] != fd)
      CHECK_OK(ioloop_remove_handler(loop, group->pairs[i][0]));
}

TEST(19, "a handler removed by another of the same batch is not called") {
  struct ioloop *loop = test_loop_new();
  struct group group;
  make_group(loop, &group, remove_the_others);
  RUN_UNTIL(loop, group.calls == 3); /* always the first, which is still ready */
  test_loop_free(loop);
  close_group(&group);
}

static void remove_and_close_the_others(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct group *group = arg;
  remove_the_others(loop, fd, events, arg);
  for (int i = 0; i < GROUP && group->calls == 1; i++)
    if (group->pairs[i][0] != fd) {
      CHECK_SYS(close(group->pairs[i][0]));
      group->pairs[i][0] = SYS(dup(0)); /* so that close_group has something to close */
    }
}

TEST(19, "handlers removed and closed by another of the same batch are not called") {
  struct ioloop *loop = test_loop_new();
  struct group group;
  make_group(loop, &group, remove_and_close_the_others);
  RUN_UNTIL(loop, group.calls == 3);
  test_loop_free(loop);
  close_group(&group);
}

static void disarm_the_others(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct group *group = arg;
  (void)events;
  if (group->calls++ == 0) {
    group->first = fd;
    for (int i = 0; i < GROUP; i++)
      if (group->pairs[i][0] != fd)
        CHECK_OK(ioloop_update_handler(loop, group->pairs[i][0], 0));
  }
  CHECK_IS(fd, ==, group->first);
}

TEST(19, "a handler whose mask was cleared by another of the same batch is not called") {
  struct ioloop *loop = test_loop_new();
  struct group group;
  make_group(loop, &group, disarm_the_others);
  RUN_UNTIL(loop, group.calls == 3);
  test_loop_free(loop);
  close_group(&group);
}

static void readd_self(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct record *record = arg;
  on_event(loop, fd, events, arg);
  CHECK_OK(ioloop_remove_handler(loop, fd));
  if (record->calls % 2)
    CHECK_OK(ioloop_add_handler(loop, fd, IOLOOP_READ, readd_self, arg));
  else /* twice: the second registration in one call must work as well */
    for (int turn = 0; turn < 2; turn++) {
      CHECK_OK(ioloop_add_handler(loop, fd, IOLOOP_READ, readd_self, arg));
      if (turn == 0)
        CHECK_OK(ioloop_remove_handler(loop, fd));
    }
}

TEST(20, "a handler removes and re-adds itself") {
  for (enum kind kind = 0; kind < KINDS; kind++) {
    struct ioloop *loop = test_loop_new();
    struct record record = {0};
    int pair[2];
    make_pair(kind, pair);
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, readd_self, &record));
    put(pair[1], 1);
    RUN_UNTIL(loop, record.calls == 20);
    take(pair[0], 1);
    CHECK_QUIET(loop, MS(10));
    put(pair[1], 1);
    RUN_UNTIL(loop, record.calls >= 25);
    CHECK_OK(ioloop_remove_handler(loop, pair[0]));
    CHECK_QUIET(loop, MS(10));
    test_loop_free(loop);
    close_pair(pair);
  }
}

static void remove_self(struct ioloop *loop, int fd, unsigned events, void *arg) {
  on_event(loop, fd, events, arg);
  CHECK_OK(ioloop_remove_handler(loop, fd));
}

TEST(20, "a handler removes itself") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int pair[2];
  make_pair(UNIX_STREAM, pair);
  put(pair[1], 1);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, remove_self, &record));
  RUN_UNTIL(loop, record.calls);
  CHECK_QUIET(loop, MS(10));
  CHECK_IS(record.calls, ==, 1);
  test_loop_free(loop);
  close_pair(pair);
}

/* The first one called gives every other number of the batch to a file that is not ready. */
static void reuse_the_others(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct group *group = arg;
  (void)events;
  CHECK_IS(group->calls++, ==, 0);
  group->first = fd;
  drain(fd);
  for (int i = 0; i < GROUP; i++) {
    int number = group->pairs[i][0];
    if (number == fd)
      continue;
    CHECK_OK(ioloop_remove_handler(loop, number));
    close_pair(group->pairs[i]);
    make_pair(UNIX_STREAM, group->pairs[i]); /* takes the two numbers just closed */
    if (group->pairs[i][1] == number) {
      group->pairs[i][1] = group->pairs[i][0];
      group->pairs[i][0] = number;
    }
    CHECK_IS(group->pairs[i][0], ==, number);
    CHECK_OK(ioloop_add_handler(loop, number, IOLOOP_READ, on_drain, &group->later_owner));
  }
}

TEST(21, "a number closed and reused inside the batch does not get the old event") {
  skip_if_readiness_is_presumed();
  struct ioloop *loop = test_loop_new();
  struct group group;
  make_group(loop, &group, reuse_the_others);
  RUN_UNTIL(loop, group.calls);
  CHECK_QUIET(loop, MS(20));
  CHECK_IS(group.later_owner.calls, ==, 0);
  for (int i = 0; i < GROUP; i++)
    if (group.pairs[i][0] != group.first)
      put(group.pairs[i][1], 1);
  RUN_UNTIL(loop, group.later_owner.bytes == GROUP - 1);
  test_loop_free(loop);
  close_group(&group);
}

/* The same without closing: the registration is new, the file and its readiness are old. */
static void readd_the_others(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct group *group = arg;
  (void)events;
  CHECK_IS(group->calls++, ==, 0);
  drain(fd);
  for (int i = 0; i < GROUP; i++)
    if (group->pairs[i][0] != fd) {
      CHECK_OK(ioloop_remove_handler(loop, group->pairs[i][0]));
      CHECK_OK(
          ioloop_add_handler(loop, group->pairs[i][0], IOLOOP_READ, on_drain, &group->later_owner));
    }
}

TEST(21, "one removed and added again inside the batch loses no readiness") {
  skip_if_readiness_is_presumed();
  struct ioloop *loop = test_loop_new();
  struct group group;
  make_group(loop, &group, readd_the_others);
  RUN_UNTIL(loop, group.later_owner.bytes == GROUP - 1);
  CHECK_QUIET(loop, MS(10));
  test_loop_free(loop);
  close_group(&group);
}

struct fairness {
  struct record busy, quiet;
  unsigned callbacks, timeouts;
};

static void count_and_again(struct ioloop *loop, void *counter) {
  on_count(loop, counter);
  CHECK_OK(ioloop_add_callback(loop, count_and_again, counter));
}

static void time_and_again(struct ioloop *loop, void *counter) {
  on_count(loop, counter);
  CHECK_OK(ioloop_call_later(loop, 0, time_and_again, counter, NULL));
}

TEST(25, "an always-ready descriptor starves neither others, nor timers, nor callbacks") {
  struct ioloop *loop = test_loop_new();
  struct fairness fair = {0};
  int busy[2], quiet[2];
  make_pair(UNIX_STREAM, busy);
  make_pair(UNIX_STREAM, quiet);
  put(busy[1], 1);
  CHECK_OK(ioloop_add_handler(loop, busy[0], IOLOOP_READ, on_event, &fair.busy));
  CHECK_OK(ioloop_add_handler(loop, quiet[0], IOLOOP_READ, on_drain, &fair.quiet));
  RUN_UNTIL(loop, fair.busy.calls == 10);
  for (size_t turn = 1; turn <= 50; turn++) {
    unsigned before = fair.busy.calls;
    put(quiet[1], 1);
    RUN_UNTIL(loop, fair.quiet.bytes == turn);
    CHECK_IS(fair.busy.calls - before, <=, 20); /* at once, or after a few calls of the other */
  }
  CHECK_OK(ioloop_call_later(loop, MS(1), on_count, &fair.timeouts, NULL));
  CHECK_OK(ioloop_add_callback(loop, on_count, &fair.callbacks));
  RUN_UNTIL(loop, fair.timeouts && fair.callbacks);
  test_loop_free(loop);
  close_pair(busy);
  close_pair(quiet);
}

TEST(25, "many always-ready descriptors are served in turn") {
  enum {
    MANY = 600
  }; /* more than one wait reports */
  need_descriptors(2 * MANY + 50);
  struct ioloop *loop = test_loop_new();
  static struct record records[MANY];
  static int pairs[MANY][2];
  unsigned least = 0, most = 0;
  for (int i = 0; i < MANY; i++) {
    make_pair(UNIX_STREAM, pairs[i]);
    put(pairs[i][1], 1);
    CHECK_OK(ioloop_add_handler(loop, pairs[i][0], IOLOOP_READ, on_event, &records[i]));
  }
  for (int turn = 0; turn < 100; turn++) {
    CHECK_OK(ioloop_run_once(loop, 0));
    least = most = records[0].calls;
    for (int i = 1; i < MANY; i++) {
      least = records[i].calls < least ? records[i].calls : least;
      most = records[i].calls > most ? records[i].calls : most;
    }
    CHECK_IS(most - least, <=, 2);
  }
  CHECK_IS(least, >=, 10);
  test_loop_free(loop);
  for (int i = 0; i < MANY; i++)
    close_pair(pairs[i]);
}

TEST(25, "endless callbacks and zero timeouts starve neither descriptors nor each other") {
  struct ioloop *loop = test_loop_new();
  struct fairness fair = {0};
  int pair[2];
  make_pair(TCP, pair);
  put(pair[1], 1);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_event, &fair.busy));
  CHECK_OK(ioloop_add_callback(loop, count_and_again, &fair.callbacks));
  CHECK_OK(ioloop_call_later(loop, 0, time_and_again, &fair.timeouts, NULL));
  for (int turn = 0; turn < 200; turn++)
    CHECK_OK(ioloop_run_once(loop, SECONDS(5)));
  CHECK_IS(fair.callbacks, ==, 200);
  CHECK_IS(fair.timeouts, ==, 200);
  CHECK_IS(fair.busy.calls, >=, 100);
  test_loop_free(loop);
  close_pair(pair);
}
