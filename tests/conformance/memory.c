/* SPDX-License-Identifier: MIT */
/* memory.c - conformance 306: a loop that finds no memory any more. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support.h"

static void on_signal(struct ioloop *loop, int signo, void *arg) {
  (void)loop, (void)signo;
  ++*(unsigned *)arg;
}

/* In a child of the test: the limit is for good, and so is what is taken here. */
static void use_up_memory(void) {
  struct rlimit limit = {.rlim_cur = 0, .rlim_max = 0};
  CHECK_SYS(setrlimit(RLIMIT_AS, &limit));
  CHECK_SYS(setrlimit(RLIMIT_DATA, &limit));
  for (size_t size = 1 << 20; size >= 16; size /= 2)
    while (malloc(size)) /* never given back */
      ;
}

static void run_without_memory(void *arg) {
  struct ioloop *loop = test_loop_new();
  unsigned signals = 0, posted = 0, from_signal = 0;
  (void)arg;
  CHECK_OK(ioloop_add_signal(loop, SIGTERM, on_signal, &signals));
  CHECK_OK(ioloop_add_signal(loop, SIGUSR1, on_signal, &signals));
  if (strncmp(tap_argument, "libevent", strlen("libevent")) == 0)
    CHECK_OK(ioloop_run_once(loop, 1)); /* which takes memory of its own when it first waits */
  CHECK_OK(ioloop_add_callback_threadsafe(loop, on_count, &posted));
  use_up_memory();
  CHECK_SYS(raise(SIGTERM));
  CHECK_SYS(raise(SIGUSR1));
  CHECK_OK(ioloop_add_callback_from_signal(loop, on_count, &from_signal));
  RUN_UNTIL(loop, signals == 2 && posted == 1 && from_signal == 1);
  for (int i = 0; i < 10 && !presumes_readiness(); i++) /* it waits then */
    CHECK_IS(ioloop_run_once(loop, MS(1)), ==, 0);
  uint64_t wakeups = metrics_of(loop).wakeups;
  run_turns(loop, 20);
  if (!presumes_readiness())
    CHECK_IS(metrics_of(loop).wakeups, ==, wakeups);
  CHECK_SYS(raise(SIGTERM));
  RUN_UNTIL(loop, signals == 3);
  _exit(0);
}

TEST(306, "without memory signals and what others posted are called, and nothing spins") {
  if (tap_in_sanitizer())
    SKIP("the sanitizer ends a program without memory");
  wait_child(fork_child(run_without_memory, NULL));
}
