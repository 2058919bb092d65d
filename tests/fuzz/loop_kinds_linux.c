/* SPDX-License-Identifier: MIT */
/* loop_kinds_linux.c - the kinds of descriptors of conformance 13 that only Linux has. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "loop.h"

static void open_eventfd(const struct kind *kind) {
  end_new(eventfd(0, EFD_NONBLOCK), kind, 0);
}

/* Now and then as much as fits, so that it is not writable. */
static void write_eventfd(const struct end *end, size_t size) {
  uint64_t value = size % 4 == 0 ? UINT64_MAX - 1 : size;
  (void)!write(end->fd, &value, sizeof value);
}

static void open_timerfd(const struct kind *kind) {
  end_new(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), kind, 0);
}

static void write_timerfd(const struct end *end, size_t size) {
  struct itimerspec when = {.it_value = {.tv_nsec = (long)size * 500 + 1}};
  timerfd_settime(end->fd, 0, &when, NULL);
}

/* Its signal is blocked (calls_set_up), and sent to the process: a signalfd reads its reader's
 * queue and the shared one. */
static void open_signalfd(const struct kind *kind) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGWINCH);
  end_new(signalfd(-1, &set, SFD_NONBLOCK), kind, 0);
}

static void write_signalfd(const struct end *end, size_t size) {
  (void)end;
  (void)size;
  kill(getpid(), SIGWINCH);
}

/* All watch one directory, which is gone before the script begins to touch it; its descriptor is
 * not one of the script's. */
static int touched = -1;

static void open_inotify(const struct kind *kind) {
  char directory[] = P_tmpdir "/fuzz-XXXXXX", path[64];
  if (touched < 0) {
    if (!mkdtemp(directory))
      fuzz_fail("the fuzzer cannot make a directory: %s", strerror(errno));
    int fd = open(directory, O_RDONLY | O_DIRECTORY);
    touched = fcntl(fd, F_DUPFD_CLOEXEC, MAX_FDS);
    close(fd);
    rmdir(directory);
  }
  int fd = inotify_init1(IN_NONBLOCK);
  snprintf(path, sizeof path, "/proc/self/fd/%d", touched);
  if (fd >= 0)
    inotify_add_watch(fd, path, IN_ATTRIB);
  end_new(fd, kind, 0);
}

static void write_inotify(const struct end *end, size_t size) {
  (void)end;
  fchmod(touched, size % 2 ? 0700 : 0500);
}

/* A set that watches one end of a pair, which is the script's as well. */
static const struct kind inner = {"inner of epoll", SOCKET, NULL, NULL, NULL};

static void open_epoll(const struct kind *kind) {
  int fd = epoll_create1(0), pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
    return;
  struct epoll_event event = {.events = EPOLLIN};
  epoll_ctl(fd, EPOLL_CTL_ADD, pair[0], &event);
  end_new(fd, kind, 0);
  end_new(pair[0], &inner, 0);
  end_new(pair[1], &inner, 0);
}

static void ignore_end(const struct end *end, size_t size) {
  (void)end;
  (void)size;
}

static void open_seqpacket(const struct kind *kind) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
    return;
  end_new(pair[0], kind, 0);
  end_new(pair[1], kind, 0);
}

static void open_mounts(const struct kind *kind) {
  end_new(open("/proc/self/mounts", O_RDONLY), kind, 0);
}

static void open_fifo_both(const struct kind *kind) {
  char directory[] = P_tmpdir "/fuzz-XXXXXX", path[64];
  if (!mkdtemp(directory))
    fuzz_fail("the fuzzer cannot make a directory: %s", strerror(errno));
  snprintf(path, sizeof path, "%s/fifo", directory);
  mkfifo(path, 0600);
  end_new(open(path, O_RDWR | O_NONBLOCK), kind, 0);
  unlink(path);
  rmdir(directory);
}

void limit_signals(uint64_t seed) {
  static const rlim_t limits[] = {0, 1, 3, 16};
  struct rlimit limit = {limits[seed / 4 % 4], limits[seed / 4 % 4]};
  if (seed % 4 == 3)
    setrlimit(RLIMIT_SIGPENDING, &limit);
}

const struct kind kinds_of_linux[] = {
    {"eventfd", 0, open_eventfd, write_eventfd, NULL},
    {"timerfd", 0, open_timerfd, write_timerfd, NULL},
    {"signalfd", TWO_QUEUES, open_signalfd, write_signalfd, NULL},
    {"inotify", LOOK_ALIKE, open_inotify, write_inotify, NULL},
    {"epoll", 0, open_epoll, ignore_end, ignore_end},
    {"seqpacket", SOCKET, open_seqpacket, NULL, NULL},
    {"/proc/self/mounts", STORED, open_mounts, ignore_end, NULL},
    {"fifo open for both", TWO_QUEUES, open_fifo_both, NULL, NULL},
    {0},
};
