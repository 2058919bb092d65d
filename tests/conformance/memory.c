/* SPDX-License-Identifier: MIT */
/* memory.c - conformance 115: a loop when memory is exhausted. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crowd.h"
#include "echo.h"

static void on_signal(struct ioloop *loop, int signo, void *arg) {
  (void)loop, (void)signo;
  ++*(unsigned *)arg;
}

/* An emulator of system calls accepts the limit, and does not keep it. */
static bool memory_is_limited(void) {
  struct rlimit old, none;
  CHECK_SYS(getrlimit(RLIMIT_AS, &old));
  none = (struct rlimit){.rlim_cur = 0, .rlim_max = old.rlim_max};
  CHECK_SYS(setrlimit(RLIMIT_AS, &none));
  void *memory = mmap(NULL, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK_SYS(setrlimit(RLIMIT_AS, &old));
  if (memory == MAP_FAILED)
    return true;
  CHECK_SYS(munmap(memory, 1));
  return false;
}

/* In a child of the test: the limit is permanent, and so is the memory taken here. */
static void use_up_memory(void) {
  static void *volatile taken; /* or a compiler leaves out a malloc whose result is only tested */
  struct rlimit limit = {.rlim_cur = 0, .rlim_max = 0};
  CHECK_SYS(setrlimit(RLIMIT_AS, &limit));
  CHECK_SYS(setrlimit(RLIMIT_DATA, &limit));
  for (size_t size = 1 << 20; size >= 16; size /= 2)
    do
      taken = malloc(size); /* never freed */
    while (taken);
}

static void run_without_memory(void *arg) {
  struct ioloop *loop = test_loop_new();
  unsigned signals = 0, posted = 0, from_signal = 0;
  (void)arg;
  CHECK_OK(ioloop_add_signal(loop, SIGTERM, on_signal, &signals));
  CHECK_OK(ioloop_add_signal(loop, SIGUSR1, on_signal, &signals));
  if (strncmp(tap_argument, "libevent", strlen("libevent")) == 0)
    CHECK_OK(ioloop_run_once(loop, 1)); /* it allocates memory at its first wait */
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

TEST(115, "without memory signals and what others posted are called, and nothing spins") {
  if (tap_in_sanitizer())
    SKIP("the sanitizer ends a program without memory");
  if (!memory_is_limited())
    SKIP("RLIMIT_AS limits nothing on this system");
  wait_child(fork_child(run_without_memory, NULL));
}

static void no_datagram(struct ioloop_datagram *socket, const char *data, size_t size,
                        const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  (void)socket, (void)data, (void)size, (void)peer, (void)peer_size, (void)arg;
}

static void shut_datagrams_down(struct ioloop *loop) {
  struct ioloop_datagram *socket;
  int pair[2];
  make_pair(UDP, pair);
  CHECK_OK(ioloop_datagram_new(loop, pair[0], no_datagram, NULL, NULL, &socket));
  CHECK_SYS(shutdown(pair[0], SHUT_RD));
}

static struct echo echo;

static void open_server(struct ioloop *loop) {
  echo_open(&echo, loop, NULL);
}

/* The lowest number that is free is the last that may be used: accept has none. */
static void connect_in_vain(void) {
  int client = client_connect(echo.port);
  struct rlimit limit = {.rlim_cur = (rlim_t)client + 1, .rlim_max = (rlim_t)client + 1};
  CHECK_SYS(setrlimit(RLIMIT_NOFILE, &limit));
}

static void do_nothing(void) {}

static const struct {
  void (*prepare)(struct ioloop *loop);
  void (*make_ready)(void);
} ready[] = {{shut_datagrams_down, do_nothing}, {open_server, connect_in_vain}};

static void stay_ready_without_memory(void *arg) {
  struct ioloop *loop = test_loop_new();
  size_t i = *(size_t *)arg;
  ready[i].prepare(loop);
  CHECK_OK(ioloop_run_once(loop, 1)); /* libevent takes memory of its own when it first waits */
  run_turns(loop, 2);
  use_up_memory();
  ready[i].make_ready();
  for (int turn = 0; turn < 2 * 33; turn++) /* until it is found out that nothing can be done */
    CHECK(ioloop_run_once(loop, 0) >= 0);
  CHECK_NO_SPIN(loop, MS(60));
  _exit(0);
}

TEST(115, "without memory for a timeout to rest until, what stays ready does not spin") {
  if (tap_in_sanitizer())
    SKIP("the sanitizer ends a program without memory");
  if (!memory_is_limited())
    SKIP("RLIMIT_AS limits nothing on this system");
  for (size_t i = 0; i < sizeof ready / sizeof ready[0]; i++) {
    NOTE("case %zu", i);
    wait_child(fork_child(stay_ready_without_memory, &i));
  }
}

/* 256 of them in each turn. libevent chooses which. */
static void report_without_memory(void *arg) {
  struct crowd *crowd = arg;
  struct ioloop *loop = test_loop_new();
  bool chooses = strncmp(tap_argument, "libevent", strlen("libevent")) == 0;
  if (chooses)
    CHECK_OK(ioloop_run_once(loop, 1)); /* it allocates memory at its first wait */
  crowd_add(loop, crowd);
  use_up_memory();
  run_turns(loop, 1);
  CHECK_IS(crowd_least(crowd), ==, 0);
  for (int turns = 0; crowd_least(crowd) < 3; turns++) {
    if (!chooses)
      CHECK_IS(crowd_most(crowd), <=, crowd_least(crowd) + 1);
    CHECK_IS(turns, <, 1000);
    run_turns(loop, 1);
  }
  _exit(0);
}

TEST(115, "without memory for a larger batch, of 1,000 each is reported before any is again") {
  static struct crowd crowd;
  if (tap_in_sanitizer())
    SKIP("the sanitizer ends a program without memory");
  if (!memory_is_limited())
    SKIP("RLIMIT_AS limits nothing on this system");
  if (strcmp(tap_argument, "linux-aio") == 0)
    SKIP("1,000 requests need a larger context, and that needs memory");
  crowd_begin(&crowd);
  wait_child(fork_child(report_without_memory, &crowd));
  for (int i = 0; i < CROWD; i++)
    close_pair(crowd.pairs[i]);
}
