/* SPDX-License-Identifier: MIT */
/*
 * signal_driven_linux.c - conformance 54, the overflow of the rt signal queue; from 57 the
 * descriptors that only Linux has; from 58 signals that are sent to one thread. RLIMIT_SIGPENDING
 * counts per user, over all processes: other programs can only make the queue smaller, and the
 * tests harder.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "support.h"

#define BURST 100

/* Far more descriptors become ready between two waits than the signal queue holds. */
static void check_burst(struct ioloop *loop) {
  int pairs[BURST][2];
  struct record record = {0};
  size_t sent = 0;
  for (int i = 0; i < BURST; i++) {
    make_pair((enum kind)(i % KINDS), pairs[i]);
    CHECK_OK(ioloop_add_handler(loop, pairs[i][0], IOLOOP_READ, on_drain, &record));
  }
  for (int round = 0; round < 20; round++) {
    run_turns(loop, 2);
    for (int i = round % 3; i < BURST; i += 1 + round % 3, sent++)
      put(pairs[i][1], 1);
    RUN_UNTIL(loop, record.bytes == sent);
  }
  CHECK_QUIET(loop, MS(5));
  for (int i = 0; i < BURST; i++) {
    CHECK_OK(ioloop_remove_handler(loop, pairs[i][0]));
    close_pair(pairs[i]);
  }
}

static void check_with_limit(rlim_t pending) {
  struct rlimit limit = {.rlim_cur = pending, .rlim_max = pending};
  CHECK_SYS(setrlimit(RLIMIT_SIGPENDING, &limit));
  struct ioloop *loop = test_loop_new();
  check_burst(loop);
  event_stress(loop, 30, tap_count(20000));
  if (strcmp(tap_argument, "rtsig") == 0)
    CHECK_IS(metrics_of(loop).overflows, >, 0);
  test_loop_free(loop);
}

TEST(54, "overflow at RLIMIT_SIGPENDING 0 loses nothing") {
  check_with_limit(0);
}

TEST(54, "overflow at RLIMIT_SIGPENDING 1 loses nothing") {
  check_with_limit(1);
}

TEST(54, "overflow at RLIMIT_SIGPENDING 16 loses nothing") {
  check_with_limit(16);
}

TEST(54, "the same workload without overflow loses nothing") {
  struct ioloop *loop = test_loop_new();
  check_burst(loop);
  event_stress(loop, 30, tap_count(20000));
  test_loop_free(loop);
}

TEST(57, "an eventfd and a timerfd among sockets, while these are idle and while they are busy") {
  struct ioloop *loop = test_loop_new();
  struct record events = {0}, timers = {0}, others = {0};
  int event = SYS(eventfd(0, EFD_NONBLOCK)), pair[2];
  int timer = SYS(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  make_pair(TCP, pair);
  CHECK_OK(ioloop_add_handler(loop, event, IOLOOP_READ, on_drain, &events));
  CHECK_OK(ioloop_add_handler(loop, timer, IOLOOP_READ, on_drain, &timers));
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_event, &others));
  for (unsigned turn = 1; turn <= 30; turn++) {
    struct itimerspec soon = {.it_value = {.tv_nsec = 1000000}};
    CHECK_SYS(timerfd_settime(timer, 0, &soon, NULL));
    CHECK_SYS(eventfd_write(event, 1));
    if (turn == 15)
      put(pair[1], 1); /* never read: permanently ready from here on */
    RUN_UNTIL(loop, timers.bytes == 8 * turn && events.bytes == 8 * turn);
  }
  CHECK_IS(others.calls, >, 0);
  test_loop_free(loop);
  close_pair(pair);
  CHECK_SYS(close(event));
  CHECK_SYS(close(timer));
}

static bool has_room(int fd) {
  struct pollfd entry = {.fd = fd, .events = POLLOUT};
  return SYS(poll(&entry, 1, 0)) == 1;
}

/* A send that is taken although poll sees no room keeps Linux from announcing room. */
TEST(57, "after a send into the last of the room an update makes the loop look for more") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int pair[2], size = 8192;
  ssize_t left = 0;
  make_pair(TCP, pair);
  CHECK_SYS(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size));
  CHECK_SYS(setsockopt(pair[1], SOL_SOCKET, SO_RCVBUF, &size, sizeof size));
  while (has_room(pair[0]))
    left += SYS(send(pair[0], (char[500]){0}, 500, 0));
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_WRITE, on_event, &record));
  run_turns(loop, 3);
  left += send(pair[0], "", 1, MSG_DONTWAIT) == 1;
  while (left > 0) /* without a poll, which would make Linux announce it */
    left -= (ssize_t)drain(pair[1]);
  record.calls = 0;
  CHECK_OK(ioloop_update_handler(loop, pair[0], IOLOOP_WRITE));
  RUN_UNTIL(loop, record.calls > 0);
  CHECK_IS(metrics_of(loop).rescues, ==, 0);
  test_loop_free(loop);
  close_pair(pair);
}

/* ---- 58: signal-driven I/O by the user's own code ---------------------------------------- */

struct neighbour {
  pthread_t thread;
  bool whole_process; /* gets the signal, not only this thread */
  pthread_barrier_t together;
  unsigned turns, told;
};

static atomic_uint user_signals;

static void on_user_signal(int signo) {
  (void)signo;
  atomic_fetch_add(&user_signals, 1);
}

static void switch_signals_on(const struct neighbour *neighbour, int fd) {
  struct f_owner_ex owner = {.type = F_OWNER_TID, .pid = gettid()};
  if (neighbour->whole_process)
    owner = (struct f_owner_ex){.type = F_OWNER_PID, .pid = getpid()};
  CHECK_SYS(fcntl(fd, F_SETOWN_EX, &owner));
  CHECK_SYS(fcntl(fd, F_SETFL, O_NONBLOCK | O_ASYNC));
}

/* A thread that does it by hand, with a plain handler and SIGIO unblocked. */
static void *live_beside(void *arg) {
  struct neighbour *neighbour = arg;
  sigset_t sigio;
  int pair[2];
  sigemptyset(&sigio);
  sigaddset(&sigio, SIGIO);
  CHECK_THREAD(pthread_sigmask(SIG_UNBLOCK, &sigio, NULL));
  make_pair(UNIX_STREAM, pair);
  switch_signals_on(neighbour, pair[0]);
  pthread_barrier_wait(&neighbour->together);
  for (unsigned turn = 0; turn < neighbour->turns; turn++) {
    unsigned before = user_signals;
    uint64_t deadline = tap_deadline(neighbour->whole_process ? MS(20) : SECONDS(5));
    put(pair[1], 1);
    while (user_signals == before && tap_left(deadline) > 0)
      poll(NULL, 0, 1);
    neighbour->told += user_signals != before;
    CHECK_IS(drain(pair[0]), ==, 1);
  }
  close_pair(pair);
  return NULL;
}

static struct neighbour run_beside(bool whole_process) {
  struct sigaction action = {.sa_handler = on_user_signal, .sa_flags = SA_RESTART};
  struct neighbour neighbour = {.whole_process = whole_process, .turns = 50};
  struct ioloop *loop = test_loop_new();
  sigset_t sigio;
  CHECK_SYS(sigaction(SIGIO, &action, NULL));
  sigemptyset(&sigio); /* as in every thread except the neighbour under the signal-driven models */
  sigaddset(&sigio, SIGIO);
  CHECK_THREAD(pthread_sigmask(SIG_BLOCK, &sigio, NULL));
  CHECK_THREAD(pthread_barrier_init(&neighbour.together, NULL, 2));
  CHECK_THREAD(pthread_create(&neighbour.thread, NULL, live_beside, &neighbour));
  pthread_barrier_wait(&neighbour.together);
  event_stress(loop, 8, tap_count(3000));
  CHECK_THREAD(pthread_join(neighbour.thread, NULL));
  CHECK_THREAD(pthread_barrier_destroy(&neighbour.together));
  test_loop_free(loop);
  return neighbour;
}

TEST(58, "signal-driven I/O of the user's own in another thread goes on") {
  struct neighbour neighbour = run_beside(false);
  CHECK_IS(neighbour.told, ==, neighbour.turns);
}

/* A signal for the process waits in a queue that all threads share, and a loop that is reading its
 * own signals from it at this moment takes it: it cannot know, nor put it back. So not every one
 * arrives. */
TEST(58, "a SIGIO for the whole process reaches the user's handler") {
  struct neighbour neighbour = run_beside(true);
  CHECK_IS(neighbour.told, >, 0);
}
