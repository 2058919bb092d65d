/* SPDX-License-Identifier: MIT */
/* registration.c - conformance 1 to 12: adding, changing and removing handlers. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support.h"

/* Both orders: the byte is there before the wait, and it arrives during the wait. */
static void check_read_fires(enum kind kind) {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  struct later writer;
  int pair[2];
  make_pair(kind, pair);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
  CHECK_QUIET(loop, MS(5));
  put(pair[1], 1);
  RUN_UNTIL(loop, record.bytes == 1);
  CHECK_IS(record.events & IOLOOP_WRITE, ==, 0);
  CHECK_QUIET(loop, MS(5));
  for (size_t bytes = 2; bytes < 5; bytes++) {
    later(&writer, MS(5), write_byte, &pair[1]);
    RUN_UNTIL(loop, record.bytes == bytes);
    later_join(&writer);
  }
  CHECK_IS(record.fd, ==, pair[0]);
  test_loop_free(loop);
  close_pair(pair);
}

TEST(1, "read fires") {
  for (enum kind kind = 0; kind < KINDS; kind++) {
    NOTE("%s", kind_names[kind]);
    check_read_fires(kind);
  }
}

TEST(2, "write fires") {
  for (enum kind kind = 0; kind < KINDS; kind++) {
    struct ioloop *loop = test_loop_new();
    struct record record = {0};
    int pair[2];
    make_pair(kind, pair);
    NOTE("%s", kind_names[kind]);
    CHECK_OK(ioloop_add_handler(loop, pair[1], IOLOOP_WRITE, on_event, &record));
    RUN_UNTIL(loop, record.calls == 1);
    CHECK_IS(record.events, ==, IOLOOP_WRITE);
    RUN_UNTIL(loop, record.calls == 3); /* level-triggered: reported again */
    CHECK_IS(record.seen, ==, IOLOOP_WRITE);
    CHECK_OK(ioloop_remove_handler(loop, pair[1]));
    test_loop_free(loop);
    close_pair(pair);
  }
}

TEST(3, "read and write together, and each alone, on a duplex descriptor") {
  skip_if_readiness_is_presumed();
  for (enum kind kind = UNIX_STREAM; kind < KINDS; kind++) {
    struct ioloop *loop = test_loop_new();
    struct record record = {0};
    int pair[2];
    make_pair(kind, pair);
    NOTE("%s", kind_names[kind]);

    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ | IOLOOP_WRITE, on_event, &record));
    RUN_UNTIL(loop, record.calls > 0);
    CHECK_IS(record.seen, ==, IOLOOP_WRITE);
    put(pair[1], 1);
    RUN_UNTIL(loop, record.events == (IOLOOP_READ | IOLOOP_WRITE));

    CHECK_OK(ioloop_update_handler(loop, pair[0], IOLOOP_READ));
    record.seen = 0;
    RUN_UNTIL(loop, record.seen);
    CHECK_IS(record.seen, ==, IOLOOP_READ);

    CHECK_OK(ioloop_update_handler(loop, pair[0], IOLOOP_WRITE));
    record.seen = 0;
    RUN_UNTIL(loop, record.seen);
    CHECK_IS(record.seen, ==, IOLOOP_WRITE);

    CHECK_OK(ioloop_update_handler(loop, pair[0], IOLOOP_READ));
    take(pair[0], 1);
    CHECK_QUIET(loop, MS(5));
    test_loop_free(loop);
    close_pair(pair);
  }
}

TEST(4, "adding twice is -EEXIST") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int pair[2];
  make_pair(UNIX_STREAM, pair);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
  CHECK_ERROR(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_never, NULL), EEXIST);
  CHECK_ERROR(ioloop_add_handler(loop, pair[0], IOLOOP_WRITE, on_never, NULL), EEXIST);
  run_turns(loop, 2);
  CHECK_ERROR(ioloop_add_handler(loop, pair[0], 0, on_never, NULL), EEXIST);
  put(pair[1], 1); /* the first one is not affected */
  RUN_UNTIL(loop, record.bytes == 1);
  CHECK_IS(record.seen & IOLOOP_WRITE, ==, 0);
  test_loop_free(loop);
  close_pair(pair);
}

TEST(5, "remove or update without add is -ENOENT") {
  struct ioloop *loop = test_loop_new();
  int pair[2];
  make_pair(UNIX_STREAM, pair);
  CHECK_ERROR(ioloop_remove_handler(loop, pair[0]), ENOENT);
  CHECK_ERROR(ioloop_update_handler(loop, pair[0], IOLOOP_READ), ENOENT);
  CHECK_ERROR(ioloop_replace_handler(loop, pair[0], IOLOOP_READ, on_never, NULL), ENOENT);
  CHECK_ERROR(ioloop_remove_handler(loop, -1), ENOENT);
  CHECK_ERROR(ioloop_update_handler(loop, 1 << 30, IOLOOP_READ), ENOENT);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_never, NULL));
  CHECK_OK(ioloop_remove_handler(loop, pair[0]));
  CHECK_ERROR(ioloop_remove_handler(loop, pair[0]), ENOENT);
  CHECK_ERROR(ioloop_update_handler(loop, pair[0], IOLOOP_READ), ENOENT);
  run_turns(loop, 2);
  CHECK_ERROR(ioloop_remove_handler(loop, pair[0]), ENOENT);
  test_loop_free(loop);
  close_pair(pair);
}

TEST(6, "update changes the mask") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int pair[2];
  make_pair(UNIX_STREAM, pair);
  put(pair[1], 1);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_event, &record));
  RUN_UNTIL(loop, record.calls == 1);
  CHECK_IS(record.seen, ==, IOLOOP_READ);
  CHECK_OK(ioloop_update_handler(loop, pair[0], 0));
  record.seen = 0;
  CHECK_QUIET(loop, MS(5));
  CHECK_OK(ioloop_update_handler(loop, pair[0], IOLOOP_WRITE));
  RUN_UNTIL(loop, record.seen);
  CHECK_IS(record.seen, ==, IOLOOP_WRITE);
  CHECK_OK(ioloop_update_handler(loop, pair[0], 0));
  CHECK_OK(ioloop_update_handler(loop, pair[0], IOLOOP_READ));
  record.seen = 0;
  RUN_UNTIL(loop, record.seen);
  CHECK_IS(record.seen, ==, IOLOOP_READ);
  test_loop_free(loop);
  close_pair(pair);
}

TEST(6, "update before the first wait") {
  struct ioloop *loop = test_loop_new();
  struct record first = {0}, second = {0}, third = {0};
  int a[2], b[2], c[2];
  make_pair(UNIX_STREAM, a);
  make_pair(UNIX_STREAM, b);
  make_pair(UNIX_STREAM, c);
  put(a[1], 1);
  put(b[1], 1);
  put(c[1], 1);
  CHECK_OK(ioloop_add_handler(loop, a[0], IOLOOP_READ, on_event, &first));
  CHECK_OK(ioloop_update_handler(loop, a[0], IOLOOP_WRITE));
  CHECK_OK(ioloop_add_handler(loop, b[0], IOLOOP_READ, on_never, NULL));
  CHECK_OK(ioloop_update_handler(loop, b[0], 0));
  CHECK_OK(ioloop_add_handler(loop, c[0], 0, on_event, &third));
  CHECK_OK(ioloop_update_handler(loop, c[0], IOLOOP_READ));
  RUN_UNTIL(loop, first.calls && third.calls);
  CHECK_IS(first.seen, ==, IOLOOP_WRITE);
  CHECK_IS(second.calls, ==, 0);
  CHECK_IS(third.seen, ==, IOLOOP_READ);
  test_loop_free(loop);
  close_pair(a);
  close_pair(b);
  close_pair(c);
}

TEST(6, "update from inside the handler") {
  struct ioloop *loop = test_loop_new();
  int pair[2];
  make_pair(TCP, pair);
  struct record record = {0};
  put(pair[1], 1);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_WRITE, on_event, &record));
  for (int turn = 0; turn < 20; turn++) {
    unsigned mask = turn % 2 ? IOLOOP_WRITE : IOLOOP_READ;
    record.seen = 0;
    CHECK_OK(ioloop_update_handler(loop, pair[0], mask));
    RUN_UNTIL(loop, record.seen);
    CHECK_IS(record.seen, ==, mask);
  }
  test_loop_free(loop);
  close_pair(pair);
}

TEST(6, "replace changes events, handler and argument") {
  skip_if_readiness_is_presumed();
  struct ioloop *loop = test_loop_new();
  struct record old = {0}, new = {0};
  int pair[2];
  make_pair(UNIX_STREAM, pair);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &old));
  run_turns(loop, 2);
  CHECK_OK(ioloop_replace_handler(loop, pair[0], IOLOOP_WRITE, on_event, &new));
  put(pair[1], 1);
  RUN_UNTIL(loop, new.calls == 2);
  CHECK_IS(new.seen, ==, IOLOOP_WRITE);
  CHECK_IS(old.calls, ==, 0);
  CHECK_ERROR(ioloop_replace_handler(loop, pair[0], IOLOOP_READ, NULL, NULL), EINVAL);
  CHECK_ERROR(ioloop_update_handler(loop, pair[0], 0x2), EINVAL);
  test_loop_free(loop);
  close_pair(pair);
}

TEST(7, "re-add after remove") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int pair[2];
  make_pair(UNIX_STREAM, pair);
  for (int turn = 0; turn < 50; turn++) {
    size_t bytes = record.bytes;
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
    if (turn % 3 == 0) /* removed and added again between two waits, with a wait between */
      run_turns(loop, 1);
    put(pair[1], 1);
    RUN_UNTIL(loop, record.bytes == bytes + 1);
    CHECK_OK(ioloop_remove_handler(loop, pair[0]));
    if (turn % 2 == 0)
      run_turns(loop, 1);
  }
  test_loop_free(loop);
  close_pair(pair);
}

TEST(7, "re-add with another mask") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int pair[2];
  make_pair(TCP, pair);
  put(pair[1], 1);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_event, &record));
  RUN_UNTIL(loop, record.calls);
  CHECK_OK(ioloop_remove_handler(loop, pair[0]));
  record = (struct record){0};
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_WRITE, on_event, &record));
  RUN_UNTIL(loop, record.calls);
  CHECK_IS(record.seen, ==, IOLOOP_WRITE);
  CHECK_OK(ioloop_remove_handler(loop, pair[0]));
  CHECK_OK(ioloop_add_handler(loop, pair[0], 0, on_never, NULL));
  CHECK_QUIET(loop, MS(5));
  test_loop_free(loop);
  close_pair(pair);
}

TEST(8, "no events after remove") {
  for (enum kind kind = 0; kind < KINDS; kind++) {
    struct ioloop *loop = test_loop_new();
    struct record record = {0};
    int pair[2];
    make_pair(kind, pair);
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_event, &record));
    put(pair[1], 1);
    RUN_UNTIL(loop, record.calls);
    CHECK_OK(ioloop_remove_handler(loop, pair[0])); /* with data unread */
    unsigned calls = record.calls;
    CHECK_QUIET(loop, MS(10));
    put(pair[1], 1);
    CHECK_QUIET(loop, MS(10));
    CHECK_IS(record.calls, ==, calls);
    CHECK_SYS(close(pair[1]));
    CHECK_QUIET(loop, MS(10));
    test_loop_free(loop);
    CHECK_SYS(close(pair[0]));
  }
}

TEST(8, "no events when removed before the first wait") {
  struct ioloop *loop = test_loop_new();
  int pair[2];
  make_pair(UNIX_STREAM, pair);
  put(pair[1], 1);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ | IOLOOP_WRITE, on_never, NULL));
  CHECK_OK(ioloop_remove_handler(loop, pair[0]));
  CHECK_QUIET(loop, MS(10));
  test_loop_free(loop);
  close_pair(pair);
}

TEST(9, "a bad descriptor is -EBADF") {
  struct ioloop *loop = test_loop_new();
  int pair[2];
  make_pair(PIPE, pair);
  close_pair(pair);
  CHECK_ERROR(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_never, NULL), EBADF);
  CHECK_ERROR(ioloop_add_handler(loop, pair[0], 0, on_never, NULL), EBADF);
  CHECK_ERROR(ioloop_add_handler(loop, -1, IOLOOP_READ, on_never, NULL), EBADF);
  CHECK_ERROR(ioloop_add_handler(loop, 1000000, IOLOOP_WRITE, on_never, NULL), EBADF);
  CHECK_ERROR(ioloop_add_handler(loop, INT32_MAX, IOLOOP_READ, on_never, NULL), EBADF);
  CHECK_ERROR(ioloop_remove_handler(loop, pair[0]), ENOENT);
  CHECK_QUIET(loop, MS(5));
  test_loop_free(loop);
}

TEST(9, "a wrong mask or no handler is -EINVAL") {
  struct ioloop *loop = test_loop_new();
  int pair[2];
  make_pair(PIPE, pair);
  CHECK_ERROR(ioloop_add_handler(loop, pair[0], 0x2, on_never, NULL), EINVAL);
  CHECK_ERROR(ioloop_add_handler(loop, pair[0], IOLOOP_ERROR, on_never, NULL), EINVAL);
  CHECK_ERROR(ioloop_add_handler(loop, pair[0], 0x80000000u | IOLOOP_READ, on_never, NULL), EINVAL);
  CHECK_ERROR(ioloop_add_handler(loop, pair[0], IOLOOP_READ, NULL, NULL), EINVAL);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_never, NULL));
  test_loop_free(loop);
  close_pair(pair);
}

static void check_refused(int fd, unsigned events) {
  struct ioloop *loop = test_loop_new();
  CHECK_ERROR(ioloop_add_handler(loop, fd, events, on_never, NULL), EPERM);
  CHECK_ERROR(ioloop_remove_handler(loop, fd), ENOENT);
  CHECK_QUIET(loop, MS(5));
  test_loop_free(loop);
}

TEST(9, "a regular file is -EPERM") {
  char name[] = P_tmpdir "/ioloop-XXXXXX";
  int fd = SYS(mkstemp(name));
  CHECK_SYS(unlink(name));
  check_refused(fd, IOLOOP_READ);
  check_refused(fd, IOLOOP_WRITE);
  CHECK_SYS(close(fd));
}

TEST(9, "a directory is -EPERM") {
  int fd = SYS(open("/", O_RDONLY));
  check_refused(fd, IOLOOP_READ);
  CHECK_SYS(close(fd));
}

TEST(9, "/dev/null is -EPERM") {
  int fd = SYS(open("/dev/null", O_RDWR));
  check_refused(fd, IOLOOP_READ);
  check_refused(fd, IOLOOP_READ | IOLOOP_WRITE);
  CHECK_SYS(close(fd));
}

TEST(10, "descriptor numbers above 1024") {
  static const int numbers[] = {1023, 1024, 1025, 2047, 4099};
  need_descriptors(4200);
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    struct ioloop *loop = test_loop_new();
    struct record low = {0}, high = {0};
    int pair[2];
    make_pair(UNIX_STREAM, pair);
    pair[0] = move_fd_above(pair[0], numbers[i]);
    CHECK_OK(ioloop_add_handler(loop, pair[1], IOLOOP_READ, on_drain, &low));
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &high));
    CHECK_QUIET(loop, MS(5));
    put(pair[1], 1);
    RUN_UNTIL(loop, high.bytes == 1);
    CHECK_IS(high.fd, ==, pair[0]);
    CHECK_QUIET(loop, MS(5));
    put(pair[0], 1);
    RUN_UNTIL(loop, low.bytes == 1);
    CHECK_OK(ioloop_update_handler(loop, pair[0], IOLOOP_WRITE));
    RUN_UNTIL(loop, high.seen & IOLOOP_WRITE);
    CHECK_OK(ioloop_remove_handler(loop, pair[0]));
    CHECK_QUIET(loop, MS(5));
    test_loop_free(loop);
    close_pair(pair);
  }
}

TEST(10, "the highest descriptor number there can be") {
  struct rlimit limit;
  CHECK_SYS(getrlimit(RLIMIT_NOFILE, &limit));
  if (limit.rlim_cur <= 1024)
    SKIP("descriptors are limited to %llu", (unsigned long long)limit.rlim_cur);
  need_descriptors((size_t)limit.rlim_cur);
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int pair[2], highest = (int)limit.rlim_cur - 1;
  make_pair(TCP, pair);
  pair[0] = move_fd_to(pair[0], highest);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
  CHECK_QUIET(loop, MS(5));
  put(pair[1], 3);
  RUN_UNTIL(loop, record.bytes == 3);
  CHECK_OK(ioloop_remove_handler(loop, pair[0]));
  test_loop_free(loop);
  close_pair(pair);
}

struct crowd {
  size_t size, served; /* descriptors; those called at least once */
  unsigned *calls;     /* of each, by descriptor number */
};

static void on_crowd(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct crowd *crowd = arg;
  (void)loop, (void)events;
  if (crowd->calls[fd]++ == 0)
    crowd->served++;
  else
    CHECK_IS(crowd->served, ==, crowd->size); /* twice before all were called once */
}

TEST(11, "10,000 descriptors ready at once: each served, none twice before all once") {
  size_t pairs = tap_count(5000);
  need_descriptors(2 * pairs + 200);
  struct ioloop *loop = test_loop_new();
  struct crowd crowd = {.size = 2 * pairs, .calls = calloc(40000, sizeof *crowd.calls)};
  int(*pair)[2] = calloc(pairs, sizeof *pair);
  CHECK(crowd.calls && pair);
  for (size_t i = 0; i < pairs; i++) {
    make_pair(UNIX_STREAM, pair[i]);
    for (int side = 0; side < 2; side++) {
      CHECK_OK(ioloop_add_handler(loop, pair[i][side], IOLOOP_READ, on_crowd, &crowd));
      put(pair[i][!side], 1);
    }
  }
  RUN_UNTIL(loop, crowd.served == crowd.size);
  for (size_t i = 0; i < pairs; i++)
    for (int side = 0; side < 2; side++)
      CHECK_OK(ioloop_remove_handler(loop, pair[i][side]));
  run_turns(loop, 60); /* epoll forgets a removed descriptor when it is reported once more */
  CHECK_QUIET(loop, MS(20));
  test_loop_free(loop);
  for (size_t i = 0; i < pairs; i++)
    close_pair(pair[i]);
  free(pair);
  free(crowd.calls);
}

static void on_argument(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct record **own = arg;
  on_event(loop, fd, events, *own);
  drain(fd);
}

TEST(12, "handler argument preserved") {
  struct ioloop *loop = test_loop_new();
  struct record records[20] = {0}, *pointers[20];
  int pair[20][2];
  for (int i = 0; i < 20; i++) {
    pointers[i] = &records[i];
    make_pair(UNIX_STREAM, pair[i]);
    CHECK_OK(ioloop_add_handler(loop, pair[i][0], IOLOOP_READ, on_argument, &pointers[i]));
  }
  for (int i = 0; i < 20; i += 2) /* an update keeps it */
    CHECK_OK(ioloop_update_handler(loop, pair[i][0], IOLOOP_READ));
  for (int i = 0; i < 20; i++) {
    put(pair[i][1], 1);
    RUN_UNTIL(loop, records[i].calls == 1);
    CHECK_IS(records[i].fd, ==, pair[i][0]);
  }
  test_loop_free(loop);
  for (int i = 0; i < 20; i++)
    close_pair(pair[i]);
}
