/* SPDX-License-Identifier: MIT */
/* stale.c - conformance 112, 113: nothing is called for events from before it was added. */
#include <signal.h>
#include <unistd.h>

#include "echo.h"

/* ---- 112: signals ----------------------------------------------------------------------- */

static void on_old(struct ioloop *loop, int signo, void *arg) {
  (void)loop, (void)signo;
  ++*(unsigned *)arg;
}

static void on_new(struct ioloop *loop, int signo, void *arg) {
  (void)loop, (void)signo;
  ++*(unsigned *)arg;
}

struct change {
  unsigned old, new;
};

static void change_watcher(struct ioloop *loop, struct change *change) {
  CHECK_OK(ioloop_remove_signal(loop, SIGUSR1));
  CHECK_OK(ioloop_add_signal(loop, SIGUSR1, on_new, &change->new));
}

static void check_only_new_signals(struct ioloop *loop, struct change *change) {
  unsigned before = change->old;
  run_turns(loop, 5);
  CHECK_IS(change->old, ==, before);
  CHECK_IS(change->new, ==, 0);
  CHECK_SYS(raise(SIGUSR1));
  RUN_UNTIL(loop, change->new == 1);
  CHECK_IS(change->old, ==, before);
  test_loop_free(loop);
}

TEST(112, "a signal that was not collected yet is not the next watcher's") {
  struct ioloop *loop = test_loop_new();
  struct change change = {0};
  CHECK_OK(ioloop_add_signal(loop, SIGUSR1, on_old, &change.old));
  CHECK_SYS(raise(SIGUSR1));
  change_watcher(loop, &change);
  check_only_new_signals(loop, &change);
}

TEST(112, "a signal that was collected and not called yet is not the next watcher's") {
  struct ioloop *loop = test_loop_new();
  struct change change = {0};
  CHECK_OK(ioloop_add_signal(loop, SIGUSR1, on_old, &change.old));
  CHECK_SYS(raise(SIGUSR1));
  CHECK_OK(ioloop_run_once(loop, SECONDS(10)));
  change_watcher(loop, &change);
  check_only_new_signals(loop, &change);
}

static void on_usr2(struct ioloop *loop, int signo, void *arg) {
  (void)signo;
  CHECK_OK(ioloop_remove_signal(loop, SIGUSR2));
  change_watcher(loop, arg);
}

static void on_usr1(struct ioloop *loop, int signo, void *arg) {
  (void)signo;
  CHECK_OK(ioloop_remove_signal(loop, SIGUSR1));
  CHECK_OK(ioloop_remove_signal(loop, SIGUSR2));
  CHECK_OK(ioloop_add_signal(loop, SIGUSR2, on_new, arg));
}

TEST(112, "one watcher exchanges another, both signals having come") {
  struct ioloop *loop = test_loop_new();
  struct change change = {0};
  unsigned exchanged = 0;
  /* Whichever is called first replaces the other. */
  CHECK_OK(ioloop_add_signal(loop, SIGUSR1, on_usr1, &exchanged));
  CHECK_OK(ioloop_add_signal(loop, SIGUSR2, on_usr2, &change));
  CHECK_SYS(raise(SIGUSR1));
  CHECK_SYS(raise(SIGUSR2));
  run_turns(loop, 5);
  CHECK_IS(exchanged + change.new + change.old, ==, 0);
  test_loop_free(loop);
}

static void on_signal_once(struct ioloop *loop, int signo, void *arg) {
  (void)signo;
  change_watcher(loop, arg);
  CHECK_SYS(raise(SIGUSR1)); /* since it was added */
}

TEST(112, "a watcher replaces itself: the next one is called for later signals, once") {
  struct ioloop *loop = test_loop_new();
  struct change change = {0};
  CHECK_OK(ioloop_add_signal(loop, SIGUSR1, on_signal_once, &change));
  CHECK_SYS(raise(SIGUSR1));
  RUN_UNTIL(loop, change.new == 1);
  run_turns(loop, 5);
  CHECK_IS(change.new, ==, 1);
  test_loop_free(loop);
}

/* Every end must have a beginning. */

/* Every end must have a beginning. */
struct heard {
  int calls, waits, operations; /* begun and not ended */
  unsigned begun;
};

static void wait_begin(void *arg, uint64_t timeout_ns) {
  (void)timeout_ns;
  ((struct heard *)arg)->waits++;
}

static void wait_end(void *arg, int ready_count) {
  (void)ready_count;
  CHECK_IS(--((struct heard *)arg)->waits, ==, 0);
}

static void call_begin(void *arg, enum ioloop_call what, int fd, unsigned events) {
  struct heard *heard = arg;
  (void)what, (void)fd, (void)events;
  heard->calls++;
  heard->begun++;
}

static void call_end(void *arg, enum ioloop_call what, int fd, uint64_t duration_ns) {
  (void)what, (void)fd, (void)duration_ns;
  CHECK_IS(--((struct heard *)arg)->calls, >=, 0);
}

static void slow(void *arg, enum ioloop_call what, int fd, uint64_t duration_ns) {
  (void)what, (void)fd, (void)duration_ns;
  CHECK_IS(((struct heard *)arg)->begun, >, 0);
}

static const struct ioloop_observer hooks = {.size = sizeof hooks,
                                             .wait_begin = wait_begin,
                                             .wait_end = wait_end,
                                             .call_begin = call_begin,
                                             .call_end = call_end,
                                             .slow = slow,
                                             .slow_ns = 1};

static struct heard first, second;

static void replace(struct ioloop *loop, void *arg) {
  (void)arg;
  ioloop_set_observer(loop, &hooks, &second);
}

static void replace_on_signal(struct ioloop *loop, int signo, void *arg) {
  (void)signo;
  replace(loop, arg);
}

static void replace_on_event(struct ioloop *loop, int fd, unsigned events, void *arg) {
  (void)events, (void)arg;
  if (drain(fd)) /* it may be called although there is nothing to read */
    replace(loop, NULL);
}

static void watch_first(struct ioloop *loop) {
  first = second = (struct heard){0};
  ioloop_set_observer(loop, &hooks, &first);
}

TEST(113, "an observer set inside a call does not see the end of it") {
  struct ioloop *loop = test_loop_new();
  int pair[2];
  make_pair(TCP, pair);
  ioloop_set_timing(loop, true);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, replace_on_event, NULL));
  CHECK_OK(ioloop_add_signal(loop, SIGUSR1, replace_on_signal, NULL));
  for (int i = 0; i < 8; i++) {
    if (i % 2) /* else there was none, but the loop is timed */
      watch_first(loop);
    if (i / 2 == 0)
      CHECK_OK(ioloop_add_callback(loop, replace, NULL));
    if (i / 2 == 1)
      CHECK_OK(ioloop_call_later(loop, 0, replace, NULL, NULL));
    if (i / 2 == 2)
      CHECK_SYS(raise(SIGUSR1));
    if (i / 2 == 3)
      put(pair[1], 1);
    run_turns(loop, 4);
    ioloop_set_observer(loop, NULL, NULL);
    CHECK_IS(second.waits, ==, 0);
    CHECK_IS(second.calls, ==, 0);
    first = second = (struct heard){0};
  }
  test_loop_free(loop);
  close_pair(pair);
}

static void replace_in_wait(void *arg, uint64_t timeout_ns) {
  (void)timeout_ns;
  ioloop_set_observer(arg, &hooks, &second);
}

TEST(113, "an observer set as a wait begins does not see the end of that wait") {
  struct ioloop *loop = test_loop_new();
  struct ioloop_observer replacing = {.size = sizeof replacing, .wait_begin = replace_in_wait};
  second = (struct heard){0};
  ioloop_set_observer(loop, &replacing, loop);
  run_turns(loop, 3);
  CHECK_IS(second.waits, ==, 0);
  test_loop_free(loop);
}

static void submitted(void *arg, const char *operation, int fd, size_t size) {
  (void)operation, (void)fd, (void)size;
  ((struct heard *)arg)->operations++;
}

static void completed(void *arg, const char *operation, int fd, int result, bool more) {
  struct heard *heard = arg;
  (void)operation, (void)fd, (void)result;
  CHECK_IS(heard->operations, >, 0);
  heard->operations -= !more;
}

TEST(113, "an observer that replaces another does not see operations that the other saw begin") {
  static const struct ioloop_observer of_operations = {
      .size = sizeof of_operations, .submitted = submitted, .completed = completed};
  struct ioloop *loop = test_loop_new();
  if (!(ioloop_backend_features(loop) & IOLOOP_F_COMPLETION))
    SKIP("only the completion model has operations");
  struct echo echo;
  first = second = (struct heard){0};
  ioloop_set_observer(loop, &of_operations, &first);
  echo_open(&echo, loop, NULL);
  int client = client_connect(echo.port);
  ping(loop, client); /* now it accepts, and receives */
  CHECK_IS(first.operations, >, 0);
  ioloop_set_observer(loop, &of_operations, &second);
  CHECK_SYS(close(client));
  RUN_UNTIL(loop, echo.closed == 1);
  client = client_connect(echo.port);
  ping(loop, client);
  CHECK_SYS(close(client));
  echo_close(&echo);
  test_loop_free(loop);
}
