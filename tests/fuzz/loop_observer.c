/* SPDX-License-Identifier: MIT */
/* loop_observer.c - observers: beginnings and ends are pairs, and each report precedes its call. */
#include <stdlib.h>

#include "loop.h"

struct observer {
  struct watched_loop *loop;
  bool in_wait, in_call, removed;
  enum ioloop_call what;
  int ready_fd;
  unsigned ready_events;
  uint64_t turn; /* in which it was set or removed */
  struct observer *next;
};

static struct observer *every;

static void check_removed(const struct observer *observer) {
  FUZZ_CHECK(!observer->removed || turn_of(observer->loop) <= observer->turn + 1,
             "an observer that was removed is called");
}

static void on_wait_begin(void *arg, uint64_t timeout_ns) {
  struct observer *observer = arg;
  (void)timeout_ns;
  check_removed(observer);
  FUZZ_CHECK(!observer->in_wait && !observer->in_call, "a wait begins inside another or in a call");
  observer->in_wait = true;
}

static void on_wait_end(void *arg, int ready_count) {
  struct observer *observer = arg;
  (void)ready_count;
  FUZZ_CHECK(observer->in_wait, "a wait ends that did not begin");
  observer->in_wait = false;
}

static void on_ready(void *arg, int fd, unsigned events) {
  struct observer *observer = arg;
  check_removed(observer);
  observer->ready_fd = fd;
  observer->ready_events = events;
}

static void on_call_begin(void *arg, enum ioloop_call what, int fd, unsigned events) {
  struct observer *observer = arg;
  (void)fd;
  (void)events;
  check_removed(observer);
  FUZZ_CHECK(!observer->in_call, "a call ('%c') begins inside another", what);
  observer->in_call = true;
  observer->what = what;
}

static void on_call_end(void *arg, enum ioloop_call what, int fd, uint64_t duration_ns) {
  struct observer *observer = arg;
  (void)fd;
  (void)duration_ns;
  FUZZ_CHECK(observer->in_call && observer->what == what, "a call ('%c') ends that did not begin",
             what);
  observer->in_call = false;
}

/* args: loop, whether to set or to remove, whether to measure */
void observe(const uint32_t *args) {
  static const struct ioloop_observer hooks = {.size = sizeof hooks,
                                               .wait_begin = on_wait_begin,
                                               .wait_end = on_wait_end,
                                               .ready = on_ready,
                                               .call_begin = on_call_begin,
                                               .call_end = on_call_end};
  struct watched_loop *loop = pick_loop(args[0]);
  if (!loop)
    return;
  if (loop->observer) {
    loop->observer->removed = true;
    loop->observer->turn = turn_of(loop);
    loop->observer = NULL;
  }
  if (args[1] % 2) {
    struct observer *observer = calloc(1, sizeof *observer);
    if (!observer)
      abort();
    *observer =
        (struct observer){.loop = loop, .ready_fd = -1, .turn = turn_of(loop) + 1, .next = every};
    loop->observer = every = observer;
    ioloop_set_observer(loop->loop, &hooks, observer);
  } else {
    ioloop_set_observer(loop->loop, NULL, NULL);
  }
  ioloop_set_timing(loop->loop, args[2] % 2);
}

void observed_call(const struct watched_loop *loop, int fd, unsigned events, uint64_t turn) {
  struct observer *observer = loop->observer;
  if (!observer || observer->turn >= turn)
    return;
  FUZZ_CHECK(observer->ready_fd == fd && observer->ready_events == events && observer->in_call &&
                 observer->what == 'h',
             "the observer did not see the call of %d", fd);
}
