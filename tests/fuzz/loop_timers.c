/* SPDX-License-Identifier: MIT */
/*
 * loop_timers.c - timeouts: never early, in the order of their deadlines, in the iteration that
 * begins after the deadline, and not after they were removed.
 *
 * A deadline that call_later computes is known only between two readings of the clock.
 */
#include <errno.h>
#include <stdlib.h>

#include "loop.h"

#define MS(n) ((uint64_t)(n)*1000000)

struct timer {
  struct watched_loop *loop;
  ioloop_timeout handle;
  uint64_t min, max; /* the deadline is between these */
  uint64_t sequence;
  uint64_t period;
  bool live, called_now, moved, never;
  bool moved_in_call;
  uint64_t touched_at;   /* when it was added or moved */
  uint64_t touched_turn; /* and in the phase of timeouts of which iteration */
  bool added_in_phase;
  struct timer *next;
};

static struct timer *timers[MAX_TIMERS]; /* the last ones made */
static struct timer *every;
static uint64_t sequence;

static void touch(struct timer *timer, bool add) {
  bool in_phase = timer->loop->running && timer->loop->phase == TIMEOUTS;
  timer->touched_at = fuzz_now();
  timer->touched_turn = in_phase ? turn_of(timer->loop) : UINT64_MAX;
  timer->added_in_phase = add && in_phase;
}

/* ---- the call ----------------------------------------------------------------------------- */

static void check_order(const struct timer *timer, uint64_t turn) {
  for (size_t i = 0; i < MAX_TIMERS; i++) {
    const struct timer *other = timers[i];
    if (!other || other == timer || other->loop != timer->loop || !other->live ||
        other->called_now || other->touched_turn == turn)
      continue;
    FUZZ_CHECK(other->max >= timer->min,
               "a timeout was called before one that was due %llu ns "
               "earlier",
               (unsigned long long)(timer->min - other->max));
    bool tie = timer->min == timer->max && other->min == other->max && timer->min == other->min &&
               !timer->moved && !other->moved && !timer->period && !other->period;
    FUZZ_CHECK(!tie || other->sequence > timer->sequence,
               "of timeouts with equal deadlines, a later one was called first");
  }
}

static void check_call(const struct timer *timer, uint64_t now, uint64_t turn) {
  FUZZ_CHECK(timer->live, "a timeout was called that had been called or removed");
  FUZZ_CHECK(!timer->never && now >= timer->min, "a timeout was called %llu ns early",
             (unsigned long long)(timer->min - now));
  FUZZ_CHECK(!(timer->added_in_phase && timer->touched_turn == turn),
             "a timeout was called in the phase that added it");
  if (timer->touched_turn != turn)
    check_order(timer, turn);
}

/* It is being called or was called: its handle is stale. */
static void check_stale(const struct timer *timer, struct ioloop *loop) {
  int result = ioloop_update_timeout(loop, timer->handle, 0);
  FUZZ_CHECK(result == -ENOENT, "moving a timeout that was called returned %d", result);
  result = ioloop_remove_timeout(loop, timer->handle);
  FUZZ_CHECK(result == -ENOENT, "removing a timeout that was called returned %d", result);
}

/* "A call that is missed is skipped; the phase is kept": the next is the first after the call. */
static void next_period(struct timer *timer) {
  uint64_t now = fuzz_now();
  uint64_t passed = now > timer->max ? (now - timer->max) / timer->period : 0;
  timer->min += timer->period * (passed + 1);
  timer->max = UINT64_MAX; /* known when the iteration is over */
}

static void on_timeout(struct ioloop *loop, void *arg) {
  struct timer *timer = arg;
  uint64_t now = fuzz_now(), turn = enter_phase(timer->loop, loop, TIMEOUTS);
  fuzz_note("   timeout %llu", (unsigned long long)timer->sequence);
  check_call(timer, now, turn);
  timer->called_now = true;
  if (!timer->period) {
    timer->live = false;
    check_stale(timer, loop);
  }
  timer->moved_in_call = false;
  if (!checking)
    run_inside(TIMEOUTS);
  timer->called_now = false;
  if (timer->period && timer->live && !timer->moved_in_call && timer->loop->loop == loop)
    next_period(timer);
}

/* ---- operations --------------------------------------------------------------------------- */

static struct timer *make(struct watched_loop *loop) {
  struct timer *timer = calloc(1, sizeof *timer);
  size_t place = sequence % MAX_TIMERS;
  if (!timer)
    abort();
  for (size_t i = 0; i < MAX_TIMERS && timers[place] && timers[place]->live; i++)
    place = (place + 1) % MAX_TIMERS;
  if (timers[place] && timers[place]->live) {
    free(timer);
    return NULL;
  }
  *timer = (struct timer){.loop = loop, .sequence = sequence++, .next = every, .live = true};
  every = timers[place] = timer;
  touch(timer, true);
  return timer;
}

static struct timer *pick_timer(uint32_t arg) {
  struct timer *found[MAX_TIMERS];
  size_t count = 0;
  for (size_t i = 0; i < MAX_TIMERS; i++)
    if (timers[i] && timers[i]->loop->loop && (timers[i]->live || arg % 8 == 7) &&
        timers[i]->handle)
      found[count++] = timers[i];
  return count ? found[FUZZ_PICK(arg / 8, count)] : NULL;
}

/* From nothing to 3 ms, often equal to another's; some are past, some never come. */
static uint64_t deadline_from(uint32_t arg, bool *never) {
  uint64_t now = fuzz_now();
  const struct timer *other = pick_timer(arg * 8);
  *never = false;
  switch (arg % 8) {
  case 0:
    return now;
  case 1:
    return arg; /* long past */
  case 2:
    *never = arg % 3 == 0;
    return *never ? UINT64_MAX - arg : now + 1;
  case 3:
  case 4:
    if (other && !other->never && other->min == other->max)
      return other->min;
    return now + 2000;
  default:
    return now + arg % 300 * 10000;
  }
}

/* args: loop, which function, delay */
void add_timeout(const uint32_t *args) {
  struct watched_loop *loop = pick_loop(args[0]);
  struct timer *timer = loop ? make(loop) : NULL;
  if (!timer)
    return;
  uint64_t delay = args[2] % 8 == 0 ? args[2] % 3 : args[2] % 300 * 10000;
  int result;
  if (args[1] % 4 == 0) {
    timer->period = delay + 200000;
    timer->min = fuzz_now() + timer->period;
    result = ioloop_call_every(loop->loop, timer->period, on_timeout, timer, &timer->handle);
    timer->max = fuzz_now() + timer->period;
  } else if (args[1] % 4 == 1) {
    timer->never = args[2] % 32 == 31;
    delay = timer->never ? UINT64_MAX - args[2] % 2 : delay;
    timer->min = timer->never ? UINT64_MAX : fuzz_now() + delay;
    result = ioloop_call_later(loop->loop, delay, on_timeout, timer, &timer->handle);
    timer->max = timer->never ? UINT64_MAX : fuzz_now() + delay;
  } else {
    timer->min = timer->max = deadline_from(args[2], &timer->never);
    result = ioloop_call_at(loop->loop, timer->min, on_timeout, timer, &timer->handle);
  }
  FUZZ_CHECK(result == 0 && timer->handle, "adding a timeout returned %d", result);
  fuzz_note("   timeout %llu is made", (unsigned long long)timer->sequence);
}

void move_timeout(const uint32_t *args) {
  struct timer *timer = pick_timer(args[0]);
  bool never;
  if (!timer)
    return;
  uint64_t deadline = deadline_from(args[1], &never);
  int result = ioloop_update_timeout(timer->loop->loop, timer->handle, deadline);
  fuzz_note("   timeout %llu is moved: %d", (unsigned long long)timer->sequence, result);
  FUZZ_CHECK(result == (timer->live ? 0 : -ENOENT), "moving a timeout that is %s returned %d",
             timer->live ? "due" : "over", result);
  if (!timer->live)
    return;
  timer->min = timer->max = deadline;
  timer->never = never;
  timer->moved = timer->moved_in_call = true;
  touch(timer, false);
}

void remove_timeout(const uint32_t *args) {
  struct timer *timer = pick_timer(args[0]);
  if (!timer)
    return;
  int result = ioloop_remove_timeout(timer->loop->loop, timer->handle);
  fuzz_note("   timeout %llu is removed: %d", (unsigned long long)timer->sequence, result);
  FUZZ_CHECK(result == (timer->live ? 0 : -ENOENT), "removing a timeout that is %s returned %d",
             timer->live ? "due" : "over", result);
  timer->live = false;
}

/* ---- for the others ----------------------------------------------------------------------- */

void timeouts_check(struct watched_loop *loop, uint64_t begun) {
  uint64_t now = fuzz_now();
  for (size_t i = 0; i < MAX_TIMERS; i++) {
    struct timer *timer = timers[i];
    if (!timer || timer->loop != loop || !timer->live)
      continue;
    FUZZ_CHECK(timer->max > begun || timer->touched_at >= begun || timer->never,
               "a timeout was not called in the iteration that began %llu ns after its deadline",
               (unsigned long long)(begun - timer->max));
    if (timer->period && timer->max == UINT64_MAX && !timer->never)
      timer->max = now + timer->period;
  }
}

/* Handles are of a loop: none is used after it. */
void timeouts_end(struct watched_loop *loop) {
  for (size_t i = 0; i < MAX_TIMERS; i++)
    if (timers[i] && timers[i]->loop == loop) {
      timers[i]->live = false;
      timers[i]->handle = 0;
    }
}

bool timeout_is_near(const struct watched_loop *loop, uint64_t ns) {
  for (size_t i = 0; i < MAX_TIMERS; i++)
    if (timers[i] && timers[i]->loop == loop && timers[i]->live && !timers[i]->never &&
        timers[i]->max < fuzz_now() + ns)
      return true;
  return false;
}
