/* SPDX-License-Identifier: MIT */
/*
 * shared_files.c - conformance 56 and 135: another descriptor, thread or process holds the same
 * file. A typical fault of models that wait for signals; the other models run the tests too.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kinds.h"
#include "support.h"

TEST(56, "a dup that is kept, written to and read does not disturb") {
  for (enum kind kind = 0; kind < KINDS; kind++) {
    struct ioloop *loop = test_loop_new();
    struct record record = {0};
    int pair[2], duplicate;
    NOTE("%s", kind_names[kind]);
    make_pair(kind, pair);
    duplicate = SYS(dup(pair[0]));
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
    CHECK_QUIET(loop, MS(5));
    put(pair[1], 1);
    take(duplicate, 1); /* another reader was faster: readiness that has gone */
    run_turns(loop, 3);
    CHECK_QUIET(loop, MS(5));
    put(pair[1], 2);
    RUN_UNTIL(loop, record.bytes == 2);
    CHECK_SYS(close(duplicate));
    put(pair[1], 2);
    RUN_UNTIL(loop, record.bytes == 4);
    test_loop_free(loop);
    close_pair(pair);
  }
}

TEST(56, "both numbers of a dup are watched") {
  for (enum kind kind = 0; kind < KINDS; kind++) {
    struct ioloop *loop = test_loop_new();
    struct record first = {0}, second = {0};
    int pair[2], duplicate;
    NOTE("%s", kind_names[kind]);
    make_pair(kind, pair);
    duplicate = SYS(dup(pair[0]));
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_event, &first));
    CHECK_OK(ioloop_add_handler(loop, duplicate, IOLOOP_READ, on_event, &second));
    for (int turn = 0; turn < 3; turn++) {
      first.calls = second.calls = 0;
      CHECK_QUIET(loop, MS(5));
      put(pair[1], 1);
      RUN_UNTIL(loop, first.calls && second.calls);
      take(pair[0], 1);
      run_turns(loop, 2);
    }
    CHECK_OK(ioloop_remove_handler(loop, duplicate)); /* the other one continues */
    CHECK_SYS(close(duplicate));
    CHECK_QUIET(loop, MS(5));
    first.calls = 0;
    put(pair[1], 1);
    RUN_UNTIL(loop, first.calls);
    test_loop_free(loop);
    close_pair(pair);
  }
}

static void check_told(struct ioloop *loop, int peer, struct record *record) {
  size_t before = record->bytes;
  put(peer, 1);
  RUN_UNTIL(loop, record->bytes == before + 1);
  CHECK_IS(metrics_of(loop).rescues, ==, 0);
}

TEST(135, "a number that dup2 gave to another watched file is removed: that one stays watched") {
  for (int turns = 0; turns < 2; turns++) {
    struct ioloop *loop = test_loop_new();
    struct record record = {0};
    int pair[2], other[2];
    make_pair(UNIX_STREAM, pair);
    make_pair(PIPE, other);
    CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
    CHECK_OK(ioloop_add_handler(loop, other[0], IOLOOP_READ, on_drain, &record));
    run_turns(loop, 2);
    CHECK_SYS(dup2(pair[0], other[0]));
    run_turns(loop, turns);
    int r = ioloop_remove_handler(loop, other[0]);
    CHECK(r == 0 || r == -ENOENT);
    run_turns(loop, 2);
    check_told(loop, pair[1], &record);
    check_told(loop, pair[1], &record);
    test_loop_free_abandoned(loop, 1);
    close_pair(pair);
    close_pair(other);
  }
}

struct successor {
  int fd, peer;
  struct barrier together;
};

/* Another thread's loop watches the file that has the number now. */
static void *watch_number(void *arg) {
  struct successor *it = arg;
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  CHECK_OK(ioloop_add_handler(loop, it->fd, IOLOOP_READ, on_drain, &record));
  run_turns(loop, 2);
  barrier_wait(&it->together);
  barrier_wait(&it->together); /* the other loop has given the number up */
  check_told(loop, it->peer, &record);
  check_told(loop, it->peer, &record);
  test_loop_free(loop);
  return NULL;
}

TEST(135, "a closed number is given up, and is watched by another thread's loop by then") {
  for (int by_free = 0; by_free < 2; by_free++) {
    struct ioloop *loop = NULL;
    struct successor it;
    struct record record = {0};
    pthread_t thread;
    int old[2], new[2];
    if (ioloop_new(tap_argument, &loop) < 0)
      SKIP("there can be no such loop");
    make_pair(UNIX_STREAM, old);
    CHECK_OK(ioloop_add_handler(loop, old[0], IOLOOP_READ, on_event, &record));
    run_turns(loop, 2);
    make_pair(UNIX_STREAM, new);
    CHECK_SYS(dup2(new[0], old[0]));
    it.fd = old[0];
    it.peer = new[1];
    barrier_init(&it.together, 2);
    CHECK_THREAD(pthread_create(&thread, NULL, watch_number, &it));
    barrier_wait(&it.together);
    if (!by_free)
      CHECK_OK(ioloop_remove_handler(loop, old[0]));
    CHECK_OK(ioloop_free(loop));
    barrier_wait(&it.together);
    CHECK_THREAD(pthread_join(thread, NULL));
    barrier_destroy(&it.together);
    close_pair(old);
    close_pair(new);
  }
}

struct holder {
  int go[2];
  int (*pairs)[2];
};

/* Holds every descriptor until the parent closes its end, then reads the data that arrived through
 * them. */
static void hold(void *arg) {
  struct holder *holder = arg;
  char byte;
  CHECK_SYS(close(holder->go[1]));
  CHECK_SYS(fcntl(holder->go[0], F_SETFL, 0));
  CHECK_IS(read(holder->go[0], &byte, 1), ==, 0);
}

TEST(56, "a child that holds the files does not disturb, also after they were closed") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int old[8][2], new[8][2];
  struct holder holder = {.pairs = old};
  make_pair(PIPE, holder.go);
  for (int i = 0; i < 8; i++) {
    make_pair((enum kind)(i % KINDS), old[i]);
    CHECK_OK(ioloop_add_handler(loop, old[i][0], IOLOOP_READ, on_drain, &record));
  }
  run_turns(loop, 2);
  pid_t child = fork_child(hold, &holder);
  CHECK_SYS(close(holder.go[0]));
  for (int i = 0; i < 8; i++)
    put(old[i][1], 2);
  RUN_UNTIL(loop, record.bytes == 16);
  for (int i = 0; i < 8; i++) { /* the files live on in the child, and get more data */
    CHECK_OK(ioloop_remove_handler(loop, old[i][0]));
    CHECK_SYS(close(old[i][0]));
  }
  run_turns(loop, 2);
  uint64_t signals = metrics_of(loop).signals;
  for (int i = 0; i < 8; i++)
    put(old[i][1], 1);
  CHECK_QUIET(loop, MS(10));
  CHECK_IS(metrics_of(loop).signals, ==, signals); /* nor do they raise signals any longer */
  for (int i = 0; i < 8; i++) {
    make_pair((enum kind)((i + 1) % KINDS), new[i]); /* under the numbers just closed */
    CHECK_OK(ioloop_add_handler(loop, new[i][0], IOLOOP_READ, on_drain, &record));
  }
  for (int i = 0; i < 8; i++)
    put(old[i][1], 1);
  CHECK_QUIET(loop, MS(10));
  for (int i = 0; i < 8; i++)
    put(new[i][1], 1);
  RUN_UNTIL(loop, record.bytes == 24);
  CHECK_SYS(close(holder.go[1]));
  wait_child(child);
  CHECK_QUIET(loop, MS(5));
  test_loop_free(loop);
  for (int i = 0; i < 8; i++) {
    close_pair(new[i]);
    CHECK_SYS(close(old[i][1]));
  }
}
