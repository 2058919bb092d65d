/* SPDX-License-Identifier: MIT */
/* signals_threads.c - conformance 48 to 51: events from outside the loop's thread. */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include "support.h"

/* ---- 48, 49: signal watchers ----------------------------------------------------------------- */

static void on_signal(struct ioloop *loop, int signo, void *arg) {
  struct record *record = arg;
  (void)loop;
  record->calls++;
  record->fd = signo;
}

static void raise_here(void *signo) {
  CHECK_SYS(kill(getpid(), *(int *)signo));
}

TEST(48, "a signal watcher runs, also out of a blocked wait") {
  struct ioloop *loop = test_loop_new();
  struct record first = {0}, second = {0};
  int signo = SIGUSR1;
  need_prompt_signals(loop);
  CHECK_OK(ioloop_add_signal(loop, SIGUSR1, on_signal, &first));
  CHECK_OK(ioloop_add_signal(loop, SIGHUP, on_signal, &second));
  CHECK_QUIET(loop, MS(5));
  for (unsigned turn = 1; turn <= 20; turn++) {
    struct later sender;
    later(&sender, US(200), raise_here, &signo);
    RUN_UNTIL(loop, first.calls == turn);
    later_join(&sender);
    CHECK_IS(first.fd, ==, SIGUSR1);
  }
  CHECK_IS(second.calls, ==, 0);
  CHECK_SYS(raise(SIGHUP));
  RUN_UNTIL(loop, second.calls == 1);
  CHECK_IS(second.fd, ==, SIGHUP);
  CHECK_IS(first.calls, ==, 20);
  CHECK_QUIET(loop, MS(5));
  test_loop_free(loop);
}

static void exit_at_once(void *arg) {
  (void)arg;
}

TEST(48, "SIGCHLD is reported when a child ends") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  CHECK_OK(ioloop_add_signal(loop, SIGCHLD, on_signal, &record));
  for (unsigned turn = 1; turn <= 3; turn++) {
    pid_t child = fork_child(exit_at_once, NULL);
    RUN_UNTIL(loop, record.calls == turn);
    wait_child(child);
  }
  test_loop_free(loop);
}

struct flood {
  pid_t target;
  size_t count;
};

static void send_flood(void *arg) {
  const struct flood *flood = arg;
  for (size_t i = 0; i < flood->count; i++)
    CHECK_SYS(kill(flood->target, SIGUSR1));
}

TEST(48, "a flood of signals coalesces but is never lost") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0}, ended = {0};
  struct flood flood = {.target = getpid(), .count = tap_count(20000)};
  CHECK_OK(ioloop_add_signal(loop, SIGUSR1, on_signal, &record));
  CHECK_OK(ioloop_add_signal(loop, SIGCHLD, on_signal, &ended));
  pid_t child = fork_child(send_flood, &flood);
  RUN_UNTIL(loop, ended.calls);
  wait_child(child);
  RUN_UNTIL(loop, record.calls > 0);
  CHECK_IS(record.calls, <=, flood.count);
  run_turns(loop, 3);
  CHECK_QUIET(loop, MS(5));
  for (size_t i = 0; i < tap_count(5000); i++) { /* the last one of a flood is always reported */
    unsigned calls = record.calls;
    CHECK_SYS(raise(SIGUSR1));
    if (i % 3 == 0)
      CHECK_SYS(raise(SIGUSR1));
    RUN_UNTIL(loop, record.calls > calls);
  }
  test_loop_free(loop);
}

static void user_handler(int signo) {
  (void)signo;
}

static void set_user_handler(int signo, void (*handler)(int), int flags) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
  sigaddset(&action.sa_mask, SIGUSR2);
  CHECK_SYS(sigaction(signo, &action, NULL));
}

static void check_user_handler(int signo, void (*handler)(int), int flags) {
  struct sigaction action;
  CHECK_SYS(sigaction(signo, NULL, &action));
  CHECK(action.sa_handler == handler);
  CHECK_IS(action.sa_flags & (SA_RESTART | SA_NODEFER | SA_SIGINFO), ==, flags);
  CHECK_IS(sigismember(&action.sa_mask, SIGUSR2), ==, 1);
}

TEST(48, "the old disposition of a signal is restored") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  set_user_handler(SIGUSR1, user_handler, SA_RESTART | SA_NODEFER);
  set_user_handler(SIGTERM, SIG_IGN, 0);
  CHECK_OK(ioloop_add_signal(loop, SIGUSR1, on_signal, &record));
  CHECK_OK(ioloop_add_signal(loop, SIGTERM, on_signal, &record));
  CHECK_SYS(raise(SIGTERM));
  RUN_UNTIL(loop, record.calls == 1);
  CHECK_OK(ioloop_remove_signal(loop, SIGUSR1));
  check_user_handler(SIGUSR1, user_handler, SA_RESTART | SA_NODEFER);
  CHECK_ERROR(ioloop_remove_signal(loop, SIGUSR1), ENOENT);
  CHECK_OK(ioloop_add_signal(loop, SIGUSR1, on_signal, &record)); /* and again */
  CHECK_SYS(raise(SIGUSR1));
  RUN_UNTIL(loop, record.calls == 2);
  test_loop_free(loop); /* restores the rest */
  check_user_handler(SIGUSR1, user_handler, SA_RESTART | SA_NODEFER);
  check_user_handler(SIGTERM, SIG_IGN, 0);
}

TEST(48, "a signal that cannot be watched is refused") {
  static const int impossible[] = {0, -1, SIGKILL, SIGSTOP, 1000, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++) {
    CHECK_ERROR(ioloop_add_signal(loop, impossible[i], on_signal, &record), EINVAL);
    CHECK_ERROR(ioloop_remove_signal(loop, impossible[i]), ENOENT);
  }
  CHECK_OK(ioloop_add_signal(loop, SIGUSR1, on_signal, &record));
  CHECK_ERROR(ioloop_add_signal(loop, SIGUSR1, on_signal, &record), EEXIST);
  CHECK_ERROR(ioloop_remove_signal(loop, SIGUSR2), ENOENT);
  if (signal_driven())
    CHECK_ERROR(ioloop_add_signal(loop, SIGIO, on_signal, &record), EINVAL);
  test_loop_free(loop);
}

static void on_signal_remove(struct ioloop *loop, int signo, void *arg) {
  on_signal(loop, signo, arg);
  CHECK_OK(ioloop_remove_signal(loop, signo));
}

TEST(48, "a signal watcher removes itself") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  set_user_handler(SIGUSR1, SIG_IGN, 0);
  CHECK_OK(ioloop_add_signal(loop, SIGUSR1, on_signal_remove, &record));
  CHECK_SYS(raise(SIGUSR1));
  RUN_UNTIL(loop, record.calls == 1);
  CHECK_SYS(raise(SIGUSR1));
  CHECK_QUIET(loop, MS(5));
  CHECK_IS(record.calls, ==, 1);
  test_loop_free(loop);
}

TEST(49, "the same signal in two loops of one thread") {
  struct ioloop *a = test_loop_new(), *b = test_loop_new();
  struct record in_a = {0}, in_b = {0};
  set_user_handler(SIGUSR1, user_handler, 0);
  CHECK_OK(ioloop_add_signal(a, SIGUSR1, on_signal, &in_a));
  CHECK_OK(ioloop_add_signal(b, SIGUSR1, on_signal, &in_b));
  CHECK_SYS(raise(SIGUSR1));
  RUN_UNTIL(a, in_a.calls == 1);
  RUN_UNTIL(b, in_b.calls == 1);
  test_loop_free(a); /* the other one continues */
  CHECK_SYS(raise(SIGUSR1));
  RUN_UNTIL(b, in_b.calls == 2);
  CHECK_IS(in_a.calls, ==, 1);
  CHECK_OK(ioloop_remove_signal(b, SIGUSR1));
  check_user_handler(SIGUSR1, user_handler, 0);
  test_loop_free(b);
}

/* A second thread with a loop of its own that counts the signals reported to it. */
struct watcher_thread {
  pthread_t thread;
  struct barrier ready;
  struct ioloop *loop;
  struct record record;
};

static void *watch_signal(void *arg) {
  struct watcher_thread *watcher = arg;
  watcher->loop = test_loop_new();
  CHECK_OK(ioloop_add_signal(watcher->loop, SIGUSR1, on_signal, &watcher->record));
  barrier_wait(&watcher->ready);
  RUN_UNTIL(watcher->loop, watcher->record.calls == 1);
  barrier_wait(&watcher->ready);
  test_loop_free(watcher->loop);
  return NULL;
}

TEST(49, "the same signal in the loops of two threads") {
  struct ioloop *loop = test_loop_new();
  struct watcher_thread watcher = {0};
  struct record record = {0};
  barrier_init(&watcher.ready, 2);
  CHECK_OK(ioloop_add_signal(loop, SIGUSR1, on_signal, &record));
  CHECK_THREAD(pthread_create(&watcher.thread, NULL, watch_signal, &watcher));
  barrier_wait(&watcher.ready);
  CHECK_SYS(kill(getpid(), SIGUSR1));
  RUN_UNTIL(loop, record.calls == 1);
  barrier_wait(&watcher.ready);
  CHECK_THREAD(pthread_join(watcher.thread, NULL));
  CHECK_SYS(raise(SIGUSR1)); /* the other loop is gone, this one is still notified */
  RUN_UNTIL(loop, record.calls == 2);
  test_loop_free(loop);
  barrier_destroy(&watcher.ready);
}

/* ---- 50, 51: callbacks from other threads ---------------------------------------------------- */

#define POSTERS 4

struct poster {
  pthread_t thread;
  struct ioloop *loop;
  size_t count;
  size_t next; /* the next number that the loop expects from it */
  size_t *sum;
};

struct posted {
  struct poster *poster;
  size_t number;
};

static void on_posted(struct ioloop *loop, void *arg) {
  struct posted *posted = arg;
  struct poster *poster = posted->poster;
  CHECK(loop == poster->loop);
  CHECK_IS(posted->number, ==, poster->next); /* in the order of its thread */
  poster->next++;
  ++*poster->sum;
  free(posted);
}

static void *post(void *arg) {
  struct poster *poster = arg;
  for (size_t i = 0; i < poster->count; i++) {
    struct posted *posted = malloc(sizeof *posted);
    CHECK(posted);
    *posted = (struct posted){.poster = poster, .number = i};
    CHECK_OK(ioloop_add_callback_threadsafe(poster->loop, on_posted, posted));
  }
  return NULL;
}

TEST(50, "a million callbacks from other threads: none lost, each thread's order kept") {
  struct ioloop *loop = test_loop_new();
  struct poster posters[POSTERS];
  size_t sum = 0, each = tap_count(1000000 / POSTERS);
  for (int i = 0; i < POSTERS; i++) {
    posters[i] = (struct poster){.loop = loop, .count = each, .sum = &sum};
    CHECK_THREAD(pthread_create(&posters[i].thread, NULL, post, &posters[i]));
  }
  RUN_UNTIL(loop, sum == POSTERS * each);
  for (int i = 0; i < POSTERS; i++)
    CHECK_THREAD(pthread_join(posters[i].thread, NULL));
  CHECK_QUIET(loop, MS(5));
  test_loop_free(loop);
}

/* Each waits for the other, so that a single lost wake-up stops both. */
struct rally {
  struct ioloop *loop;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  unsigned balls, returned;
};

static void on_ball(struct ioloop *loop, void *arg) {
  struct rally *rally = arg;
  (void)loop;
  pthread_mutex_lock(&rally->lock);
  rally->returned++;
  pthread_cond_signal(&rally->changed);
  pthread_mutex_unlock(&rally->lock);
}

static void *play(void *arg) {
  struct rally *rally = arg;
  for (unsigned ball = 0; ball < rally->balls; ball++) {
    CHECK_OK(ioloop_add_callback_threadsafe(rally->loop, on_ball, rally));
    pthread_mutex_lock(&rally->lock);
    while (rally->returned == ball)
      pthread_cond_wait(&rally->changed, &rally->lock);
    pthread_mutex_unlock(&rally->lock);
  }
  ioloop_stop(rally->loop);
  return NULL;
}

TEST(50, "a callback from another thread wakes a blocked loop, every time") {
  struct rally rally = {.balls = (unsigned)tap_count(20000)};
  pthread_t player;
  rally.loop = test_loop_new();
  CHECK_THREAD(pthread_mutex_init(&rally.lock, NULL));
  CHECK_THREAD(pthread_cond_init(&rally.changed, NULL));
  CHECK_THREAD(pthread_create(&player, NULL, play, &rally));
  CHECK_OK(ioloop_start(rally.loop));
  CHECK_THREAD(pthread_join(player, NULL));
  CHECK_IS(rally.returned, ==, rally.balls);
  test_loop_free(rally.loop);
  CHECK_THREAD(pthread_cond_destroy(&rally.changed));
  CHECK_THREAD(pthread_mutex_destroy(&rally.lock));
}

static struct ioloop *interrupted_loop;
static unsigned called_back;
static atomic_uint accepted, refused; /* the handler runs in any thread */

static void callback_in_signal(int signo) {
  (void)signo;
  int r = ioloop_add_callback_from_signal(interrupted_loop, on_count, &called_back);
  CHECK(r == 0 || r == -EAGAIN);
  if (r == 0)
    atomic_fetch_add(&accepted, 1);
  else
    atomic_fetch_add(&refused, 1);
}

static void interrupt_thread(void *thread) {
  CHECK_THREAD(pthread_kill(*(pthread_t *)thread, SIGUSR1));
}

TEST(51, "a callback from a signal handler wakes a blocked loop") {
  struct sigaction action = {.sa_handler = callback_in_signal, .sa_flags = SA_RESTART};
  pthread_t self = pthread_self();
  interrupted_loop = test_loop_new();
  need_prompt_signals(interrupted_loop);
  CHECK_SYS(sigaction(SIGUSR1, &action, NULL));
  for (unsigned turn = 1; turn <= 50; turn++) {
    struct later sender;
    later(&sender, US(50) * turn, interrupt_thread, &self);
    RUN_UNTIL(interrupted_loop, called_back == turn);
    later_join(&sender);
  }
  test_loop_free(interrupted_loop);
}

TEST(51, "256 callbacks from signal handlers wait, the next is refused and can come again") {
  struct sigaction action = {.sa_handler = callback_in_signal};
  interrupted_loop = test_loop_new();
  CHECK_SYS(sigaction(SIGUSR1, &action, NULL));
  for (int round = 1; round <= 3; round++) {
    for (int i = 0; i < 260; i++)
      CHECK_SYS(raise(SIGUSR1));
    CHECK_IS(accepted, ==, 256 * round);
    CHECK_IS(refused, ==, 4 * round);
    RUN_UNTIL(interrupted_loop, called_back == 256u * (unsigned)round);
  }
  CHECK_QUIET(interrupted_loop, MS(5));
  test_loop_free(interrupted_loop);
}

TEST(51, "callbacks from signal handlers that interrupt anything, other calls too") {
  struct sigaction action = {.sa_handler = callback_in_signal, .sa_flags = SA_RESTART};
  /* Longer than a signal takes, on a slow machine too, or nothing else would ever run. */
  const struct timeval period = {.tv_usec = 150 * (suseconds_t)tap_scale()};
  struct itimerval often = {.it_value = period, .it_interval = period};
  struct poster poster = {.count = tap_count(50000)};
  size_t posted = 0;
  unsigned own = 0, calls = 0;
  poster.sum = &posted;
  poster.loop = interrupted_loop = test_loop_new();
  CHECK_SYS(sigaction(SIGALRM, &action, NULL));
  CHECK_THREAD(pthread_create(&poster.thread, NULL, post, &poster));
  CHECK_SYS(setitimer(ITIMER_REAL, &often, NULL));
  while (posted < poster.count || accepted < 100) {
    CHECK_OK(ioloop_add_callback(interrupted_loop, on_count, &own));
    CHECK_OK(ioloop_add_callback_threadsafe(interrupted_loop, on_count, &own));
    calls += 2;
    CHECK_OK(ioloop_run_once(interrupted_loop, US(100)));
  }
  CHECK_SYS(setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL));
  CHECK_THREAD(pthread_join(poster.thread, NULL));
  RUN_UNTIL(interrupted_loop, called_back == accepted && own == calls);
  CHECK_QUIET(interrupted_loop, MS(5));
  test_loop_free(interrupted_loop);
}
