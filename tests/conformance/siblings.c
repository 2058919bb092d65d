/* SPDX-License-Identifier: MIT */
/*
 * siblings.c - conformance 149 and 150: several loops in one thread. What the kernel announces to a
 * thread is for all of its loops, whichever of them takes it.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "worker.h"

#define MOST 10

struct sibling {
  struct ioloop *loop;
  int pairs[KINDS][2];
  struct record records[KINDS];
  size_t sent;
};

struct family {
  struct sibling siblings[MOST];
  int count, turns;
};

static void open_sibling(struct sibling *sibling) {
  *sibling = (struct sibling){.loop = test_loop_new()};
  for (int i = 0; i < KINDS; i++) {
    make_pair((enum kind)i, sibling->pairs[i]);
    CHECK_OK(ioloop_add_handler(sibling->loop, sibling->pairs[i][0], IOLOOP_READ, on_drain,
                                &sibling->records[i]));
  }
}

static void close_sibling(struct sibling *sibling) {
  test_loop_free(sibling->loop);
  for (int i = 0; i < KINDS; i++)
    close_pair(sibling->pairs[i]);
}

static void send_to(struct sibling *sibling) {
  for (int i = 0; i < KINDS; i++)
    put(sibling->pairs[i][1], 1);
  sibling->sent++;
}

static bool has_all(const struct sibling *sibling) {
  for (int i = 0; i < KINDS; i++)
    if (sibling->records[i].bytes != sibling->sent)
      return false;
  return true;
}

static void open_family(struct family *family, int count) {
  family->count = count;
  for (int i = 0; i < count; i++)
    open_sibling(&family->siblings[i]);
}

static void close_family(struct family *family) {
  for (int i = 0; i < family->count; i++)
    close_sibling(&family->siblings[(i + family->count / 2) % family->count]);
}

/* One runs, and takes what was announced to the thread; then each of the others must find its own
 * without being woken for it again. */
static void take_turns_of(struct sibling *siblings, int count, int turns) {
  for (int turn = 0; turn < turns; turn++) {
    struct sibling *first = &siblings[turn % count];
    for (int i = 0; i < count; i++)
      send_to(&siblings[i]);
    RUN_UNTIL(first->loop, has_all(first));
    CHECK_QUIET(first->loop, US(200));
    for (int i = 0; i < count; i++)
      RUN_UNTIL(siblings[i].loop, has_all(&siblings[i]));
  }
  for (int i = 0; i < count; i++)
    CHECK_QUIET(siblings[i].loop, MS(2));
}

static void take_turns(void *arg) {
  struct family *family = arg;
  take_turns_of(family->siblings, family->count, family->turns);
}

static void take_last_half(void *arg) {
  struct family *family = arg;
  take_turns_of(family->siblings + 3, 3, family->turns);
}

static void check_family(int count, int turns) {
  struct family family = {.turns = (int)tap_count((size_t)turns)};
  open_family(&family, count);
  take_turns(&family);
  close_family(&family);
}

TEST(149, "two loops in one thread, each served while the other has it") {
  check_family(2, 100);
}

TEST(149, "ten loops in one thread, each served while another has it") {
  check_family(10, 30);
}

TEST(149, "ten loops that one thread made are run by another, and then here again") {
  struct family family = {.turns = 10};
  open_family(&family, 10);
  do_in_new_thread(take_turns, &family);
  take_turns(&family);
  close_family(&family);
}

TEST(149, "loops that meet in one thread, where each has been run by a thread of its own") {
  struct family all = {.turns = 5};
  struct worker worker;
  worker_start(&worker);
  open_family(&all, 6);
  all.count = 3;
  take_turns(&all);
  worker_do(&worker, take_last_half, &all);
  all.count = 6;
  take_turns(&all);
  worker_do(&worker, take_turns, &all);
  worker_stop(&worker);
  close_family(&all);
}

static void run_other(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct sibling *other = arg;
  CHECK(loop != other->loop);
  CHECK_IS(drain(fd), ==, 1);
  (void)events;
  RUN_UNTIL(other->loop, has_all(other));
}

TEST(149, "a handler of one loop runs the other") {
  skip_if_readiness_is_presumed();
  struct family family;
  int pair[2];
  open_family(&family, 2);
  make_pair(TCP, pair);
  struct sibling *outer = &family.siblings[0], *inner = &family.siblings[1];
  CHECK_OK(ioloop_add_handler(outer->loop, pair[0], IOLOOP_READ, run_other, inner));
  for (int turn = 0; turn < 20; turn++) {
    CHECK_QUIET(outer->loop, US(200));
    put(pair[1], 1);
    send_to(inner);
    send_to(outer);
    RUN_UNTIL(outer->loop, has_all(outer) && has_all(inner));
  }
  CHECK_OK(ioloop_remove_handler(outer->loop, pair[0]));
  close_family(&family);
  close_pair(pair);
}

TEST(149, "a loop is freed while the signals of its siblings are pending") {
  struct family family = {.turns = 3};
  for (int turn = 0; turn < 10; turn++) {
    open_family(&family, 3);
    take_turns(&family);
    for (int i = 0; i < 3; i++)
      send_to(&family.siblings[i]);
    close_sibling(&family.siblings[0]);
    for (int i = 1; i < 3; i++)
      RUN_UNTIL(family.siblings[i].loop, has_all(&family.siblings[i]));
    CHECK_QUIET(family.siblings[1].loop, MS(1));
    close_sibling(&family.siblings[2]);
    close_sibling(&family.siblings[1]);
  }
}

/* ---- 150: when something runs out -------------------------------------------------------------- */

TEST(150, "the queue of signals overflows: no loop of the thread loses anything") {
#ifdef RLIMIT_SIGPENDING
  struct rlimit limit = {.rlim_cur = 3, .rlim_max = 3};
  CHECK_SYS(setrlimit(RLIMIT_SIGPENDING, &limit));
  struct family family = {.turns = 30};
  uint64_t overflows = 0;
  open_family(&family, 5);
  take_turns(&family);
  do_in_new_thread(take_turns, &family);
  for (int i = 0; i < 5; i++)
    overflows += metrics_of(family.siblings[i].loop).overflows;
  if (strcmp(tap_argument, "rtsig") == 0)
    CHECK_IS(overflows, >, 0);
  close_family(&family);
#else
  SKIP("no RLIMIT_SIGPENDING here");
#endif
}

TEST(150, "where there are no more signals for another loop, the probe says so in words") {
  if (strcmp(tap_argument, "rtsig"))
    SKIP("loops need no signal number each");
  struct ioloop *loops[64], *none = NULL;
  struct ioloop_backend_info info;
  int count = 0, r;
  while ((r = ioloop_new(tap_argument, &loops[count])) == 0)
    count++;
  CHECK_ERROR(r, ENOSPC);
  CHECK_IS(count, >, 10);
  CHECK_OK(ioloop_backend_probe(tap_argument, &info, sizeof info));
  CHECK_IS(info.error, ==, -ENOSPC);
  CHECK(strstr(info.reason, "real-time signal"));
  for (int i = 0; i < count; i++)
    CHECK_OK(ioloop_run_once(loops[i], 0));
  CHECK_OK(ioloop_free(loops[count / 2]));
  CHECK_OK(ioloop_new(tap_argument, &loops[count / 2]));
  CHECK_ERROR(ioloop_new(tap_argument, &none), ENOSPC);
  for (int i = 0; i < count; i++)
    CHECK_OK(ioloop_free(loops[i]));
}
