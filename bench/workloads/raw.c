/* SPDX-License-Identifier: MIT */
/* raw.c - see raw.h. */
#include "raw.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/say.h"

const char loop_methods[] = "- (it has one)";

loop_callback *raw_readable;
bool raw_stopped;

static int waker = -1;
static loop_callback *on_wake;

int raw_trouble(const char *what) {
  complain("%s: %s", what, strerror(errno));
  return EXIT_TROUBLE;
}

int raw_begin(const char *name, const char *method, loop_callback *readable) {
  raw_readable = readable;
  if (strcmp(method, "-") == 0 || strcmp(method, name) == 0)
    return 0;
  complain("this is %s by hand and has no method %s: use -", name, method);
  return EXIT_TROUBLE;
}

void loop_stop(void) {
  raw_stopped = true;
}

/* ---- timers ----------------------------------------------------------------------------- */

int loop_timers_open(size_t count, loop_callback *due) {
  (void)count, (void)due;
  complain("a loop by hand has no timers: compare libraries");
  return EXIT_TROUBLE;
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
  uint64_t count;
  if (read(waker, &count, sizeof count) == sizeof count)
    on_wake(arg);
}

int loop_wake_open(loop_callback *called) {
  on_wake = called;
  raw_readable = on_waker;
  waker = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return waker < 0 ? raw_trouble("eventfd") : loop_watch(waker, NULL);
}

void loop_wake(void) {
  const uint64_t one = 1;
  if (write(waker, &one, sizeof one) < 0)
    raw_trouble("eventfd");
}
