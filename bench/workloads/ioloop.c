/* SPDX-License-Identifier: MIT */
/* ioloop.c - our own loop, with METHOD as its backend. */
#include "ioloop/ioloop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/backends.h"
#include "common/say.h"
#include "workload.h"

const char loop_methods[] = "a backend of ioloop (epoll, poll, select, rtsig, io_uring, ...)";

static struct ioloop *loop;
static ioloop_timeout *timeouts;

static int failed(const char *what, int error) {
  return complain("%s: %s", what, strerror(-error));
}

int loop_open(const char *method, size_t room) {
  (void)room;
  return backends_new_loop((struct backend_choice){"METHOD", method}, NULL, &loop);
}

void loop_close(void) {
  ioloop_free(loop);
  free(timeouts);
}

static void call_readable(struct ioloop *self, int fd, unsigned events, void *arg) {
  (void)self, (void)fd, (void)events;
  loop_readable(arg);
}

int loop_watch(int fd, void *arg) {
  int r = ioloop_add_handler(loop, fd, IOLOOP_READ, call_readable, arg);
  return r ? failed("ioloop_add_handler", r) : 0;
}

void loop_unwatch(int fd) {
  ioloop_remove_handler(loop, fd);
}

void loop_run(void) {
  int r = ioloop_start(loop);
  if (r)
    exit(failed("ioloop_start", r));
}

void loop_stop(void) {
  ioloop_stop(loop);
}

void loop_turn(void) {
  ioloop_run_once(loop, 0);
}

int loop_timers_open(size_t count) {
  timeouts = calloc(count, sizeof *timeouts);
  return timeouts ? 0 : failed("timers", -ENOMEM);
}

static void call_due(struct ioloop *self, void *arg) {
  (void)self, (void)arg;
  loop_due();
}

void loop_timer_add(size_t timer, uint64_t delay_ns) {
  int r = ioloop_call_later(loop, delay_ns, call_due, NULL, &timeouts[timer]);
  if (r)
    exit(failed("ioloop_call_later", r));
}

void loop_timer_rearm(size_t timer, uint64_t delay_ns) {
  ioloop_update_timeout(loop, timeouts[timer], ioloop_time(loop) + delay_ns);
}

void loop_timer_cancel(size_t timer) {
  ioloop_remove_timeout(loop, timeouts[timer]);
}

int loop_wake_open(void) {
  return 0;
}

static void call_wake(struct ioloop *self, void *arg) {
  (void)self, (void)arg;
  loop_woken();
}

void loop_wake(void) {
  int r = ioloop_add_callback_threadsafe(loop, call_wake, NULL);
  if (r)
    exit(failed("ioloop_add_callback_threadsafe", r));
}
