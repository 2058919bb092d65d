/* SPDX-License-Identifier: MIT */
/* watching.c - unit tests of metrics, timing and the observer. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ioloop/ioloop.h"
#include "tap.h"

/* The calls of the hooks, a letter each: W wait begins, w ends, R ready, and the kinds of calls as
 * their letter when they begin and ) when they end, ! for slow ones. */
struct story {
  char text[256];
  size_t size;
  uint64_t timeout, duration;
  int fd, ready_count, slow;
  unsigned events;
};

static void tell(struct story *story, char letter) {
  if (story->size < sizeof story->text - 1)
    story->text[story->size++] = letter;
}

static void wait_begin(void *arg, uint64_t timeout_ns) {
  struct story *story = arg;
  tell(arg, 'W');
  story->timeout = timeout_ns;
}

static void wait_end(void *arg, int ready_count) {
  struct story *story = arg;
  tell(arg, 'w');
  story->ready_count = ready_count;
}

static void ready(void *arg, int fd, unsigned events) {
  struct story *story = arg;
  tell(arg, 'R');
  story->fd = fd;
  story->events = events;
}

static void call_begin(void *arg, enum ioloop_call what, int fd, unsigned events) {
  (void)fd, (void)events;
  tell(arg, (char)what);
}

static void call_end(void *arg, enum ioloop_call what, int fd, uint64_t duration_ns) {
  struct story *story = arg;
  (void)what, (void)fd;
  tell(arg, ')');
  story->duration = duration_ns;
}

static void slow(void *arg, enum ioloop_call what, int fd, uint64_t duration_ns) {
  struct story *story = arg;
  (void)fd, (void)duration_ns;
  tell(arg, '!');
  story->slow = (int)what;
}

static const struct ioloop_observer all_hooks = {.size = sizeof all_hooks,
                                                 .wait_begin = wait_begin,
                                                 .wait_end = wait_end,
                                                 .ready = ready,
                                                 .call_begin = call_begin,
                                                 .call_end = call_end,
                                                 .slow = slow,
                                                 .slow_ns = MS(5)};

static struct ioloop *new_loop(void) {
  struct ioloop *loop;
  CHECK_OK(ioloop_new("poll", &loop));
  return loop;
}

static void on_read(struct ioloop *loop, int fd, unsigned events, void *arg) {
  char byte;
  (void)loop, (void)events, (void)arg;
  CHECK_IS(read(fd, &byte, 1), ==, 1);
}

static void nothing(struct ioloop *loop, void *arg) {
  (void)loop, (void)arg;
}

static void take_long(struct ioloop *loop, void *arg) {
  uint64_t until = tap_now() + MS(6);
  (void)loop, (void)arg;
  while (tap_now() < until)
    continue;
}

static void on_signal(struct ioloop *loop, int signo, void *arg) {
  (void)loop, (void)signo, (void)arg;
}

TEST(1, "the observer sees waits, readiness and calls, in order") {
  struct ioloop *loop = new_loop();
  struct story story = {0};
  int pair[2];
  CHECK_SYS(pipe(pair));
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_read, NULL));
  ioloop_set_observer(loop, &all_hooks, &story);
  CHECK_OK(ioloop_add_callback(loop, nothing, NULL));
  CHECK_OK(ioloop_call_later(loop, 0, nothing, NULL, NULL));
  CHECK_IS(write(pair[1], "x", 1), ==, 1);
  CHECK_IS(ioloop_run_once(loop, SECONDS(1)), ==, 3);
  NOTE("%s", story.text);
  CHECK(strcmp(story.text, "c)t)WwRh)") == 0);
  CHECK_IS(story.fd, ==, pair[0]);
  CHECK_IS(story.events, ==, IOLOOP_READ);
  CHECK_IS(story.ready_count, ==, 1);
  CHECK_OK(ioloop_free(loop));
  CHECK_SYS(close(pair[0]));
  CHECK_SYS(close(pair[1]));
}

TEST(2, "the observer sees a signal watcher") {
  struct ioloop *loop = new_loop();
  struct story story = {0};
  CHECK_OK(ioloop_add_signal(loop, SIGUSR1, on_signal, NULL));
  ioloop_set_observer(loop, &all_hooks, &story);
  CHECK_SYS(raise(SIGUSR1));
  for (int turn = 0; turn < 4; turn++)
    CHECK_OK(ioloop_run_once(loop, 0));
  NOTE("%s", story.text);
  CHECK(strchr(story.text, 's'));
  CHECK_OK(ioloop_free(loop));
}

TEST(3, "a call longer than slow_ns is reported as slow, others are not") {
  struct ioloop *loop = new_loop();
  struct story story = {0};
  ioloop_set_observer(loop, &all_hooks, &story);
  CHECK_OK(ioloop_add_callback(loop, take_long, NULL));
  CHECK_OK(ioloop_run_once(loop, 0));
  CHECK(strcmp(story.text, "c)!Ww") == 0 || strcmp(story.text, "c!)Ww") == 0);
  CHECK_IS(story.slow, ==, 'c');
  CHECK_IS(story.duration, >=, MS(6));
  CHECK_OK(ioloop_free(loop));
}

TEST(4, "any hook may be missing, and the observer can be removed") {
  struct ioloop *loop = new_loop();
  struct story story = {0};
  struct ioloop_observer one = {.size = sizeof one, .wait_end = wait_end};
  ioloop_set_observer(loop, &one, &story);
  CHECK_OK(ioloop_add_callback(loop, nothing, NULL));
  CHECK_OK(ioloop_run_once(loop, 0));
  CHECK(strcmp(story.text, "w") == 0);
  ioloop_set_observer(loop, NULL, NULL);
  CHECK_OK(ioloop_add_callback(loop, nothing, NULL));
  CHECK_OK(ioloop_run_once(loop, 0));
  CHECK_IS(story.size, ==, 1);
  CHECK_OK(ioloop_free(loop));
}

static void remove_observer(struct ioloop *loop, void *arg) {
  (void)arg;
  ioloop_set_observer(loop, NULL, NULL);
}

TEST(5, "an observer removed in a callback is not called again, and breaks nothing") {
  struct ioloop *loop = new_loop();
  struct story story = {0};
  ioloop_set_observer(loop, &all_hooks, &story);
  CHECK_OK(ioloop_add_callback(loop, remove_observer, NULL));
  CHECK_OK(ioloop_run_once(loop, 0));
  size_t size = story.size;
  CHECK_OK(ioloop_run_once(loop, 0));
  CHECK_IS(story.size, ==, size);
  CHECK_OK(ioloop_free(loop));
}

TEST(6, "the counters count") {
  struct ioloop *loop = new_loop();
  struct ioloop_metrics metrics;
  int pair[2];
  CHECK_SYS(pipe(pair));
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_read, NULL));
  for (int turn = 0; turn < 10; turn++) {
    CHECK_OK(ioloop_add_callback(loop, nothing, NULL));
    CHECK_OK(ioloop_call_later(loop, 0, nothing, NULL, NULL));
    CHECK_IS(write(pair[1], "x", 1), ==, 1);
    CHECK_IS(ioloop_run_once(loop, SECONDS(1)), ==, 3);
  }
  CHECK_IS(ioloop_run_once(loop, 0), ==, 0);
  ioloop_get_metrics(loop, &metrics, sizeof metrics);
  CHECK_IS(metrics.iterations, ==, 11);
  CHECK_IS(metrics.wakeups, ==, 10);
  CHECK_IS(metrics.events, ==, 10);
  CHECK_IS(metrics.callbacks, ==, 10);
  CHECK_IS(metrics.timeouts, ==, 10);
  CHECK_IS(metrics.spurious + metrics.stale + metrics.abandoned + metrics.rebuilds, ==, 0);
  CHECK_IS(metrics.signals + metrics.overflows + metrics.rescues, ==, 0);
  CHECK_IS(metrics.modifies, >=, 1);
  CHECK_IS(metrics.busy_ns + metrics.idle_ns + metrics.longest_handler_ns, ==, 0); /* off */
  CHECK_OK(ioloop_free(loop));
  CHECK_SYS(close(pair[0]));
  CHECK_SYS(close(pair[1]));
}

TEST(7, "timing measures busy, idle and longest, and can be switched off") {
  struct ioloop *loop = new_loop();
  struct ioloop_metrics metrics, later;
  ioloop_set_timing(loop, true);
  CHECK_OK(ioloop_add_callback(loop, take_long, NULL));
  CHECK_OK(ioloop_run_once(loop, 0));
  CHECK_OK(ioloop_run_once(loop, MS(10)));
  ioloop_get_metrics(loop, &metrics, sizeof metrics);
  CHECK_IS(metrics.busy_ns, >=, MS(6));
  CHECK_IS(metrics.idle_ns, >=, MS(10));
  CHECK_IS(metrics.longest_handler_ns, >=, MS(6));
  ioloop_set_timing(loop, false);
  CHECK_OK(ioloop_add_callback(loop, take_long, NULL));
  CHECK_OK(ioloop_run_once(loop, 0));
  ioloop_get_metrics(loop, &later, sizeof later);
  CHECK(later.busy_ns == metrics.busy_ns && later.idle_ns == metrics.idle_ns);
  CHECK_OK(ioloop_free(loop));
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
