/* SPDX-License-Identifier: MIT */
/*
 * timers.c - unit tests of the timer heap, against a reference that sorts.
 *
 * A script of random operations runs on the heap and on a plain array in parallel. After it the heap
 * must be valid (no entry before its parent, each node with its correct place), and the order of
 * removal must be that of the sorted array.
 */
#include "timers.h"

#include <errno.h>
#include <stdlib.h>

#include "tap.h"

struct expected {
  uint64_t deadline;
  uint64_t order; /* of adding or moving: resolves ties */
  ioloop_timeout timeout;
  bool live;
};

static uint64_t next_order;

static void never(struct ioloop *loop, void *arg) {
  (void)loop, (void)arg;
}

static bool is_before(struct ioloop__timer_entry a, struct ioloop__timer_entry b) {
  if (a.deadline != b.deadline)
    return a.deadline < b.deadline;
  return (int32_t)((uint32_t)(a.order >> 32) - (uint32_t)(b.order >> 32)) < 0;
}

static void check_heap(const struct ioloop__timers *timers) {
  for (uint32_t i = 0; i < timers->count; i++) {
    uint32_t node = (uint32_t)timers->heap[i].order;
    CHECK_IS(node, <, timers->used);
    CHECK_IS(timers->nodes[node].position, ==, i);
    if (i > 0)
      CHECK(!is_before(timers->heap[i], timers->heap[(i - 1) / 4]));
  }
}

static void add(struct ioloop__timers *timers, struct expected *expected, uint64_t deadline) {
  *expected = (struct expected){.deadline = deadline, .order = next_order++, .live = true};
  CHECK_OK(ioloop__timers_add(timers, deadline, 0, never, expected, &expected->timeout));
  CHECK(expected->timeout != 0);
}

static int by_deadline(const void *a, const void *b) {
  const struct expected *x = *(struct expected *const *)a, *y = *(struct expected *const *)b;
  if (x->deadline != y->deadline)
    return x->deadline < y->deadline ? -1 : 1;
  return x->order < y->order ? -1 : 1;
}

/* Remove all entries due at `now` from both, and compare. */
static size_t fire(struct ioloop__timers *timers, struct expected *all, size_t size, uint64_t now) {
  struct expected **sorted = calloc(size, sizeof *sorted);
  size_t count = 0;
  CHECK(sorted);
  for (size_t i = 0; i < size; i++)
    if (all[i].live && all[i].deadline <= now)
      sorted[count++] = &all[i];
  qsort(sorted, count, sizeof *sorted, by_deadline);

  CHECK_IS(ioloop__timers_collect(timers, now), ==, count);
  for (size_t i = 0; i < count; i++) {
    struct ioloop__call call;
    uint64_t period;
    CHECK(timers->due[i].timeout == sorted[i]->timeout);
    CHECK_IS(timers->due[i].deadline, ==, sorted[i]->deadline);
    CHECK(ioloop__timers_take(timers, timers->due[i].timeout, &call, &period));
    CHECK(call.arg == sorted[i] && call.fn == never && period == 0);
    CHECK_ERROR(ioloop__timers_remove(timers, sorted[i]->timeout), ENOENT);
    sorted[i]->live = false;
  }
  free(sorted);
  return count;
}

/* Deadlines below `spread`; the smaller it is, the more of them are equal. */
static void run_script(size_t size, size_t steps, uint64_t spread) {
  struct ioloop__timers timers = {0};
  struct expected *all = calloc(size, sizeof *all);
  CHECK(all);
  for (size_t i = 0; i < steps; i++) {
    struct expected *one = &all[tap_random_below(size)];
    uint64_t deadline = tap_random_below(spread);
    if (!one->live) {
      add(&timers, one, deadline);
    } else if (tap_random_below(3) == 0) {
      CHECK_OK(ioloop__timers_remove(&timers, one->timeout));
      CHECK_ERROR(ioloop__timers_remove(&timers, one->timeout), ENOENT);
      one->live = false;
    } else {
      CHECK_OK(ioloop__timers_update(&timers, one->timeout, deadline));
      one->deadline = deadline;
      one->order = next_order++;
    }
    if (size <= 64)
      check_heap(&timers);
    if (tap_random_below(steps / 8 + 1) == 0)
      fire(&timers, all, size, tap_random_below(spread) / 2);
  }
  check_heap(&timers);
  fire(&timers, all, size, spread / 3);
  check_heap(&timers);
  fire(&timers, all, size, UINT64_MAX);
  CHECK_IS(timers.count, ==, 0);
  ioloop__timers_free(&timers);
  free(all);
}

TEST(1, "random adds, cancels and moves of a few timeouts, as a sort has it") {
  for (size_t size = 1; size <= 64; size++)
    run_script(size, 400, 50);
}

TEST(2, "random adds, cancels and moves of many, without ties") {
  run_script(tap_count(5000), tap_count(50000), UINT64_MAX);
}

TEST(3, "random adds, cancels and moves of many, full of ties") {
  run_script(tap_count(5000), tap_count(50000), 7);
}

TEST(4, "heap integrity at 100,000 timeouts") {
  run_script(tap_count(100000), tap_count(600000), 1u << 30);
}

TEST(5, "ties stay in order of adding when the sequence number wraps") {
  struct ioloop__timers timers = {.sequence = UINT32_MAX - 50};
  static struct expected all[200];
  for (size_t i = 0; i < 200; i++)
    add(&timers, &all[i], 1 + i % 2);
  check_heap(&timers);
  CHECK_IS(fire(&timers, all, 200, 1), ==, 100);
  CHECK_IS(fire(&timers, all, 200, 2), ==, 100);
  ioloop__timers_free(&timers);
}

TEST(6, "a stale handle never touches the timeout that has its place") {
  struct ioloop__timers timers = {0};
  struct expected one, handles[100];
  for (int i = 0; i < 100; i++) { /* the same node again and again */
    add(&timers, &handles[i], 5);
    CHECK_OK(ioloop__timers_remove(&timers, handles[i].timeout));
  }
  add(&timers, &one, 7);
  CHECK_IS((uint32_t)one.timeout, ==, (uint32_t)handles[0].timeout);
  for (int i = 0; i < 100; i++) {
    CHECK_ERROR(ioloop__timers_remove(&timers, handles[i].timeout), ENOENT);
    CHECK_ERROR(ioloop__timers_update(&timers, handles[i].timeout, 1), ENOENT);
  }
  CHECK_ERROR(ioloop__timers_remove(&timers, 0), ENOENT);
  CHECK_ERROR(ioloop__timers_remove(&timers, 12345), ENOENT);
  CHECK_ERROR(ioloop__timers_remove(&timers, UINT64_MAX), ENOENT);
  CHECK_IS(fire(&timers, &one, 1, 7), ==, 1);
  ioloop__timers_free(&timers);
}

TEST(7, "a generation that wraps skips 0, so that no handle is 0") {
  struct ioloop__timers timers = {0};
  struct expected one;
  add(&timers, &one, 1);
  timers.nodes[0].generation = UINT32_MAX;
  CHECK_OK(ioloop__timers_remove(&timers, (uint64_t)UINT32_MAX << 32));
  add(&timers, &one, 1);
  CHECK(one.timeout != 0);
  CHECK_OK(ioloop__timers_remove(&timers, one.timeout));
  ioloop__timers_free(&timers);
}

TEST(8, "one that is due and then removed or moved is not called in that phase") {
  struct ioloop__timers timers = {0};
  struct expected removed, moved, again;
  struct ioloop__call call;
  uint64_t period;
  add(&timers, &removed, 1);
  add(&timers, &moved, 1);
  CHECK_IS(ioloop__timers_collect(&timers, 1), ==, 2);
  CHECK_OK(ioloop__timers_remove(&timers, removed.timeout));
  CHECK_OK(ioloop__timers_update(&timers, moved.timeout, 9));
  add(&timers, &again, 1); /* takes the node of the removed one, inside the phase */
  CHECK(!ioloop__timers_take(&timers, timers.due[0].timeout, &call, &period));
  CHECK(!ioloop__timers_take(&timers, timers.due[1].timeout, &call, &period));
  check_heap(&timers);
  CHECK_IS(ioloop__timers_collect(&timers, 8), ==, 1);
  CHECK(ioloop__timers_take(&timers, again.timeout, &call, &period));
  CHECK_IS(ioloop__timers_collect(&timers, 9), ==, 1);
  CHECK(ioloop__timers_take(&timers, moved.timeout, &call, &period));
  ioloop__timers_free(&timers);
}

/* The deadline after a periodic timeout for `deadline` was called and finished at `now`. */
static uint64_t next_turn(uint64_t deadline, uint64_t period, uint64_t now) {
  struct ioloop__timers timers = {0};
  struct ioloop__call call;
  uint64_t told;
  CHECK_OK(ioloop__timers_add(&timers, deadline, period, never, NULL, NULL));
  CHECK_IS(ioloop__timers_collect(&timers, deadline), ==, 1);
  CHECK(ioloop__timers_take(&timers, timers.due[0].timeout, &call, &told));
  CHECK_IS(told, ==, period);
  ioloop__timers_again(&timers, timers.due[0], now);
  CHECK_IS(timers.count, ==, 1);
  uint64_t next = timers.heap[0].deadline;
  ioloop__timers_free(&timers);
  return next;
}

TEST(9, "a periodic timeout's next turn is the first in its phase after now") {
  CHECK_IS(next_turn(100, 10, 100), ==, 110);
  CHECK_IS(next_turn(100, 10, 105), ==, 110);
  CHECK_IS(next_turn(100, 10, 109), ==, 110);
  CHECK_IS(next_turn(100, 10, 110), ==, 120); /* that iteration has been missed already */
  CHECK_IS(next_turn(100, 10, 137), ==, 140);
  CHECK_IS(next_turn(100, 1, 1000000), ==, 1000001);
  CHECK(next_turn(100, UINT64_MAX - 5, 200) == UINT64_MAX); /* past the end of the clock */
}

TEST(10, "a periodic timeout removed or moved in its call is not scheduled again") {
  struct ioloop__timers timers = {0};
  struct ioloop__call call;
  uint64_t period;
  ioloop_timeout timeout;
  CHECK_OK(ioloop__timers_add(&timers, 1, 10, never, NULL, &timeout));
  CHECK_IS(ioloop__timers_collect(&timers, 1), ==, 1);
  CHECK(ioloop__timers_take(&timers, timeout, &call, &period));
  CHECK_OK(ioloop__timers_update(&timers, timeout, 77));
  ioloop__timers_again(&timers, timers.due[0], 1);
  CHECK_IS(timers.count, ==, 1);
  CHECK_IS(timers.heap[0].deadline, ==, 77);

  CHECK_IS(ioloop__timers_collect(&timers, 77), ==, 1);
  CHECK(ioloop__timers_take(&timers, timeout, &call, &period));
  CHECK_OK(ioloop__timers_remove(&timers, timeout));
  ioloop__timers_again(&timers, timers.due[0], 77);
  CHECK_IS(timers.count, ==, 0);
  ioloop__timers_free(&timers);
}

TEST(11, "timers of nothing at all") {
  struct ioloop__timers timers = {0};
  CHECK_IS(ioloop__timers_collect(&timers, UINT64_MAX), ==, 0);
  CHECK_ERROR(ioloop__timers_remove(&timers, (uint64_t)1 << 32), ENOENT);
  ioloop__timers_free(&timers);
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
