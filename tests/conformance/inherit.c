/* SPDX-License-Identifier: MIT */
/*
 * inherit.c - conformance 116: signal state that a loop inherits, and state that it leaves to a
 * spawned program.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

extern char **environ;

#ifdef SIGRTMIN
static int first_real_time(void) {
  return SIGRTMIN;
}

static int last_real_time(void) {
  return SIGRTMAX;
}
#else /* macOS */
static int first_real_time(void) {
  return 1;
}

static int last_real_time(void) {
  return 0;
}
#endif

static void set_all(void (*disposition)(int signo)) {
  for (int signo = first_real_time(); signo <= last_real_time(); signo++)
    CHECK(signal(signo, disposition) != SIG_ERR);
  CHECK(signal(SIGIO, disposition) != SIG_ERR);
}

static void block_all(void) {
  sigset_t all;
  sigemptyset(&all);
  sigaddset(&all, SIGIO);
  for (int signo = first_real_time(); signo <= last_real_time(); signo++)
    sigaddset(&all, signo);
  CHECK_THREAD(pthread_sigmask(SIG_BLOCK, &all, NULL));
}

static bool same_masks(const sigset_t *a, const sigset_t *b) {
  for (int signo = 1; signo <= 64; signo++)
    if (sigismember(a, signo) != sigismember(b, signo))
      return false;
  return true;
}

static sigset_t mask_now(void) {
  sigset_t mask;
  CHECK_THREAD(pthread_sigmask(SIG_BLOCK, NULL, &mask));
  return mask;
}

/* Events arrive, and the mask is the same afterwards. */
static void check_loop_works(void) {
  sigset_t before = mask_now();
  struct ioloop_backend_info info;
  CHECK_OK(ioloop_backend_probe(tap_argument, &info, sizeof info));
  CHECK_IS(info.error, ==, 0);
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int pair[2];
  make_pair(TCP, pair);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
  for (size_t bytes = 1; bytes <= 20; bytes++) {
    CHECK_QUIET(loop, US(100));
    put(pair[1], 1);
    RUN_UNTIL(loop, record.bytes == bytes);
  }
  test_loop_free(loop);
  close_pair(pair);
  sigset_t after = mask_now();
  CHECK(same_masks(&before, &after));
}

TEST(116, "started with SIGIO and all real-time signals blocked") {
  block_all();
  check_loop_works();
}

static void skip_in_valgrind(void) {
  if (tap_in_valgrind())
    SKIP("valgrind has a real-time signal of its own");
}

#ifdef SIGRTMIN
static void on_signal(struct ioloop *loop, int signo, void *arg) {
  (void)loop, (void)signo;
  ++*(unsigned *)arg;
}
#endif

TEST(116,
     "a real-time signal that was blocked at the start can be watched, unless it is the model's") {
#ifdef SIGRTMIN
  skip_in_valgrind();
  block_all();
  struct ioloop *loop = test_loop_new();
  unsigned calls = 0, refused = 0;
  for (int signo = SIGRTMIN; signo <= SIGRTMAX; signo++) {
    int r = ioloop_add_signal(loop, signo, on_signal, &calls);
    CHECK(r == 0 || r == -EINVAL);
    refused += r != 0;
  }
  CHECK_IS(refused, ==, strcmp(tap_argument, "rtsig") == 0);
  sigset_t some;
  sigemptyset(&some);
  sigaddset(&some, SIGRTMIN + 1);
  CHECK_THREAD(pthread_sigmask(SIG_UNBLOCK, &some, NULL));
  CHECK_SYS(raise(SIGRTMIN + 1));
  RUN_UNTIL(loop, calls == 1);
  test_loop_free(loop);
#else
  SKIP("no real-time signals here");
#endif
}

TEST(116, "started with SIGIO and all real-time signals ignored") {
  set_all(SIG_IGN);
  check_loop_works();
}

TEST(116, "started with SIGIO and all real-time signals blocked and ignored") {
  block_all();
  set_all(SIG_IGN);
  check_loop_works();
}

static void never(int signo) {
  tap_fail(__FILE__, __LINE__, "signal %d", signo);
}

/* The result of the probe; and ioloop_new must fail with the same error. */
static int probed(void) {
  struct ioloop_backend_info info;
  struct ioloop *loop;
  CHECK_OK(ioloop_backend_probe(tap_argument, &info, sizeof info));
  int r = ioloop_new(tap_argument, &loop);
  CHECK_IS(r, ==, info.error);
  CHECK_IS(strlen(info.reason) > 0, ==, r != 0);
  if (!r)
    CHECK_OK(ioloop_free(loop));
  return r;
}

TEST(116, "the probe returns the same error as making a loop") {
  skip_in_valgrind();
  CHECK_IS(probed(), ==, 0);
  struct ioloop *loop = test_loop_new();
  CHECK_IS(probed(), ==, 0);
  test_loop_free(loop);
  CHECK_IS(probed(), ==, 0);
  for (int signo = first_real_time(); signo <= last_real_time(); signo++)
    CHECK(signal(signo, never) != SIG_ERR);
  (void)probed();
}

static void check_child_mask(void *arg) {
  struct ioloop *loop = ((void **)arg)[0];
  sigset_t *before = ((void **)arg)[1];
  CHECK_OK(ioloop_free(loop));
  sigset_t now = mask_now();
  CHECK(same_masks(before, &now));
}

/* Not by a shell: some unblock all signals, whatever they inherit. */
static bool finds_none_blocked(const posix_spawnattr_t *attributes) {
  char grep[] = "grep", quiet[] = "-q", none[] = "^SigBlk:.0*$", file[] = "/proc/self/status";
  char *argv[] = {grep, quiet, none, file, NULL};
  pid_t child;
  int status;
  CHECK_THREAD(posix_spawnp(&child, grep, NULL, attributes, argv, environ));
  CHECK_IS(waitpid(child, &status, 0), ==, child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
  return WEXITSTATUS(status) == 0;
}

TEST(116, "a program that is spawned has no signal blocked, with the two lines of ioloop.h") {
  if (access("/proc/self/status", R_OK) < 0)
    SKIP("no /proc, which shows the mask of a process");
  sigset_t before = mask_now(), none;
  struct ioloop *loop = test_loop_new();
  posix_spawnattr_t attributes;
  CHECK_THREAD(posix_spawnattr_init(&attributes));
  CHECK(finds_none_blocked(NULL));
  CHECK_OK(ioloop_run_once(loop, 0));
  CHECK_IS(finds_none_blocked(NULL), ==, !signal_driven());
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  CHECK(finds_none_blocked(&attributes));
  wait_child(fork_child(check_child_mask, (void *[]){loop, &before}));
  posix_spawnattr_destroy(&attributes);
  test_loop_free(loop);
}

/* A file that another process also has: it finds O_ASYNC off, and our signal removed. */
TEST(116, "a removed file raises SIGIO again for a program that enables it") {
#ifdef F_GETSIG
  struct ioloop *loop = test_loop_new();
  int pair[2];
  make_pair(TCP, pair);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_never, NULL));
  CHECK_OK(ioloop_remove_handler(loop, pair[0]));
  CHECK_IS(fcntl(pair[0], F_GETFL) & O_ASYNC, ==, 0);
  CHECK_IS(fcntl(pair[0], F_GETSIG), ==, 0);
  test_loop_free(loop);
  close_pair(pair);
#else
  SKIP("no F_SETSIG here");
#endif
}
