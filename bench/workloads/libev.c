/* SPDX-License-Identifier: MIT */
/* libev.c - libev, with watchers that the program keeps itself. */
#include <ev.h>
#include <stdlib.h>
#include <string.h>

#include "common/say.h"
#include "workload.h"

const char loop_methods[] = "epoll, poll or select";

static struct ev_loop *loop;
static ev_io *watchers;
static ev_timer *timers;
static ev_async waking;

static unsigned backend_of(const char *method) {
  if (strcmp(method, "epoll") == 0)
    return EVBACKEND_EPOLL;
  if (strcmp(method, "poll") == 0)
    return EVBACKEND_POLL;
  return strcmp(method, "select") == 0 ? EVBACKEND_SELECT : 0;
}

int loop_open(const char *method, size_t room) {
  unsigned backend = backend_of(method);
  loop = backend ? ev_loop_new(backend | EVFLAG_NOENV) : NULL;
  if (!loop || ev_backend(loop) != backend)
    return complain("libev has no method %s here: it has %s", method, loop_methods);
  watchers = calloc(room, sizeof *watchers);
  return watchers ? 0 : loop_trouble("memory");
}

void loop_close(void) {
  if (loop)
    ev_loop_destroy(loop);
  free(watchers);
  free(timers);
}

static void call_readable(struct ev_loop *self, ev_io *watcher, int events) {
  (void)self, (void)events;
  loop_readable(watcher->data);
}

int loop_watch(int fd, void *arg) {
  ev_io *watcher = &watchers[fd];
  ev_io_init(watcher, call_readable, fd, EV_READ);
  watcher->data = arg;
  ev_io_start(loop, watcher);
  return 0;
}

void loop_unwatch(int fd) {
  ev_io_stop(loop, &watchers[fd]);
}

void loop_run(void) {
  ev_run(loop, 0);
}

void loop_stop(void) {
  ev_break(loop, EVBREAK_ALL);
}

void loop_turn(void) {
  ev_run(loop, EVRUN_NOWAIT);
}

static void call_due(struct ev_loop *self, ev_timer *watcher, int events) {
  (void)self, (void)events, (void)watcher;
  loop_due();
}

int loop_timers_open(size_t count) {
  timers = calloc(count, sizeof *timers);
  if (!timers)
    return loop_trouble("timers");
  for (size_t i = 0; i < count; i++)
    ev_timer_init(&timers[i], call_due, 0, 0);
  return 0;
}

void loop_timer_add(size_t timer, uint64_t delay_ns) {
  ev_timer_set(&timers[timer], (double)delay_ns / 1e9, 0);
  ev_timer_start(loop, &timers[timer]);
}

/* A timer that runs again is moved by its repeat: faster than stop and start (libev's manual). */
void loop_timer_rearm(size_t timer, uint64_t delay_ns) {
  timers[timer].repeat = (double)delay_ns / 1e9;
  ev_timer_again(loop, &timers[timer]);
}

void loop_timer_cancel(size_t timer) {
  ev_timer_stop(loop, &timers[timer]);
}

static void call_wake(struct ev_loop *self, ev_async *watcher, int events) {
  (void)self, (void)events, (void)watcher;
  loop_woken();
}

int loop_wake_open(void) {
  ev_async_init(&waking, call_wake);
  ev_async_start(loop, &waking);
  return 0;
}

void loop_wake(void) {
  ev_async_send(loop, &waking);
}
