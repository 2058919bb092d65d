/* SPDX-License-Identifier: MIT */
/*
 * lifetime.c - conformance 14 to 18: a number is not a file. Numbers are reused at once by the
 * next open, files live on through dups and children, dup2 puts another file under a number.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

static bool is_open(int fd) {
  return fcntl(fd, F_GETFD) >= 0;
}

/* The ends of a new pair, pair[0] under the (free) number. */
static void make_pair_at(enum kind kind, int pair[2], int number) {
  CHECK(!is_open(number));
  make_pair(kind, pair);
  if (pair[1] == number) {
    pair[1] = SYS(dup(pair[1]));
    CHECK_SYS(close(number));
  }
  pair[0] = move_fd_to(pair[0], number);
}

TEST(14, "close after remove; the number reused by another kind of descriptor") {
  struct ioloop *loop = test_loop_new();
  struct record old = {0};
  int pair[2];
  make_pair(PIPE, pair);
  for (int turn = 0; turn < 40; turn++) {
    struct record record = {0};
    int number = pair[0];
    CHECK_OK(ioloop_add_handler(loop, number, IOLOOP_READ, on_event, &old));
    put(pair[1], 1);
    if (turn % 2)
      RUN_UNTIL(loop, old.calls); /* else removed before any wait */
    CHECK_OK(ioloop_remove_handler(loop, number));
    close_pair(pair);
    old.calls = 0;

    make_pair_at((enum kind)((turn + 1) % KINDS), pair, number);
    CHECK_OK(ioloop_add_handler(loop, number, IOLOOP_READ, on_drain, &record));
    CHECK_QUIET(loop, MS(2)); /* the old file's readiness is not the new one's */
    put(pair[1], 2);
    RUN_UNTIL(loop, record.bytes == 2);
    CHECK_IS(record.seen & IOLOOP_WRITE, ==, 0);
    CHECK_OK(ioloop_remove_handler(loop, number));
    CHECK_IS(old.calls, ==, 0);
  }
  test_loop_free(loop);
  close_pair(pair);
}

TEST(14, "a number reused for writing after it was watched for reading") {
  skip_if_readiness_is_presumed();
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int pair[2];
  make_pair(UNIX_STREAM, pair);
  int number = pair[0];
  CHECK_OK(ioloop_add_handler(loop, number, IOLOOP_READ, on_never, NULL));
  CHECK_QUIET(loop, MS(2));
  CHECK_OK(ioloop_remove_handler(loop, number));
  close_pair(pair);
  make_pair_at(TCP, pair, number);
  CHECK_OK(ioloop_add_handler(loop, number, IOLOOP_WRITE, on_event, &record));
  RUN_UNTIL(loop, record.calls == 2);
  CHECK_IS(record.seen, ==, IOLOOP_WRITE);
  test_loop_free(loop);
  close_pair(pair);
}

/* The registration of a closed descriptor is dropped when the loop notices, which some models never
 * do: then the number is still taken, and becomes available by remove and add. */
static void add_over_abandoned(struct ioloop *loop, int fd, ioloop_handler_fn *handler, void *arg) {
  int r = ioloop_add_handler(loop, fd, IOLOOP_READ, handler, arg);
  if (r == -EEXIST) {
    CHECK_OK(ioloop_remove_handler(loop, fd));
    r = ioloop_add_handler(loop, fd, IOLOOP_READ, handler, arg);
  }
  CHECK_OK(r);
}

TEST(15, "close without remove: no crash, no spin") {
  for (enum kind kind = 0; kind < KINDS; kind++) {
    struct ioloop *loop = test_loop_new();
    struct record record = {0}, other = {0};
    int pair[2], alive[2];
    NOTE("%s", kind_names[kind]);
    make_pair(kind, pair);
    make_pair(UNIX_STREAM, alive);
    CHECK_OK(ioloop_add_handler(loop, alive[0], IOLOOP_READ, on_drain, &other));
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_event, &record));
    run_turns(loop, 2);
    put(pair[1], 1);
    close_pair(pair);
    /* As many as CHECK_NO_SPIN allows: a loop that calls needlessly has noticed by then, on any
     * machine. */
    run_turns(loop, 50);
    CHECK_NO_SPIN(loop, MS(30));
    put(alive[1], 1);
    RUN_UNTIL(loop, other.bytes == 1);
    CHECK_QUIET(loop, MS(10));
    int r = ioloop_remove_handler(loop, pair[0]); /* late, if the loop has not noticed */
    CHECK_IS(r, ==, metrics_of(loop).abandoned ? -ENOENT : 0);
    CHECK_QUIET(loop, MS(10));
    test_loop_free_abandoned(loop, 1);
    close_pair(alive);
  }
}

TEST(15, "close without remove inside the batch in which it is ready") {
  struct ioloop *loop = test_loop_new();
  int pairs[8][2];
  struct record records[8] = {0};
  for (int i = 0; i < 8; i++) {
    make_pair(UNIX_STREAM, pairs[i]);
    CHECK_OK(ioloop_add_handler(loop, pairs[i][0], IOLOOP_READ, on_drain, &records[i]));
    put(pairs[i][1], 1);
  }
  for (int i = 0; i < 8; i += 2)
    close_pair(pairs[i]);
  RUN_UNTIL(loop, records[1].bytes && records[3].bytes && records[5].bytes && records[7].bytes);
  CHECK_NO_SPIN(loop, MS(20));
  for (int i = 1; i < 8; i += 2)
    put(pairs[i][1], 1);
  RUN_UNTIL(loop, records[1].bytes + records[3].bytes + records[5].bytes + records[7].bytes == 8);
  test_loop_free_abandoned(loop, 4);
  for (int i = 1; i < 8; i += 2)
    close_pair(pairs[i]);
}

TEST(15, "close without remove: no event to a later owner of the number") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int pair[2], number;
  make_pair(UNIX_STREAM, pair);
  number = pair[0];
  for (int turn = 0; turn < 20; turn++) {
    CHECK_OK(ioloop_add_handler(loop, number, IOLOOP_READ, on_event, &record));
    put(pair[1], 1);
    if (turn % 2)
      RUN_UNTIL(loop, record.calls);
    close_pair(pair);
    if (turn % 3 == 0)
      CHECK_NO_SPIN(loop, MS(2));
    record.calls = 0;

    struct record later_owner = {0};
    make_pair_at((enum kind)(turn % KINDS), pair, number);
    add_over_abandoned(loop, number, on_drain, &later_owner);
    CHECK_QUIET(loop, MS(2));
    put(pair[1], 2);
    RUN_UNTIL(loop, later_owner.bytes == 2);
    CHECK_QUIET(loop, MS(2));
    CHECK_IS(record.calls, ==, 0);
    CHECK_OK(ioloop_remove_handler(loop, number));
  }
  test_loop_free_abandoned(loop, 20);
  close_pair(pair);
}

/* `duplicate` of the closed number stays readable: a loop that still watches it spins. */
static void check_no_ghost(struct ioloop *loop, int duplicate, int peer) {
  put(peer, 1);
  CHECK_QUIET(loop, MS(20));
  put(peer, 1);
  CHECK_QUIET(loop, MS(10));
  take(duplicate, 2);
  drain(duplicate);
}

TEST(16, "a dup outlives the closed descriptor: no ghost events, no spin") {
  for (enum kind kind = 0; kind < KINDS; kind++) {
    struct ioloop *loop = test_loop_new();
    struct record record = {0};
    int pair[2], duplicate;
    NOTE("%s", kind_names[kind]);
    make_pair(kind, pair);
    duplicate = SYS(dup(pair[0]));
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
    put(pair[1], 1);
    RUN_UNTIL(loop, record.bytes == 1);
    CHECK_OK(ioloop_remove_handler(loop, pair[0]));
    CHECK_SYS(close(pair[0]));
    check_no_ghost(loop, duplicate, pair[1]);
    test_loop_free(loop);
    CHECK_SYS(close(duplicate));
    CHECK_SYS(close(pair[1]));
  }
}

/* A kqueue drops closed descriptors itself, whatever dups there are: the loop is not notified, and
 * need not be. */
static bool drops_closed_itself(void) {
  return strcmp(tap_argument, "kqueue") == 0;
}

static void close_it(struct ioloop *loop, int fd, unsigned events, void *arg) {
  on_event(loop, fd, events, arg);
  close(fd);
}

TEST(16, "a handler closes its ready descriptor, and a dup of it lives on: dropped before long") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0}, other = {0};
  int pair[2], alive[2];
  make_pair(UNIX_STREAM, pair);
  make_pair(UNIX_STREAM, alive);
  int duplicate = SYS(dup(pair[0]));
  CHECK_OK(ioloop_add_handler(loop, alive[0], IOLOOP_READ, on_drain, &other));
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, close_it, &record));
  put(pair[1], 1);
  RUN_UNTIL(loop, metrics_of(loop).abandoned == 1 || (record.calls && drops_closed_itself()));
  CHECK_IS(record.calls, <=, 256);
  CHECK_NO_SPIN(loop, MS(20));
  put(alive[1], 1);
  RUN_UNTIL(loop, other.bytes == 1);
  test_loop_free_abandoned(loop, 1);
  close_pair(alive);
  CHECK_SYS(close(duplicate));
  CHECK_SYS(close(pair[1]));
}

TEST(16, "a dup outlives the descriptor, whose number has a new owner") {
  skip_if_readiness_is_presumed();
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int old[2], new[2], duplicate;
  make_pair(UNIX_STREAM, old);
  duplicate = SYS(dup(old[0]));
  CHECK_OK(ioloop_add_handler(loop, old[0], IOLOOP_READ, on_never, NULL));
  run_turns(loop, 2);
  CHECK_OK(ioloop_remove_handler(loop, old[0]));
  CHECK_SYS(close(old[0]));
  make_pair_at(UNIX_STREAM, new, old[0]);
  CHECK_OK(ioloop_add_handler(loop, new[0], IOLOOP_READ, on_drain, &record));
  check_no_ghost(loop, duplicate, old[1]);
  put(new[1], 1);
  RUN_UNTIL(loop, record.bytes == 1);
  check_no_ghost(loop, duplicate, old[1]);
  put(new[1], 1);
  RUN_UNTIL(loop, record.bytes == 2);
  test_loop_free(loop);
  close_pair(new);
  CHECK_SYS(close(duplicate));
  CHECK_SYS(close(old[1]));
}

TEST(16, "a dup outlives a descriptor that was removed only after its close") {
  skip_if_readiness_is_presumed();
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int pair[2], duplicate;
  make_pair(UNIX_STREAM, pair);
  duplicate = SYS(dup(pair[0]));
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_event, &record));
  run_turns(loop, 2);
  CHECK_SYS(close(pair[0]));
  int r = ioloop_remove_handler(loop, pair[0]);
  CHECK(r == 0 || r == -ENOENT);
  check_no_ghost(loop, duplicate, pair[1]);
  CHECK_IS(record.calls, ==, 0);
  test_loop_free_abandoned(loop, 1);
  CHECK_SYS(close(duplicate));
  CHECK_SYS(close(pair[1]));
}

TEST(16, "a dup of a descriptor that is removed while it is ready") {
  struct ioloop *loop = test_loop_new();
  int pairs[3][2], duplicates[3];
  struct record record = {0};
  for (int i = 0; i < 3; i++) {
    make_pair(TCP, pairs[i]);
    duplicates[i] = SYS(dup(pairs[i][0]));
    CHECK_OK(ioloop_add_handler(loop, pairs[i][0], IOLOOP_READ, on_event, &record));
    put(pairs[i][1], 1);
  }
  RUN_UNTIL(loop, record.calls >= 3);
  for (int i = 0; i < 3; i++) {
    CHECK_OK(ioloop_remove_handler(loop, pairs[i][0]));
    CHECK_SYS(close(pairs[i][0]));
  }
  CHECK_QUIET(loop, MS(30)); /* all three are still readable */
  test_loop_free(loop);
  for (int i = 0; i < 3; i++) {
    CHECK_SYS(close(duplicates[i]));
    CHECK_SYS(close(pairs[i][1]));
  }
}

TEST(17, "no descriptor leaks over 100,000 add, remove, close cycles") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  size_t cycles = tap_count(100000), before = tap_open_descriptors();
  for (size_t i = 0; i < cycles; i++) {
    int pair[2];
    make_pair(i % 2 ? PIPE : UNIX_STREAM, pair);
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_event, &record));
    if (i % 4 == 0) {
      put(pair[1], 1);
      run_turns(loop, 1);
    }
    CHECK_OK(ioloop_remove_handler(loop, pair[0]));
    close_pair(pair);
    if (i % 8 == 0)
      run_turns(loop, 1);
  }
  CHECK_IS(tap_open_descriptors(), ==, before);
  CHECK_IS(record.calls, >, 0);
  CHECK_QUIET(loop, MS(5));
  test_loop_free(loop);
}

TEST(18, "a registered descriptor moved by dup2 to another number") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int pair[2], moved = 700;
  make_pair(TCP, pair);
  put(pair[1], 1);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_event, &record));
  RUN_UNTIL(loop, record.calls);
  CHECK_SYS(dup2(pair[0], moved));
  CHECK_OK(ioloop_remove_handler(loop, pair[0]));
  CHECK_SYS(close(pair[0]));
  record = (struct record){0};
  CHECK_OK(ioloop_add_handler(loop, moved, IOLOOP_READ, on_drain, &record));
  RUN_UNTIL(loop, record.bytes == 1);
  CHECK_IS(record.fd, ==, moved);
  CHECK_QUIET(loop, MS(10));
  put(pair[1], 1);
  RUN_UNTIL(loop, record.bytes == 2);
  CHECK_QUIET(loop, MS(10));
  test_loop_free(loop);
  CHECK_SYS(close(moved));
  CHECK_SYS(close(pair[1]));
}

TEST(18, "dup2 puts another file under a registered number") {
  skip_if_readiness_is_presumed();
  struct ioloop *loop = test_loop_new();
  struct record old = {0}, new = {0};
  int first[2], second[2];
  make_pair(UNIX_STREAM, first);
  make_pair(TCP, second);
  CHECK_OK(ioloop_add_handler(loop, first[0], IOLOOP_READ, on_event, &old));
  run_turns(loop, 2);
  CHECK_SYS(dup2(second[0], first[0]));
  CHECK_NO_SPIN(loop, MS(10));
  CHECK_IS(old.calls, ==, 0);
  CHECK_OK(ioloop_remove_handler(loop, first[0]));
  CHECK_OK(ioloop_add_handler(loop, first[0], IOLOOP_READ, on_drain, &new));
  CHECK_QUIET(loop, MS(10));
  put(second[1], 1);
  RUN_UNTIL(loop, new.bytes == 1);
  CHECK_QUIET(loop, MS(10));
  put(second[1], 1);
  RUN_UNTIL(loop, new.bytes == 2);
  CHECK_IS(old.calls, ==, 0);
  test_loop_free_abandoned(loop, 1);
  close_pair(first);
  close_pair(second);
}

TEST(18, "dup2 under a registered number while the old file lives on") {
  skip_if_readiness_is_presumed();
  struct ioloop *loop = test_loop_new();
  struct record new = {0};
  int first[2], second[2], duplicate;
  make_pair(UNIX_STREAM, first);
  make_pair(UNIX_STREAM, second);
  duplicate = SYS(dup(first[0]));
  CHECK_OK(ioloop_add_handler(loop, first[0], IOLOOP_READ, on_never, NULL));
  run_turns(loop, 2);
  CHECK_SYS(dup2(second[0], first[0]));
  CHECK_OK(ioloop_remove_handler(loop, first[0]));
  CHECK_OK(ioloop_add_handler(loop, first[0], IOLOOP_READ, on_drain, &new));
  check_no_ghost(loop, duplicate, first[1]);
  put(second[1], 1);
  RUN_UNTIL(loop, new.bytes == 1);
  check_no_ghost(loop, duplicate, first[1]);
  test_loop_free(loop);
  close_pair(first);
  close_pair(second);
  CHECK_SYS(close(duplicate));
}

TEST(131, "dup2 under a registered number while the old file lives on, and then a change") {
  skip_if_readiness_is_presumed();
  if (signal_driven())
    SKIP("the new file was never asked for signals: the safety scan finds it, within a second");
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int first[2], second[2], duplicate;
  make_pair(UNIX_STREAM, first);
  make_pair(UNIX_STREAM, second);
  duplicate = SYS(dup(first[0]));
  CHECK_OK(ioloop_add_handler(loop, first[0], IOLOOP_READ, on_drain, &record));
  run_turns(loop, 2);
  CHECK_SYS(dup2(second[0], first[0]));
  CHECK_OK(ioloop_update_handler(loop, first[0], IOLOOP_READ | IOLOOP_WRITE));
  RUN_UNTIL(loop, record.calls);
  CHECK_OK(ioloop_update_handler(loop, first[0], IOLOOP_READ));
  check_no_ghost(loop, duplicate, first[1]);
  record.calls = 0;
  put(second[1], 1);
  RUN_UNTIL(loop, record.bytes == 1);
  CHECK_QUIET(loop, MS(10));
  CHECK_OK(ioloop_remove_handler(loop, first[0]));
  check_no_ghost(loop, duplicate, first[1]);
  test_loop_free_abandoned(loop, 1);
  close_pair(first);
  close_pair(second);
  CHECK_SYS(close(duplicate));
}
