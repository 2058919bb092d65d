/* SPDX-License-Identifier: MIT */
/*
 * machine.h - the machine that was measured: its description, and its own pauses. Without them
 * figures cannot be judged.
 */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct bench;

/* The "environment" of docs/bench-schema.md. */
json_t *environment_describe(const struct bench *bench);

/* The members of "environment" that are settings of the system: nice, clock_source, frequency,
 * siblings, sysctls. */
json_t *settings_describe(const struct bench *bench);

/*
 * Watch the processors of the server and the generator, both at once, for a second, or less if
 * measurements are short. An array of objects as in docs/bench-schema.md; empty if no thread could
 * be started or after Ctrl-C; NULL: no memory.
 */
json_t *hiccups_watch(const struct bench *bench);

/* What else the machine did during a run: the clocks of its processors and of our own processes. */
struct load_watch {
  uint64_t began_ns;
  double total, busy, steal; /* seconds, of all processors */
  double own;                /* CPU seconds of this process and of the children that have ended */
  double average;            /* the load average of the last minute; NaN: unknown */
};
struct load_watch load_begin(void);

/* The "load" of docs/bench-schema.md. All children whose time counts as ours must have ended. NULL:
 * no memory. */
json_t *load_end(const struct load_watch *watch);

/* RLIMIT_SIGPENDING, or null: none, unlimited. */
json_t *system_sigpending(void);

/* Set RLIMIT_SIGPENDING of this process. 0, -errno; -ENOSYS: this system has no such limit. */
int system_limit_signals(uint64_t count);

/* The first two processors that we may use; -1 for each if there are not two. */
void system_two_processors(int *first, int *second);

#endif
