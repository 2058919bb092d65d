/* SPDX-License-Identifier: MIT */
/*
 * timers.c - many timers: added with random delays, moved to other times, cancelled in random
 * order, or left to fire. Only the named step is measured; for firing, once all are due. Random
 * numbers are drawn in advance.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/say.h"
#include "workload.h"

static uint64_t state = 88172645463325252;
static size_t due_left;

/* xorshift64 (Marsaglia 2003): the same numbers in every run. */
static uint64_t draw(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static void on_due(void *arg) {
  (void)arg;
  if (--due_left == 0)
    loop_stop();
}

/* No descriptor is watched. */
static void on_readable(void *arg) {
  (void)arg;
}

struct plan {
  size_t count, *order; /* a permutation */
  uint64_t *delays;     /* count of them for add, then count for rearm */
};

static void shuffle(struct plan *plan) {
  for (size_t i = 0; i < plan->count; i++)
    plan->order[i] = i;
  for (size_t i = plan->count; i > 1; i--) {
    size_t j = (size_t)(draw() % i), swap = plan->order[i - 1];
    plan->order[i - 1] = plan->order[j];
    plan->order[j] = swap;
  }
}

/* Between `shortest` and twice that, so that only the timers of `fire` expire. */
static int make_plan(struct plan *plan, uint64_t shortest) {
  plan->order = calloc(plan->count, sizeof *plan->order);
  plan->delays = calloc(2 * plan->count, sizeof *plan->delays);
  if (!plan->order || !plan->delays) {
    complain("%zu timers: %s", plan->count, strerror(ENOMEM));
    return EXIT_TROUBLE;
  }
  shuffle(plan);
  for (size_t i = 0; i < 2 * plan->count; i++)
    plan->delays[i] = shortest + draw() % shortest;
  return 0;
}

static void add_all(const struct plan *plan) {
  for (size_t i = 0; i < plan->count; i++)
    loop_timer_add(i, plan->delays[i]);
}

static void rearm_all(const struct plan *plan) {
  for (size_t i = 0; i < plan->count; i++)
    loop_timer_rearm(plan->order[i], plan->delays[plan->count + i]);
}

static void cancel_all(const struct plan *plan) {
  for (size_t i = 0; i < plan->count; i++)
    loop_timer_cancel(plan->order[i]);
}

static void fire_all(const struct plan *plan) {
  due_left = plan->count;
  loop_run();
}

static void let_all_fall_due(void) {
  poll(NULL, 0, 25);
}

static void run(const struct plan *plan, enum timer_operation operation) {
  static void (*const steps[])(const struct plan *) = {
      [TIMER_ADD] = add_all,
      [TIMER_REARM] = rearm_all,
      [TIMER_CANCEL] = cancel_all,
      [TIMER_FIRE] = fire_all,
  };
  if (operation != TIMER_ADD)
    add_all(plan);
  if (operation == TIMER_FIRE)
    let_all_fall_due();
  measure_begin();
  steps[operation](plan);
  measure_end(plan->count);
}

int workload_timers(const char *method, size_t count, enum timer_operation operation) {
  struct plan plan = {.count = count};
  uint64_t shortest = operation == TIMER_FIRE ? NS_PER_SECOND / 100 : 600 * NS_PER_SECOND;
  int error = make_plan(&plan, shortest);
  if (!error)
    error = loop_open(method, 64, on_readable);
  if (!error)
    error = loop_timers_open(count, on_due);
  if (!error)
    run(&plan, operation);
  loop_close();
  free(plan.order);
  free(plan.delays);
  return error;
}
