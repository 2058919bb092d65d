/* SPDX-License-Identifier: MIT */
/*
 * threads.c - conformance 145 to 147: a loop is run by any one thread at a time. Where a thread
 * owns something of the loop (signals are sent to it, or a ring serves it alone), that moves along.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "worker.h"

/* ---- a loop with a descriptor of each kind ------------------------------------------------- */

struct crew {
  struct ioloop *loop;
  int pairs[KINDS][2];
  struct record records[KINDS];
  size_t sent;
  unsigned count;
};

static void crew_add(void *arg) {
  struct crew *crew = arg;
  for (int i = 0; i < KINDS; i++)
    CHECK_OK(ioloop_add_handler(crew->loop, crew->pairs[i][0], IOLOOP_READ, on_drain,
                                &crew->records[i]));
}

static void crew_remove(void *arg) {
  struct crew *crew = arg;
  for (int i = 0; i < KINDS; i++)
    CHECK_OK(ioloop_remove_handler(crew->loop, crew->pairs[i][0]));
}

static void crew_begin(struct crew *crew) {
  *crew = (struct crew){.loop = test_loop_new()};
  for (int i = 0; i < KINDS; i++)
    make_pair((enum kind)i, crew->pairs[i]);
  crew_add(crew);
}

static void crew_send(struct crew *crew) {
  for (int i = 0; i < KINDS; i++)
    put(crew->pairs[i][1], 1);
  crew->sent++;
}

static bool crew_has_all(const struct crew *crew) {
  for (int i = 0; i < KINDS; i++)
    if (crew->records[i].bytes != crew->sent)
      return false;
  return true;
}

static void crew_receive(void *arg) {
  struct crew *crew = arg;
  RUN_UNTIL(crew->loop, crew_has_all(crew));
}

/* What is ready arrives; then the loop sleeps, and is woken by what comes. */
static void crew_run(void *arg) {
  struct crew *crew = arg;
  crew_receive(crew);
  CHECK_QUIET(crew->loop, MS(2));
  crew_send(crew);
  crew_receive(crew);
}

static void crew_end(struct crew *crew) {
  test_loop_free(crew->loop);
  for (int i = 0; i < KINDS; i++)
    close_pair(crew->pairs[i]);
}

/* ---- 145: made in one thread, run in another ------------------------------------------------- */

TEST(145, "a loop that one thread makes is run by another") {
  struct crew crew;
  crew_begin(&crew);
  crew_send(&crew);
  do_in_new_thread(crew_run, &crew);
  crew_end(&crew);
}

static void start_and_stop(void *arg) {
  struct crew *crew = arg;
  crew_send(crew);
  CHECK_OK(ioloop_start(crew->loop));
}

TEST(145, "callbacks, timeouts and a stop that one thread leaves are for the thread that runs") {
  struct crew crew;
  crew_begin(&crew);
  CHECK_OK(ioloop_add_callback(crew.loop, on_count, &crew.count));
  CHECK_OK(ioloop_call_later(crew.loop, MS(1), on_count, &crew.count, NULL));
  CHECK_OK(ioloop_call_later(crew.loop, MS(2), on_stop, NULL, NULL));
  do_in_new_thread(start_and_stop, &crew);
  CHECK_IS(crew.count, ==, 2);
  do_in_new_thread(crew_run, &crew);
  crew_end(&crew);
}

static void many_changes(void *arg) {
  struct crew *crew = arg;
  for (int i = 0; i < 500; i++) {
    crew_remove(crew);
    crew_add(crew);
  }
}

TEST(145, "handlers that are removed and added before the first run, by two threads") {
  struct crew crew;
  crew_begin(&crew);
  many_changes(&crew);
  do_in_new_thread(many_changes, &crew);
  crew_send(&crew);
  do_in_new_thread(crew_run, &crew);
  crew_end(&crew);
}

TEST(145, "a descriptor that is removed before the first run is closed at once") {
  struct ioloop *loop = test_loop_new();
  int pair[2];
  make_pair(TCP, pair);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_never, NULL));
  CHECK_OK(ioloop_remove_handler(loop, pair[0]));
  CHECK_SYS(close(pair[0]));
  await_arrival(pair[1]);
  CHECK_IS(read(pair[1], &(char){0}, 1), ==, 0);
  CHECK_SYS(close(pair[1]));
  run_turns(loop, 2);
  test_loop_free(loop);
}

/* ---- 146: run here, then there ---------------------------------------------------------------- */

TEST(146, "a loop moves between two threads, with descriptors that are ready, hot and cold") {
  struct crew crew;
  struct worker worker;
  crew_begin(&crew);
  worker_start(&worker);
  for (int turn = 0; turn < 20; turn++) {
    crew_run(&crew);
    if (turn % 2)
      CHECK_QUIET(crew.loop, MS(1)); /* cold; else hot */
    if (turn % 3)
      crew_send(&crew); /* ready, and announced to this thread */
    worker_do(&worker, crew_run, &crew);
    if (turn % 3 == 0)
      crew_send(&crew); /* announced to the other */
  }
  crew_run(&crew);
  worker_stop(&worker);
  crew_end(&crew);
}

static void run_a_turn(void *arg) {
  struct crew *crew = arg;
  run_turns(crew->loop, 1);
}

TEST(146, "two threads take turns, while data keeps coming") {
  struct crew crew;
  struct worker worker;
  crew_begin(&crew);
  worker_start(&worker);
  for (size_t turn = 0; turn < tap_count(300); turn++) {
    crew_send(&crew);
    run_turns(crew.loop, 1);
    crew_send(&crew);
    worker_do(&worker, run_a_turn, &crew);
  }
  worker_do(&worker, crew_receive, &crew);
  worker_stop(&worker);
  crew_run(&crew);
  crew_end(&crew);
}

TEST(146, "a third thread changes what is watched between two runs") {
  struct crew crew;
  struct worker worker;
  crew_begin(&crew);
  worker_start(&worker);
  for (int turn = 0; turn < 5; turn++) {
    crew_run(&crew);
    if (turn % 2)
      CHECK_QUIET(crew.loop, MS(1));
    do_in_new_thread(many_changes, &crew);
    crew_run(&crew);
    CHECK_QUIET(crew.loop, MS(1));
    do_in_new_thread(crew_remove, &crew);
    CHECK_QUIET(crew.loop, MS(1));
    do_in_new_thread(crew_add, &crew);
    worker_do(&worker, crew_run, &crew);
  }
  worker_stop(&worker);
  crew_end(&crew);
}

TEST(146, "a descriptor that a third thread removes between two runs is closed at once") {
  struct crew crew;
  crew_begin(&crew);
  crew_run(&crew);
  CHECK_QUIET(crew.loop, MS(1));
  do_in_new_thread(crew_remove, &crew);
  CHECK_SYS(close(crew.pairs[TCP][0]));
  await_arrival(crew.pairs[TCP][1]);
  CHECK_IS(read(crew.pairs[TCP][1], &(char){0}, 1), ==, 0);
  crew.pairs[TCP][0] = SYS(dup(crew.pairs[TCP][1]));
  CHECK_QUIET(crew.loop, MS(2));
  crew_end(&crew);
}

TEST(146, "the thread that ran the loop has ended, with events pending") {
  struct crew crew;
  crew_begin(&crew);
  for (int turn = 0; turn < 5; turn++) {
    do_in_new_thread(crew_run, &crew);
    crew_send(&crew);
  }
  crew_run(&crew);
  crew_end(&crew);
}

static void free_crew(void *arg) {
  struct crew *crew = arg;
  test_loop_free(crew->loop);
}

TEST(146, "a third thread frees the loop, with events pending") {
  struct crew crew;
  sigset_t none, now;
  crew_begin(&crew);
  crew_run(&crew);
  crew_send(&crew);
  do_in_new_thread(free_crew, &crew);
  crew_send(&crew); /* its signals would end the process */
  sigemptyset(&none);
  crew.loop = test_loop_new(); /* cleans up behind the other, where that is needed */
  CHECK_OK(ioloop_run_once(crew.loop, 0));
  CHECK_OK(ioloop_free(crew.loop));
  CHECK_THREAD(pthread_sigmask(SIG_BLOCK, NULL, &now));
  CHECK_IS(sigismember(&now, SIGIO), ==, 0);
  for (int i = 0; i < KINDS; i++)
    close_pair(crew.pairs[i]);
}

TEST(146, "the thread that a loop leaves has its signal mask back when it has made another loop") {
  struct crew crew;
  struct worker worker;
  sigset_t before, after;
  crew_begin(&crew);
  CHECK_THREAD(pthread_sigmask(SIG_BLOCK, NULL, &before));
  worker_start(&worker);
  crew_run(&crew);
  worker_do(&worker, crew_run, &crew);
  struct ioloop *other = test_loop_new();
  CHECK_OK(ioloop_run_once(other, 0));
  test_loop_free(other);
  CHECK_THREAD(pthread_sigmask(SIG_BLOCK, NULL, &after));
  for (int signo = 1; signo < 64; signo++)
    CHECK_IS(sigismember(&before, signo), ==, sigismember(&after, signo));
  crew_send(&crew);
  worker_do(&worker, crew_run, &crew);
  worker_stop(&worker);
  crew_end(&crew);
}

/* ---- 147: two threads at a time ---------------------------------------------------------------- */

static void check_busy(void *loop) {
  CHECK_ERROR(ioloop_start(loop), EBUSY);
  CHECK_ERROR(ioloop_run_once(loop, 0), EBUSY);
  CHECK_ERROR(ioloop_free(loop), EBUSY);
}

static void check_busy_elsewhere(struct ioloop *loop, void *arg) {
  (void)arg;
  do_in_new_thread(check_busy, loop);
  ioloop_stop(loop);
}

static void run_busy(void *loop) {
  CHECK_OK(ioloop_add_callback(loop, check_busy_elsewhere, NULL));
  CHECK_OK(ioloop_start(loop));
}

TEST(147, "a second thread is refused while the loop runs, and is let in after that") {
  struct crew crew;
  crew_begin(&crew);
  run_busy(crew.loop);
  do_in_new_thread(run_busy, crew.loop);
  do_in_new_thread(crew_run, &crew);
  crew_end(&crew);
}

struct rivals {
  struct crew crew;
  atomic_uint refused, turns;
  unsigned enough;
};

static void contend(void *arg) {
  struct rivals *rivals = arg;
  while (atomic_load(&rivals->turns) < rivals->enough) {
    int r = ioloop_run_once(rivals->crew.loop, 0);
    CHECK(r >= 0 || r == -EBUSY);
    atomic_fetch_add(r < 0 ? &rivals->refused : &rivals->turns, 1);
  }
}

TEST(147, "two threads compete for one loop: each turn is one thread's") {
  struct rivals rivals = {.enough = (unsigned)tap_count(2000)};
  struct later one, other;
  crew_begin(&rivals.crew);
  crew_send(&rivals.crew);
  later(&one, 0, contend, &rivals);
  later(&other, 0, contend, &rivals);
  later_join(&one);
  later_join(&other);
  crew_run(&rivals.crew);
  crew_end(&rivals.crew);
}
