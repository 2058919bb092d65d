/* SPDX-License-Identifier: MIT */
/* kinds_linux.c - conformance 13: the kinds of descriptors that only Linux has. None but inotify
 * raises SIGIO (setting O_ASYNC has no effect on them), so signal-driven models must poll them. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "kinds.h"

static void add_to_eventfd(const struct source *source) {
  CHECK_SYS(eventfd_write(source->watched, 1));
}

TEST(13, "watches an eventfd") {
  int fd = SYS(eventfd(0, EFD_NONBLOCK));
  check_source(
      &(struct source){.watched = fd, .stimulate = add_to_eventfd, .consume = drain_source});
  CHECK_SYS(close(fd));
}

TEST(13, "watches an eventfd for writing") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int fd = SYS(eventfd(0, EFD_NONBLOCK));
  CHECK_SYS(eventfd_write(fd, UINT64_MAX - 1)); /* full */
  CHECK_OK(ioloop_add_handler(loop, fd, IOLOOP_WRITE, on_event, &record));
  CHECK_QUIET(loop, MS(10));
  drain(fd);
  RUN_UNTIL(loop, record.calls > 0);
  CHECK_IS(record.seen, ==, IOLOOP_WRITE);
  test_loop_free(loop);
  CHECK_SYS(close(fd));
}

static void arm_timerfd(const struct source *source) {
  struct itimerspec soon = {.it_value = {.tv_nsec = 3000000}};
  CHECK_SYS(timerfd_settime(source->watched, 0, &soon, NULL));
}

static void expire_timerfd(const struct source *source) {
  uint64_t count;
  CHECK_IS(read(source->watched, &count, sizeof count), ==, sizeof count);
}

TEST(13, "watches a timerfd") {
  skip_if_readiness_is_presumed();
  int fd = SYS(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
  /* Removed at the end while it is armed and fires unseen. */
  check_source(
      &(struct source){.watched = fd, .stimulate = arm_timerfd, .consume = expire_timerfd});
  CHECK_SYS(close(fd));
}

/* To the process, not the calling thread: a signalfd reads its reader's queue and the shared one,
 * and the stimulus may come from another thread. */
static void send_signal(const struct source *source) {
  (void)source;
  CHECK_SYS(kill(getpid(), SIGUSR2));
}

TEST(13, "watches a signalfd") {
  if (strcmp(tap_argument, "linux-aio") == 0)
    SKIP("the kernel thread that polls asks for its own signals");
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  CHECK_THREAD(pthread_sigmask(SIG_BLOCK, &set, NULL));
  int fd = SYS(signalfd(-1, &set, SFD_NONBLOCK));
  check_source(&(struct source){.watched = fd, .stimulate = send_signal, .consume = drain_source});
  CHECK_SYS(close(fd));
}

static void touch(const struct source *source) {
  CHECK_SYS(fchmod(source->peer, 0700));
}

TEST(13, "watches inotify") {
  char directory[] = P_tmpdir "/ioloop-XXXXXX";
  CHECK(mkdtemp(directory));
  int fd = SYS(inotify_init1(IN_NONBLOCK));
  CHECK_SYS(inotify_add_watch(fd, directory, IN_ATTRIB));
  int touched = SYS(open(directory, O_RDONLY | O_DIRECTORY));
  check_source(&(struct source){
      .watched = fd, .peer = touched, .stimulate = touch, .consume = drain_source});
  CHECK_SYS(close(touched));
  CHECK_SYS(close(fd));
  CHECK_SYS(rmdir(directory));
}

/* The inner set watches one end of a pair; the outer loop watches the set. */
static int inner_pair[2];

static void write_to_inner(const struct source *source) {
  (void)source;
  put(inner_pair[1], 1);
}

static void drain_inner(const struct source *source) {
  (void)source;
  CHECK_IS(drain(inner_pair[0]), ==, 1);
}

TEST(13, "watches a nested epoll descriptor") {
  struct epoll_event event = {.events = EPOLLIN};
  int fd = SYS(epoll_create1(0));
  make_pair(UNIX_STREAM, inner_pair);
  CHECK_SYS(epoll_ctl(fd, EPOLL_CTL_ADD, inner_pair[0], &event));
  check_source(
      &(struct source){.watched = fd, .stimulate = write_to_inner, .consume = drain_inner});
  CHECK_SYS(close(fd));
  close_pair(inner_pair);
}

TEST(13, "watches an AF_UNIX seqpacket socket") {
  int pair[2];
  CHECK_SYS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair));
  check_source(&(struct source){
      .watched = pair[0], .peer = pair[1], .stimulate = write_to_source, .consume = drain_source});
  close_pair(pair);
}

/* Whatever the number and the size of the table, and also for an empty mask. */
static void check_add(int fd, int expected) {
  static const unsigned masks[] = {IOLOOP_READ, IOLOOP_WRITE, IOLOOP_READ | IOLOOP_WRITE, 0};
  need_descriptors(1100);
  for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++)
    for (int number = 100; number < 1000; number += 300) {
      struct ioloop *loop = test_loop_new();
      struct record record = {0};
      NOTE("number %d, mask %u", number, masks[i]);
      for (int turn = 0; turn < 2; turn++) {
        int copy = SYS(fcntl(fd, F_DUPFD_CLOEXEC, number - 90 * turn));
        int r = ioloop_add_handler(loop, copy, masks[i], on_event, &record);
        CHECK_IS(r, ==, expected);
        if (r == 0)
          CHECK_OK(ioloop_remove_handler(loop, copy));
        CHECK_SYS(close(copy));
      }
      test_loop_free(loop);
    }
}

TEST(130, "add returns the same for files under every model: refused") {
  static const char *const paths[] = {"/proc/self/status", "/proc/self/exe", "/proc/self/ns/net",
                                      "/dev/null",         "/dev/zero",      "/proc/self/fd"};
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
    NOTE("%s", paths[i]);
    if (fd < 0)
      continue;
    check_add(fd, -EPERM);
    CHECK_SYS(close(fd));
  }
}

TEST(130,
     "add returns the same for files under every model: regular files that poll are accepted") {
  int fd = open("/proc/self/mounts", O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT)
    SKIP("no /proc, whose files are of that kind");
  CHECK_SYS(fd);
  check_add(fd, 0);
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  CHECK_OK(ioloop_add_handler(loop, fd, IOLOOP_READ, on_event, &record));
  RUN_UNTIL(loop, record.calls >= 3); /* always readable */
  CHECK_OK(ioloop_remove_handler(loop, fd));
  if (!presumes_readiness())
    CHECK_QUIET(loop, MS(10));
  test_loop_free(loop);
  CHECK_SYS(close(fd));
}

/* Found by the fuzzer: linux-aio accepted such a terminal, and lost the handler when it was drained. */
TEST(143, "a kind that the model cannot watch is refused also while it is ready") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int master = SYS(posix_openpt(O_RDWR | O_NOCTTY));
  CHECK_SYS(grantpt(master));
  CHECK_SYS(unlockpt(master));
  int slave = SYS(open(ptsname(master), O_RDWR | O_NOCTTY | O_NONBLOCK));
  CHECK_IS(write(slave, "line\n", 5), ==, 5); /* readable */
  int expected = watches_two_queues() ? 0 : -EPERM;
  CHECK_IS(ioloop_add_handler(loop, master, IOLOOP_READ, on_event, &record), ==, expected);
  CHECK_SYS(close(slave)); /* hung up */
  if (expected == 0)
    CHECK_OK(ioloop_remove_handler(loop, master));
  CHECK_IS(ioloop_add_handler(loop, master, IOLOOP_READ, on_event, &record), ==, expected);
  test_loop_free(loop);
  CHECK_SYS(close(master));
}
