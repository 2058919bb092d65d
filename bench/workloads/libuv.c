/* SPDX-License-Identifier: MIT */
/* libuv.c - libuv, whose uv_poll_t watches descriptors that are not its own. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/clock.h"
#include "common/say.h"
#include "workload.h"

const char loop_methods[] = "- (libuv has one for each system)";

static uv_loop_t loop;
static bool opened;
static uv_poll_t *polls;
static uv_timer_t *timers;
static uv_async_t waking;

static int failed(const char *what, int error) {
  return complain("%s: %s", what, uv_strerror(error));
}

int loop_open(const char *method, size_t room) {
  if (strcmp(method, "-") != 0)
    return complain("libuv has no method %s: it has one for each system, use -", method);
  polls = calloc(room, sizeof *polls);
  int r = polls ? uv_loop_init(&loop) : UV_ENOMEM;
  opened = r == 0;
  return r ? failed("uv_loop_init", r) : 0;
}

static void close_handle(uv_handle_t *handle, void *arg) {
  (void)arg;
  uv_close(handle, NULL);
}

void loop_close(void) {
  if (opened) {
    uv_walk(&loop, close_handle, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
  }
  free(polls);
  free(timers);
}

static void call_readable(uv_poll_t *handle, int status, int events) {
  (void)status, (void)events;
  loop_readable(handle->data);
}

/* A handle is created once per descriptor, and restarted later. */
int loop_watch(int fd, void *arg) {
  uv_poll_t *handle = &polls[fd];
  int r =
      uv_handle_get_type((uv_handle_t *)handle) == UV_POLL ? 0 : uv_poll_init(&loop, handle, fd);
  handle->data = arg;
  if (!r)
    r = uv_poll_start(handle, UV_READABLE, call_readable);
  return r ? failed("uv_poll_start", r) : 0;
}

void loop_unwatch(int fd) {
  uv_poll_stop(&polls[fd]);
}

void loop_run(void) {
  uv_run(&loop, UV_RUN_DEFAULT);
}

void loop_stop(void) {
  uv_stop(&loop);
}

void loop_turn(void) {
  uv_run(&loop, UV_RUN_NOWAIT);
}

static void call_due(uv_timer_t *timer) {
  (void)timer;
  loop_due();
}

int loop_timers_open(size_t count) {
  timers = calloc(count, sizeof *timers);
  if (!timers)
    return failed("timers", UV_ENOMEM);
  for (size_t i = 0; i < count; i++)
    uv_timer_init(&loop, &timers[i]);
  return 0;
}

/* In milliseconds; starting a timer that runs already moves it. */
void loop_timer_add(size_t timer, uint64_t delay_ns) {
  uv_timer_start(&timers[timer], call_due, (delay_ns + NS_PER_MS - 1) / NS_PER_MS, 0);
}

void loop_timer_rearm(size_t timer, uint64_t delay_ns) {
  loop_timer_add(timer, delay_ns);
}

void loop_timer_cancel(size_t timer) {
  uv_timer_stop(&timers[timer]);
}

static void call_wake(uv_async_t *handle) {
  (void)handle;
  loop_woken();
}

int loop_wake_open(void) {
  int r = uv_async_init(&loop, &waking, call_wake);
  return r ? failed("uv_async_init", r) : 0;
}

void loop_wake(void) {
  uv_async_send(&waking);
}
