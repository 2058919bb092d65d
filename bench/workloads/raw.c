/* SPDX-License-Identifier: MIT */
/* raw.c - what the loops written by hand share: an eventfd to wake them; they have no timers. */
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/say.h"
#include "workload.h"

const char loop_methods[] = "- (it has one)";

static bool stopped;
static int waker = -1;

int loop_open(const char *method, size_t room) {
  if (strcmp(method, "-") == 0 || strcmp(method, raw_name) == 0)
    return raw_open(room);
  return complain("this is %s by hand and has no method %s: use -", raw_name, method);
}

void loop_turn(void) {
  raw_turn(0);
}

void loop_run(void) {
  for (stopped = false; !stopped;)
    raw_turn(-1);
}

void loop_stop(void) {
  stopped = true;
}

/* ---- timers ----------------------------------------------------------------------------- */

int loop_timers_open(size_t count) {
  (void)count;
  return complain("a loop by hand has no timers: compare libraries");
}

void loop_timer_add(size_t timer, uint64_t delay_ns) {
  (void)timer, (void)delay_ns;
}

void loop_timer_rearm(size_t timer, uint64_t delay_ns) {
  (void)timer, (void)delay_ns;
}

void loop_timer_cancel(size_t timer) {
  (void)timer;
}

/* ---- another thread --------------------------------------------------------------------- */

/* It is the only descriptor watched in this case. */
static void on_waker(void *arg) {
  (void)arg;
  uint64_t count;
  if (read(waker, &count, sizeof count) == sizeof count)
    loop_woken();
}

int loop_wake_open(void) {
  loop_readable = on_waker;
  waker = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return waker < 0 ? loop_trouble("eventfd") : loop_watch(waker, NULL);
}

void loop_wake(void) {
  const uint64_t one = 1;
  if (write(waker, &one, sizeof one) < 0)
    loop_trouble("eventfd");
}
