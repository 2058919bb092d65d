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
#include "results/statistics.h"
#include "workload.h"

static size_t due_left;

static void on_due(void) {
  if (--due_left == 0)
    loop_stop();
}

struct plan {
  size_t count, *order; /* a permutation */
  uint64_t *delays;     /* count of them for add, then count for rearm */
};

/* Between `shortest` and twice that, so that only the timers of `fire` expire. */
static int make_plan(struct plan *plan, uint64_t shortest) {
  struct random random;
  plan->order = calloc(plan->count, sizeof *plan->order);
  plan->delays = calloc(2 * plan->count, sizeof *plan->delays);
  if (!plan->order || !plan->delays)
    return complain("%zu timers: %s", plan->count, strerror(ENOMEM));
  for (size_t i = 0; i < plan->count; i++)
    plan->order[i] = i;
  random_seed(&random, 1);
  random_shuffle(&random, plan->order, plan->count);
  for (size_t i = 0; i < 2 * plan->count; i++)
    plan->delays[i] = shortest + random_below(&random, shortest);
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

static const struct operation {
  const char *name;
  void (*step)(const struct plan *plan);
} operations[] = {
    {"add", add_all},
    {"rearm", rearm_all},
    {"cancel", cancel_all},
    {"fire", fire_all},
};

static const struct operation *find(const char *name) {
  for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
    if (strcmp(operations[i].name, name) == 0)
      return &operations[i];
  complain("%s: must be add, rearm, cancel or fire", name);
  return NULL;
}

static void run(const struct plan *plan, const struct operation *operation) {
  if (operation->step != add_all)
    add_all(plan);
  if (operation->step == fire_all)
    let_all_fall_due();
  measure_begin();
  operation->step(plan);
  measure_end(plan->count);
}

int workload_timers(const char *method, const char *const *rest, size_t count) {
  (void)count;
  struct plan plan = {.count = workload_number(rest[0], MOST)};
  const struct operation *operation = plan.count ? find(rest[1]) : NULL;
  if (!operation)
    return EXIT_USAGE;
  loop_due = on_due;
  int error =
      make_plan(&plan, operation->step == fire_all ? NS_PER_SECOND / 100 : 600 * NS_PER_SECOND);
  if (!error)
    error = loop_open(method, 64);
  if (!error)
    error = loop_timers_open(plan.count);
  if (!error)
    run(&plan, operation);
  loop_close();
  free(plan.order);
  free(plan.delays);
  return error;
}
