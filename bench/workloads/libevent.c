/* SPDX-License-Identifier: MIT */
/*
 * libevent.c - libevent's event API, with events in the program's own memory (event_assign): the
 * fastest way that it offers, and that of its own bench.c.
 */
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/thread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>

#include "common/clock.h"
#include "common/say.h"
#include "workload.h"

const char loop_methods[] = "epoll, poll or select";

static struct event_base *base;
static struct event *events, *timers, waking;
static const char *chosen;
static int fd_limit; /* descriptors must be below it; 0: no limit */

/* NULL if it has no such method. */
static struct event_base *new_base(const char *method) {
  struct event_config *config = event_config_new();
  struct event_base *made = NULL;
  const char **names = event_get_supported_methods();
  bool supported = false;
  for (size_t i = 0; config && names[i]; i++)
    if (strcmp(names[i], method) == 0)
      supported = true;
    else
      event_config_avoid_method(config, names[i]);
  if (supported)
    made = event_base_new_with_config(config);
  if (config)
    event_config_free(config);
  return made;
}

int loop_open(const char *method, size_t room) {
  chosen = method;
  base = new_base(method);
  if (!base)
    return complain("libevent has no method %s here: it has %s", method, loop_methods);
  /* Debian's is built with _FORTIFY_SOURCE, which aborts on a larger descriptor in FD_SET. */
  fd_limit = strcmp(method, "select") == 0 ? FD_SETSIZE : 0;
  events = calloc(room, sizeof *events);
  return events ? 0 : loop_trouble("memory");
}

void loop_close(void) {
  if (base)
    event_base_free(base);
  free(events);
  free(timers);
}

static void call_readable(evutil_socket_t fd, short what, void *arg) {
  (void)fd, (void)what;
  loop_readable(arg);
}

int loop_watch(int fd, void *arg) {
  if (fd_limit && fd >= fd_limit)
    return complain(
        "libevent's select ends at descriptor %d, this is %d: take fewer pipes, or poll",
        fd_limit - 1, fd);
  event_assign(&events[fd], base, fd, EV_READ | EV_PERSIST, call_readable, arg);
  return event_add(&events[fd], NULL) < 0 ? loop_trouble("event_add") : 0;
}

void loop_unwatch(int fd) {
  event_del(&events[fd]);
}

void loop_run(void) {
  if (event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY) < 0)
    exit(loop_trouble("event_base_loop"));
}

void loop_stop(void) {
  event_base_loopbreak(base);
}

void loop_turn(void) {
  event_base_loop(base, EVLOOP_NONBLOCK);
}

static void call_due(evutil_socket_t fd, short what, void *arg) {
  (void)fd, (void)what, (void)arg;
  loop_due();
}

int loop_timers_open(size_t count) {
  timers = calloc(count, sizeof *timers);
  if (!timers)
    return loop_trouble("timers");
  for (size_t i = 0; i < count; i++)
    evtimer_assign(&timers[i], base, call_due, NULL);
  return 0;
}

/* Adding an event that is already added moves it. */
void loop_timer_add(size_t timer, uint64_t delay_ns) {
  struct timeval delay = {.tv_sec = (time_t)(delay_ns / NS_PER_SECOND),
                          .tv_usec = (suseconds_t)(delay_ns % NS_PER_SECOND / NS_PER_US)};
  if (evtimer_add(&timers[timer], &delay) < 0)
    exit(loop_trouble("evtimer_add"));
}

void loop_timer_rearm(size_t timer, uint64_t delay_ns) {
  loop_timer_add(timer, delay_ns);
}

void loop_timer_cancel(size_t timer) {
  evtimer_del(&timers[timer]);
}

static void call_wake(evutil_socket_t fd, short what, void *arg) {
  (void)fd, (void)what, (void)arg;
  loop_woken();
}

/* A base has locks, and a descriptor to be woken by, only if threads were enabled before it was
 * created; the other workloads do not enable them. */
int loop_wake_open(void) {
  event_base_free(base);
  evthread_use_pthreads();
  base = new_base(chosen);
  if (!base)
    return loop_trouble("event_base_new");
  event_assign(&waking, base, -1, EV_PERSIST, call_wake, NULL);
  return event_add(&waking, NULL) < 0 ? loop_trouble("event_add") : 0;
}

void loop_wake(void) {
  event_active(&waking, EV_READ, 0);
}
