/* SPDX-License-Identifier: MIT */
/*
 * hiccups.c - pauses of the machine itself: of a processor that does nothing but read the clock (the
 * hiccups of Tene's jHiccup). They are caused by a host that runs another guest, a timer interrupt
 * or slow firmware. No contestant can avoid them, and they are in all tails.
 *
 * The length of a pause alone is not informative. The useful figure is how many messages at a
 * steady rate it would have delayed: those that arrive in its first (length - limit) wait longer
 * than the limit. So pauses add up to a share of time, which equals the share of delayed arrivals.
 * An open loop sees that share before any server has done anything.
 */
#include <pthread.h>
#include <stdint.h>
#include <time.h>

#include "bench.h"
#include "common/clock.h"
#include "common/cpus.h"
#include "machine/machine.h"

enum {
  WATCHED_MS = 1000,
  LIMITS = 2
};

static const uint64_t limits_ns[LIMITS] = {NS_PER_MS / 10, NS_PER_MS};

struct watch {
  pthread_t thread;
  const char *role;
  const volatile sig_atomic_t *interrupted;
  int cpu; /* -1: anywhere */
  uint64_t wanted_ns, watched_ns, largest_ns, late_ns[LIMITS];
};

static void note(struct watch *watch, uint64_t pause) {
  if (pause > watch->largest_ns)
    watch->largest_ns = pause;
  for (size_t i = 0; i < LIMITS; i++)
    watch->late_ns[i] += pause > limits_ns[i] ? pause - limits_ns[i] : 0;
}

static void *watch_clock(void *argument) {
  struct watch *watch = argument;
  unsigned short cpu = (unsigned short)watch->cpu;
  if (watch->cpu >= 0 && cpus_pin(&cpu, 1) != 0)
    return NULL;
  uint64_t began = clock_ns(CLOCK_MONOTONIC), last = began, now = began;
  while (now - began < watch->wanted_ns && !*watch->interrupted) {
    now = clock_ns(CLOCK_MONOTONIC);
    note(watch, now - last);
    last = now;
  }
  watch->watched_ns = now - began;
  return NULL;
}

static json_t *to_json(const struct watch *watch) {
  double watched = (double)watch->watched_ns;
  return json_pack("{s:s, s:o, s:I, s:I, s:f, s:f}", "role", watch->role, "processor",
                   watch->cpu < 0 ? json_null() : json_integer(watch->cpu), "watched_ns",
                   (json_int_t)watch->watched_ns, "largest_ns", (json_int_t)watch->largest_ns,
                   "late_100us", (double)watch->late_ns[0] / watched, "late_1ms",
                   (double)watch->late_ns[1] / watched);
}

/* One second, or the time that a contestant is measured at a point, all rounds together, if that is
 * less. */
static uint64_t time_to_watch(const struct bench *bench) {
  uint64_t most = WATCHED_MS * NS_PER_MS, wanted = bench->rounds * bench->duration_ns;
  return wanted < most ? wanted : most;
}

json_t *hiccups_watch(const struct bench *bench) {
  const struct watch watch = {.interrupted = &bench->interrupted,
                              .wanted_ns = time_to_watch(bench)};
  struct watch watches[2] = {watch, watch};
  size_t wanted = bench->server_cpu < 0 ? 1 : 2, started = 0;
  watches[0].role = wanted == 1 ? "any" : "server";
  watches[0].cpu = bench->server_cpu;
  watches[1].role = "generator";
  watches[1].cpu = bench->generator_cpu;
  while (started < wanted &&
         pthread_create(&watches[started].thread, NULL, watch_clock, &watches[started]) == 0)
    started++;
  for (size_t i = 0; i < started; i++)
    pthread_join(watches[i].thread, NULL);

  json_t *array = json_array();
  for (size_t i = 0; array && i < started && !bench->interrupted; i++)
    if (watches[i].watched_ns > 0 && json_array_append_new(array, to_json(&watches[i])) < 0) {
      json_decref(array);
      array = NULL;
    }
  return array;
}
