/* SPDX-License-Identifier: MIT */
/*
 * signal_driven.c - conformance 55, 57 to 59: typical faults of models that wait for signals. The
 * other models run the tests too, which shows that the tests require no more than the contract.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "kinds.h"
#include "support.h"

/* ---- 55: stale signals --------------------------------------------------------------------- */

#define CROWD 40

TEST(55, "stale signals of closed descriptors do no harm") {
  skip_if_readiness_is_presumed();
  struct ioloop *loop = test_loop_new();
  int pairs[CROWD][2];
  for (int round = 0; round < 10; round++) {
    for (int i = 0; i < CROWD; i++) {
      make_pair((enum kind)((i + round) % KINDS), pairs[i]);
      CHECK_OK(ioloop_add_handler(loop, pairs[i][0], IOLOOP_READ, on_never, NULL));
    }
    run_turns(loop, 2);
    for (int i = 0; i < CROWD; i++) { /* signals are queued, and not yet taken */
      put(pairs[i][1], 1);
      put(pairs[i][1], 1);
      CHECK_OK(ioloop_remove_handler(loop, pairs[i][0]));
      close_pair(pairs[i]);
    }
    if (round % 2)
      CHECK_QUIET(loop, MS(3));
  }
  CHECK_QUIET(loop, MS(10));
  test_loop_free(loop);
}

TEST(55, "stale signals do not reach the new owners of the numbers") {
  skip_if_readiness_is_presumed();
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int pairs[CROWD][2];
  for (int i = 0; i < CROWD; i++) {
    make_pair(UNIX_STREAM, pairs[i]);
    CHECK_OK(ioloop_add_handler(loop, pairs[i][0], IOLOOP_READ, on_never, NULL));
  }
  run_turns(loop, 2);
  for (int i = 0; i < CROWD; i++) {
    put(pairs[i][1], 1);
    CHECK_OK(ioloop_remove_handler(loop, pairs[i][0]));
    close_pair(pairs[i]);
    make_pair((enum kind)(i % KINDS), pairs[i]); /* takes the same two numbers */
    CHECK_OK(ioloop_add_handler(loop, pairs[i][0], IOLOOP_READ, on_drain, &record));
  }
  CHECK_QUIET(loop, MS(10));
  for (int i = 0; i < CROWD; i++)
    put(pairs[i][1], 1);
  RUN_UNTIL(loop, record.bytes == CROWD);
  CHECK_QUIET(loop, MS(10));
  test_loop_free(loop);
  for (int i = 0; i < CROWD; i++)
    close_pair(pairs[i]);
}

/* ---- 57: descriptors that send no signal ------------------------------------------------------
 */

static void bound_receiver(int *receiver, struct sockaddr_un *address, socklen_t *size) {
  *receiver = SYS(socket(AF_UNIX, SOCK_DGRAM, 0));
  set_nonblocking(*receiver);
  address->sun_family = AF_UNIX;
  char directory[] = P_tmpdir "/ioloop-XXXXXX";
  CHECK(mkdtemp(directory));
  strcpy(address->sun_path, directory);
  strcat(address->sun_path, "/socket");
  *size = sizeof *address;
  CHECK_SYS(bind(*receiver, (struct sockaddr *)address, *size));
}

static void unbind_receiver(struct sockaddr_un *address) {
  CHECK_SYS(unlink(address->sun_path));
  *strrchr(address->sun_path, '/') = '\0';
  CHECK_SYS(rmdir(address->sun_path));
}

static void drain_it(void *fd) {
  drain(*(int *)fd);
}

TEST(57, "an AF_UNIX datagram queue that another sender filled has room again") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  struct sockaddr_un address = {0};
  socklen_t size;
  struct later drainer;
  int receiver, senders[2];
  bound_receiver(&receiver, &address, &size);
  for (int i = 0; i < 2; i++) {
    senders[i] = SYS(socket(AF_UNIX, SOCK_DGRAM, 0));
    set_nonblocking(senders[i]);
    CHECK_SYS(connect(senders[i], (struct sockaddr *)&address, size));
  }
  CHECK_OK(ioloop_add_handler(loop, senders[0], IOLOOP_WRITE, on_event, &record));
  RUN_UNTIL(loop, record.calls);
  for (int turn = 0; turn < 4; turn++) {
    fill(senders[1]);
    run_turns(loop, 2);
    CHECK_QUIET(loop, MS(5));
    record.calls = 0;
    later(&drainer, MS(3), drain_it, &receiver);
    RUN_UNTIL(loop, record.calls);
    later_join(&drainer);
    drain(receiver);
  }
  test_loop_free(loop);
  CHECK_SYS(close(receiver));
  CHECK_SYS(close(senders[0]));
  CHECK_SYS(close(senders[1]));
  unbind_receiver(&address);
}

TEST(57, "a pty and sockets side by side") {
  struct ioloop *loop = test_loop_new();
  struct record terminal = {0}, others = {0};
  int master, slave, pairs[KINDS][2];
  open_pty(&master, &slave);
  CHECK_OK(ioloop_add_handler(loop, slave, IOLOOP_READ, on_drain, &terminal));
  for (enum kind kind = 0; kind < KINDS; kind++) {
    make_pair(kind, pairs[kind]);
    CHECK_OK(ioloop_add_handler(loop, pairs[kind][0], IOLOOP_READ, on_drain, &others));
  }
  CHECK_QUIET(loop, MS(10));
  for (size_t turn = 1; turn <= 20; turn++) {
    if (turn % 2)
      CHECK_IS(write(master, "line\n", 5), ==, 5);
    put(pairs[turn % KINDS][1], 1);
    RUN_UNTIL(loop, others.bytes == turn && terminal.bytes == 5 * ((turn + 1) / 2));
  }
  drain(master);
  CHECK_QUIET(loop, MS(10));
  test_loop_free(loop);
  CHECK_SYS(close(master));
  CHECK_SYS(close(slave));
  for (enum kind kind = 0; kind < KINDS; kind++)
    close_pair(pairs[kind]);
}

/* F_SETFL without O_ASYNC switches signals off, as careless code does to set O_NONBLOCK. Then the
 * safety scan must find the events, and counts them. */
TEST(57, "a descriptor disarmed behind the loop's back is served by the safety scan") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int pair[2];
  make_pair(UNIX_STREAM, pair);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
  run_turns(loop, 3);
  CHECK_SYS(fcntl(pair[0], F_SETFL, O_NONBLOCK));
  put(pair[1], 1);
  RUN_UNTIL(loop, record.bytes == 1);
  CHECK_IS(metrics_of(loop).rescues, <=, 1);
  CHECK_OK(ioloop_free(loop));
  close_pair(pair);
}

/* ---- 58: the user's own handlers ---------------------------------------------------------------
 */

static atomic_uint user_signals;

static void on_user_signal(int signo) {
  (void)signo;
  atomic_fetch_add(&user_signals, 1);
}

static bool same_disposition(const struct sigaction *a, const struct sigaction *b) {
  return a->sa_handler == b->sa_handler && a->sa_flags == b->sa_flags;
}

static void use_a_loop(void) {
  struct ioloop *loop = test_loop_new();
  event_stress(loop, 8, tap_count(300));
  test_loop_free(loop);
}

/* SIGIO and, if there are any, some rt signals from either end belong to the user; the last one is
 * valgrind's. */
#ifdef SIGRTMIN
#define USERS                                                                                      \
  { SIGIO, SIGRTMIN, SIGRTMIN + 1, SIGRTMAX - 2, SIGRTMAX - 1 }
#else
#define USERS                                                                                      \
  { SIGIO }
#endif

static void check_untouched(void (*handler)(int)) {
  struct sigaction before[NSIG], after, action = {.sa_handler = handler, .sa_flags = SA_RESTART};
  const int users[] = USERS;
  sigset_t mask_before, mask_after;
  for (size_t i = 0; i < sizeof users / sizeof users[0]; i++)
    CHECK_SYS(sigaction(users[i], &action, NULL));
  for (int signo = 1; signo < NSIG; signo++)
    if (sigaction(signo, NULL, &before[signo]) < 0)
      memset(&before[signo], 0, sizeof before[signo]);
  sigprocmask(SIG_SETMASK, NULL, &mask_before);
  use_a_loop();
  sigprocmask(SIG_SETMASK, NULL, &mask_after);
  for (int signo = 1; signo < NSIG; signo++) {
    CHECK_IS(sigismember(&mask_before, signo), ==, sigismember(&mask_after, signo));
    if (sigaction(signo, NULL, &after) == 0)
      CHECK(same_disposition(&before[signo], &after));
  }
}

TEST(58, "dispositions and signal mask are afterwards as they were before") {
  check_untouched(SIG_DFL);
}

TEST(58, "a user's SIGIO and rt handlers are left as they were and get nothing of the loop's") {
  check_untouched(on_user_signal);
  CHECK_IS(user_signals, ==, 0);
}

TEST(58, "the loop works where SIGIO and rt signals are ignored") {
  check_untouched(SIG_IGN);
}

static void check_no_signals(enum kind kind, int pair[2]) {
  NOTE("%s", kind_names[kind]);
  CHECK_IS(SYS(fcntl(pair[0], F_GETFL)) & O_ASYNC, ==, 0);
  put(pair[1], 1);  /* its signal would end the process */
  take(pair[0], 1); /* waits until it arrives, and the signal with it */
}

TEST(58, "a descriptor raises no signals once it was removed, or its loop freed") {
  skip_if_readiness_is_presumed();
  for (enum kind kind = 0; kind < KINDS; kind++) {
    struct ioloop *loop = test_loop_new();
    int removed[2], registered[2];
    make_pair(kind, removed);
    make_pair(kind, registered);
    CHECK_OK(ioloop_add_handler(loop, removed[0], IOLOOP_READ, on_never, NULL));
    CHECK_OK(ioloop_add_handler(loop, registered[0], IOLOOP_READ, on_never, NULL));
    CHECK_QUIET(loop, MS(2));
    CHECK_OK(ioloop_remove_handler(loop, removed[0]));
    check_no_signals(kind, removed);
    test_loop_free(loop);
    check_no_signals(kind, registered);
    close_pair(removed);
    close_pair(registered);
  }
}

/* ---- 59: the safety scan -----------------------------------------------------------------------
 */

struct traffic {
  pthread_t thread;
  int (*pairs)[2];
  int count;
  uint64_t deadline;
  atomic_size_t sent;
};

/* Never more under way than the smallest queue holds, with a pause from time to time. */
static void *make_traffic(void *arg) {
  struct traffic *traffic = arg;
  unsigned turn = 0;
  while (tap_left(traffic->deadline) > 0) {
    for (int i = 0; i < traffic->count; i++)
      if ((turn + (unsigned)i) % 3 == 0 && write(traffic->pairs[i][1], "x", 1) == 1)
        atomic_fetch_add(&traffic->sent, 1);
    if (turn++ % 8 == 0)
      usleep(300);
  }
  return NULL;
}

TEST(59, "the safety scan rescues nothing in two and a half seconds of traffic") {
  enum {
    PAIRS = 20
  };
  struct ioloop *loop = test_loop_new();
  struct record record = {.limit = 4096}, idle = {0};
  static int pairs[PAIRS][2], idle_pairs[PAIRS][2];
  struct traffic traffic = {.pairs = pairs, .count = PAIRS, .deadline = tap_now() + MS(2500)};
  for (int i = 0; i < PAIRS; i++) {
    make_pair(i % 2 ? UNIX_STREAM : (enum kind)(i / 2 % 2 ? TCP : PIPE), pairs[i]);
    make_pair((enum kind)(i % KINDS), idle_pairs[i]);
    CHECK_OK(ioloop_add_handler(loop, pairs[i][0], IOLOOP_READ, on_read_one, &record));
    CHECK_OK(ioloop_add_handler(loop, idle_pairs[i][0], IOLOOP_READ, on_drain, &idle));
  }
  CHECK_THREAD(pthread_create(&traffic.thread, NULL, make_traffic, &traffic));
  while (tap_left(traffic.deadline) > 0)
    CHECK_OK(ioloop_run_once(loop, tap_left(traffic.deadline)));
  CHECK_THREAD(pthread_join(traffic.thread, NULL));
  RUN_UNTIL(loop, record.bytes == traffic.sent);
  if (!presumes_readiness())
    CHECK_IS(idle.calls, ==, 0);
  put(idle_pairs[3][1], 1); /* idle for seconds, and still reported */
  RUN_UNTIL(loop, idle.bytes == 1);
  test_loop_free(loop);
  for (int i = 0; i < PAIRS; i++) {
    close_pair(pairs[i]);
    close_pair(idle_pairs[i]);
  }
}

TEST(59, "the safety scan rescued nothing in any test before this one") {
  CHECK_IS(*tap_shared_counter(), ==, 0);
}
