/* SPDX-License-Identifier: MIT */
/*
 * trouble_linux.c - a loop when the kernel lacks a resource, or refuses: it neither ends nor spins.
 * A loop that does not block and does nothing is a fault; the iterations are counted.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "failing.h"
#include "kinds.h"
#include "support.h"

/* ---- waits that fail -------------------------------------------------------------------- */

TEST(120, "a wait for which the kernel has no memory is made again") {
  static const int errors[] = {ENOMEM, EAGAIN, ENOBUFS, EINTR};
  for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
    struct ioloop *loop = test_loop_new();
    struct record record = {0};
    int pair[2];
    NOTE("%s", strerror(errors[i]));
    make_pair(UNIX_STREAM, pair);
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
    run_turns(loop, 2);
    for (int turn = 0; turn < 3; turn++) {
      failing_next(FAILING_WAITS, 1 + turn, errors[i]);
      put(pair[1], 1);
      RUN_UNTIL(loop, record.bytes == (size_t)turn + 1);
    }
    failing_next(FAILING_WAITS, 0, 0);
    CHECK_QUIET(loop, MS(20));
    test_loop_free(loop);
    close_pair(pair);
  }
}

TEST(120, "a lasting lack of memory for waits: the loop goes on, and does not spin") {
  skip_if_readiness_is_presumed();
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  unsigned timeouts = 0;
  int pair[2];
  make_pair(UNIX_STREAM, pair);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
  run_turns(loop, 2);
  put(pair[1], 1);
  failing_next(FAILING_WAITS, INT_MAX, ENOMEM);
  CHECK_OK(ioloop_call_later(loop, MS(30), on_count, &timeouts, NULL));
  CHECK_NO_SPIN(loop, MS(200));
  RUN_UNTIL(loop, timeouts == 1);
  failing_next(FAILING_WAITS, 0, 0);
  RUN_UNTIL(loop, record.bytes == 1);
  test_loop_free(loop);
  close_pair(pair);
}

/* ---- changes that fail ------------------------------------------------------------------ */

static int regular_file(void) {
  char path[] = P_tmpdir "/ioloop-XXXXXX";
  int fd = SYS(mkstemp(path));
  CHECK_SYS(unlink(path));
  return fd;
}

/* Another file under the number of a registered descriptor. */
static void replace(int fd, int other) {
  CHECK_SYS(dup2(other, fd));
  CHECK_SYS(close(other));
}

TEST(121, "the number of a registered descriptor is a regular file's: a change does not spin") {
  skip_if_readiness_is_presumed();
  for (int mask = IOLOOP_READ; mask <= (IOLOOP_READ | IOLOOP_WRITE); mask++) {
    if (mask == 2 || mask == 3)
      continue;
    struct ioloop *loop = test_loop_new();
    struct record record = {0};
    int pair[2];
    make_pair(UNIX_STREAM, pair);
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_event, &record));
    run_turns(loop, 2);
    replace(pair[0], regular_file());
    CHECK_OK(ioloop_update_handler(loop, pair[0], IOLOOP_WRITE));
    CHECK_OK(ioloop_run_once(loop, 0));
    int r = ioloop_update_handler(loop, pair[0], (unsigned)mask);
    CHECK(r == 0 || r == -ENOENT);
    struct ioloop_metrics before = metrics_of(loop);
    uint64_t deadline = tap_now() + MS(50);
    while (tap_left(deadline))
      CHECK_OK(ioloop_run_once(loop, tap_left(deadline)));
    struct ioloop_metrics after = metrics_of(loop);
    /* Models that do not notice that it is another file call its handler: it is ready. */
    CHECK_IS(after.iterations - before.iterations, <=, 50 + after.events - before.events);
    r = ioloop_remove_handler(loop, pair[0]);
    CHECK(r == 0 || r == -ENOENT);
    test_loop_free_abandoned(loop, 1);
    close_pair(pair);
  }
}

TEST(122, "a change for which the kernel has no memory is made later, without a spin") {
  skip_if_readiness_is_presumed();
  static const int errors[] = {ENOMEM, ENOSPC};
  for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
    struct ioloop *loop = test_loop_new();
    struct record record = {0};
    int pair[2];
    NOTE("%s", strerror(errors[i]));
    make_pair(UNIX_STREAM, pair);
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
    run_turns(loop, 2);
    /* Always writable: an event no longer wanted must not wake. */
    CHECK_OK(ioloop_update_handler(loop, pair[0], IOLOOP_READ | IOLOOP_WRITE));
    RUN_UNTIL(loop, record.calls);
    CHECK_OK(ioloop_update_handler(loop, pair[0], IOLOOP_READ));
    failing_next(FAILING_CHANGES, INT_MAX, errors[i]);
    CHECK_NO_SPIN(loop, MS(200));
    failing_next(FAILING_CHANGES, 0, 0);
    put(pair[1], 1);
    RUN_UNTIL(loop, record.bytes == 1);
    CHECK_QUIET(loop, MS(20));
    test_loop_free(loop);
    close_pair(pair);
  }
}

/* ---- ghosts ------------------------------------------------------------------------------- */

/* A descriptor closed before it is removed, whose file lives on and is readable. */
static int make_ghost(struct ioloop *loop, int pair[2], struct record *record) {
  make_pair(UNIX_STREAM, pair);
  int duplicate = SYS(dup(pair[0]));
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_event, record));
  run_turns(loop, 2);
  CHECK_SYS(close(pair[0]));
  int r = ioloop_remove_handler(loop, pair[0]);
  CHECK(r == 0 || r == -ENOENT);
  put(pair[1], 1);
  return duplicate;
}

TEST(123, "a ghost while there is no descriptor for a new set: no spin, and gone afterwards") {
  skip_if_readiness_is_presumed();
  struct ioloop *loop = test_loop_new();
  struct record record = {0}, other = {0};
  int pair[2], alive[2];
  make_pair(UNIX_STREAM, alive);
  CHECK_OK(ioloop_add_handler(loop, alive[0], IOLOOP_READ, on_drain, &other));
  int duplicate = make_ghost(loop, pair, &record);
  failing_next(FAILING_SETS, INT_MAX, EMFILE);
  CHECK_NO_SPIN(loop, MS(200));
  put(alive[1], 1);
  RUN_UNTIL(loop, other.bytes == 1);
  failing_next(FAILING_SETS, 0, 0);
  CHECK_QUIET(loop, MS(30));
  CHECK_QUIET(loop, MS(30));
  CHECK_IS(record.calls, ==, 0);
  test_loop_free_abandoned(loop, 1);
  close_pair(alive);
  CHECK_SYS(close(duplicate));
  CHECK_SYS(close(pair[1]));
}

TEST(123, "a new set for which there is no memory is filled when there is") {
  skip_if_readiness_is_presumed();
  struct ioloop *loop = test_loop_new();
  struct record record = {0}, other = {0};
  int pair[2], alive[2];
  make_pair(UNIX_STREAM, alive);
  CHECK_OK(ioloop_add_handler(loop, alive[0], IOLOOP_READ, on_drain, &other));
  int duplicate = make_ghost(loop, pair, &record);
  failing_next(FAILING_CHANGES, INT_MAX, ENOSPC);
  CHECK_NO_SPIN(loop, MS(200));
  failing_next(FAILING_CHANGES, 0, 0);
  put(alive[1], 1);
  RUN_UNTIL(loop, other.bytes == 1);
  CHECK_QUIET(loop, MS(30));
  CHECK_IS(record.calls, ==, 0);
  test_loop_free_abandoned(loop, 1);
  close_pair(alive);
  CHECK_SYS(close(duplicate));
  CHECK_SYS(close(pair[1]));
}

static void handed_over(struct ioloop *loop, struct record *record, int peer) {
  struct ioloop_metrics before = metrics_of(loop);
  put(peer, 1); /* the other process's traffic */
  CHECK_QUIET(loop, MS(2));
  CHECK_IS(metrics_of(loop).rebuilds, ==, before.rebuilds);
  CHECK_IS(record->calls, ==, 1);
}

TEST(124, "descriptors removed here that another process holds cost no new set") {
  skip_if_readiness_is_presumed();
  struct ioloop *loop = test_loop_new();
  int gate[2];
  CHECK_SYS(pipe(gate));
  for (enum kind kind = 0; kind < KINDS; kind++) {
    struct record record = {0};
    int pair[2];
    make_pair(kind, pair);
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_event, &record));
    put(pair[1], 1);
    RUN_UNTIL(loop, record.calls);
    int held = SYS(dup(pair[0]));
    CHECK_OK(ioloop_remove_handler(loop, pair[0]));
    CHECK_SYS(close(pair[0]));
    record.calls = 1;
    handed_over(loop, &record, pair[1]);
    CHECK_SYS(close(held));
    CHECK_SYS(close(pair[1]));
  }
  CHECK_SYS(close(gate[0]));
  CHECK_SYS(close(gate[1]));
  test_loop_free(loop);
}
/* ---- another file under the number ------------------------------------------------------- */

enum unnamed {
  EVENT,
  TIMER,
  NAMED_PIPE,
  TERMINAL,
  UNNAMED
};

/* Readable ones are of kinds that share an inode: all anonymous ones, and files opened twice by a
 * path. */
static int open_unnamed(enum unnamed kind, const char *path) {
  struct itimerspec soon = {.it_value.tv_nsec = 1};
  int fd;
  switch (kind) {
  case EVENT:
    return SYS(eventfd(1, EFD_NONBLOCK));
  case TIMER:
    fd = SYS(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
    CHECK_SYS(timerfd_settime(fd, 0, &soon, NULL));
    return fd;
  case NAMED_PIPE:
    return SYS(open(path, O_RDWR | O_NONBLOCK));
  default:
    return SYS(posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK));
  }
}

TEST(125, "a file closed without remove lives on, another of its inode has the number: no spin") {
  skip_if_readiness_is_presumed();
  char folder[] = "/tmp/ioloop-XXXXXX", path[64];
  CHECK(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/fifo", folder);
  CHECK_SYS(mkfifo(path, 0600));
  for (enum unnamed old = EVENT; old < UNNAMED; old++)
    for (enum unnamed new = EVENT; new < UNNAMED; new ++) {
      if ((old >= NAMED_PIPE || new >= NAMED_PIPE) && !watches_two_queues())
        continue;
      NOTE("%d under the number of %d", (int)new, (int)old);
      struct ioloop *loop = test_loop_new();
      struct record record = {0};
      int fd = open_unnamed(old, path), duplicate = SYS(dup(fd));
      CHECK_OK(ioloop_add_handler(loop, fd, IOLOOP_READ | IOLOOP_WRITE, on_event, &record));
      CHECK_SYS(close(fd));
      int later = open_unnamed(new, path);
      CHECK_IS(later, ==, fd);
      int r = ioloop_remove_handler(loop, fd);
      CHECK(r == 0 || r == -ENOENT);
      CHECK_OK(ioloop_add_handler(loop, fd, 0, on_event, &record));
      record.calls = 0;
      CHECK_NO_SPIN(loop, MS(20));
      CHECK_IS(record.calls, ==, 0);
      test_loop_free_abandoned(loop, 1);
      CHECK_SYS(close(later));
      CHECK_SYS(close(duplicate));
    }
  CHECK_SYS(unlink(path));
  CHECK_SYS(rmdir(folder));
}

/* ---- limits --------------------------------------------------------------------------------- */

TEST(126, "RLIMIT_NOFILE lowered after the start: the loop goes on") {
  static const unsigned limits[] = {8, 1, 0};
  for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
    struct ioloop *loop = test_loop_new();
    struct record records[20] = {{0}};
    int pairs[20][2];
    NOTE("to %u", limits[i]);
    for (int k = 0; k < 20; k++) {
      make_pair(UNIX_STREAM, pairs[k]);
      CHECK_OK(ioloop_add_handler(loop, pairs[k][0], IOLOOP_READ, on_drain, &records[k]));
    }
    run_turns(loop, 2);
    struct rlimit old, low;
    CHECK_SYS(getrlimit(RLIMIT_NOFILE, &old));
    low = (struct rlimit){.rlim_cur = limits[i], .rlim_max = old.rlim_max};
    CHECK_SYS(setrlimit(RLIMIT_NOFILE, &low));
    for (int k = 0; k < 20; k++) {
      put(pairs[k][1], 1);
      RUN_UNTIL(loop, records[k].bytes == 1);
    }
    CHECK_OK(ioloop_update_handler(loop, pairs[3][0], IOLOOP_READ | IOLOOP_WRITE));
    RUN_UNTIL(loop, records[3].seen & IOLOOP_WRITE);
    CHECK_OK(ioloop_remove_handler(loop, pairs[3][0]));
    CHECK_QUIET(loop, MS(50));
    CHECK_SYS(close(pairs[4][1]));
    RUN_UNTIL(loop, records[4].end);
    CHECK_SYS(setrlimit(RLIMIT_NOFILE, &old));
    CHECK_OK(ioloop_remove_handler(loop, pairs[4][0]));
    CHECK_QUIET(loop, MS(20));
    test_loop_free(loop);
    CHECK_SYS(close(pairs[4][0]));
    for (int k = 0; k < 20; k++)
      if (k != 4)
        close_pair(pairs[k]);
  }
}

/* ---- libevent without memory ------------------------------------------------------------------
 */

static bool no_memory;

static void *allocate(void *old, size_t size) {
  if (!no_memory)
    return realloc(old, size);
  errno = ENOMEM;
  return NULL;
}

static void *allocate_new(size_t size) {
  return allocate(NULL, size);
}

/* libevent's own allocations go through functions of ours. It may be absent. */
static void take_over_allocations(void) {
  typedef void set_functions(void *(*)(size_t), void *(*)(void *, size_t), void (*)(void *));
  set_functions *set;
  void *symbol = dlsym(RTLD_DEFAULT, "event_set_mem_functions");
  if (!symbol || strncmp(tap_argument, "libevent", 8) != 0)
    SKIP("this is about libevent's own allocations");
  memcpy(&set, &symbol, sizeof set);
  set(allocate_new, allocate, free);
}

TEST(127, "libevent without memory for a timer: a wait of microseconds ends") {
  take_over_allocations();
  struct ioloop *loop = test_loop_new();
  no_memory = true;
  uint64_t begun = tap_now();
  CHECK_OK(ioloop_run_once(loop, US(200)));
  CHECK_IS(tap_now() - begun, <, SECONDS(5));
  no_memory = false;
  CHECK_OK(ioloop_run_once(loop, US(200)));
  test_loop_free(loop);
}

/* From now on the system call fails in this process: seccomp(2). */

/* From now on the system call fails in this process: seccomp(2). */
static void refuse_call(unsigned number, unsigned error) {
  struct sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog filter = {.len = sizeof steps / sizeof steps[0], .filter = steps};
  CHECK_SYS(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
    SKIP("no seccomp filter can be set here");
}

static void check_refused(unsigned error) {
  refuse_call(SYS_epoll_pwait2, error);
  struct ioloop *loop = test_loop_new();
  unsigned timeouts = 0;
  CHECK_OK(ioloop_call_later(loop, MS(3), on_count, &timeouts, NULL));
  RUN_UNTIL(loop, timeouts);
  CHECK_QUIET(loop, MS(20));
  test_loop_free(loop);
}

TEST(128, "epoll_pwait2 refused with ENOSYS") {
  check_refused(ENOSYS);
}

TEST(128, "epoll_pwait2 refused with EPERM") {
  check_refused(EPERM);
}

TEST(128, "epoll_pwait2 refused with EACCES") {
  check_refused(EACCES);
}

TEST(128, "epoll_pwait2 refused with ENOTSUP") {
  check_refused(ENOTSUP);
}

TEST(129, "io_uring_setup refused with any error: io_uring is not there, and the name is known") {
  static const unsigned errors[] = {ENOSYS, EPERM, EACCES, EINVAL, ENOTSUP, ENOMEM};
  for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
    struct ioloop_backend_info info;
    struct ioloop *loop = NULL;
    NOTE("%s", strerror((int)errors[i]));
    refuse_call(SYS_io_uring_setup,
                errors[i]); /* the last filter's result counts, or the stricter one */
    CHECK_OK(ioloop_backend_probe("io_uring", &info, sizeof info));
    CHECK(info.error < 0 && info.error != -EINVAL);
    CHECK(info.reason[0]);
    int r = ioloop_new("io_uring", &loop);
    CHECK(r < 0 && r != -EINVAL);
  }
}
