/* SPDX-License-Identifier: MIT */
/*
 * timers.c - adding, moving and cancelling timeouts among many, for counting instructions.
 *
 *   bench-timers none|add|rearm|cancel TIMERS
 *
 * Adds TIMERS timeouts with random deadlines, moves each to another random deadline, cancels each,
 * in random order, and stops after the step that is named. The difference of two neighbouring
 * steps, divided by TIMERS, is the cost of an operation (tests/instructions.py does that); random
 * numbers are drawn beforehand in every case and so drop out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ioloop.h"

static uint64_t state = 88172645463325252;

/* xorshift64 (Marsaglia 2003): the same numbers in every run. */
static uint64_t draw(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static void never(struct ioloop *loop, void *arg) {
  (void)loop, (void)arg;
}

static int step_of(const char *name) {
  static const char *const names[] = {"none", "add", "rearm", "cancel"};
  for (int i = 0; i < 4; i++)
    if (strcmp(name, names[i]) == 0)
      return i;
  return -1;
}

static void shuffle(ioloop_timeout *timeouts, size_t count) {
  for (size_t i = count; i > 1; i--) {
    size_t j = draw() % i;
    ioloop_timeout swap = timeouts[i - 1];
    timeouts[i - 1] = timeouts[j];
    timeouts[j] = swap;
  }
}

int main(int argc, char *argv[]) {
  size_t count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
  int step = count ? step_of(argv[1]) : -1;
  if (step < 0) {
    fprintf(stderr, "usage: bench-timers none|add|rearm|cancel TIMERS\n");
    return 2;
  }
  struct ioloop *loop;
  uint64_t *deadlines = calloc(2 * count, sizeof *deadlines);
  ioloop_timeout *timeouts = calloc(count, sizeof *timeouts);
  if (!deadlines || !timeouts || ioloop_new("poll", &loop) < 0) {
    fprintf(stderr, "bench-timers: out of memory\n");
    return 1;
  }
  uint64_t now = ioloop_time(loop);
  for (size_t i = 0; i < 2 * count; i++)
    deadlines[i] = now + draw() % 60000000000;

  int r = 0;
  for (size_t i = 0; step >= 1 && i < count; i++)
    r |= ioloop_call_at(loop, deadlines[i], never, NULL, &timeouts[i]);
  shuffle(timeouts, count);
  for (size_t i = 0; step >= 2 && i < count; i++)
    r |= ioloop_update_timeout(loop, timeouts[i], deadlines[count + i]);
  for (size_t i = 0; step >= 3 && i < count; i++)
    r |= ioloop_remove_timeout(loop, timeouts[i]);

  ioloop_free(loop);
  free(timeouts);
  free(deadlines);
  if (r)
    fprintf(stderr, "bench-timers: an operation failed\n");
  return r != 0;
}
