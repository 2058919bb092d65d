/* SPDX-License-Identifier: MIT */
/*
 * workload.h - the workloads, and the few operations of a loop that they need; each library has a
 * file with them.
 *
 * An adapter is linked with the workloads into a program of its own, so that an operation is a
 * plain call, and the measured cost of an event is the library's own plus one direct jump. It calls
 * one function for all descriptors and one for all timers, set before the loop is opened: a
 * program of this kind would have them as constants.
 *
 * Operations that can fail print an error and return an exit code (say.h).
 */
#ifndef WORKLOADS_WORKLOAD_H
#define WORKLOADS_WORKLOAD_H

#include <stddef.h>
#include <stdint.h>

/* ---- workloads ------------------------------------------------------------------------- */

/* Opens the loop, sets up, measures only its core, and returns an exit code. `rest`: its `count`
 * arguments after METHOD. */
typedef int workload(const char *method, const char *const *rest, size_t count);
workload workload_ring, workload_cascade, workload_handlers; /* pipes.c */
workload workload_timers, workload_wake;

enum {
  MOST = 1000000000,
  MOST_PIPES = 1000000,
};

/* A number from 1 to `most`, or 0 after printing an error. */
size_t workload_number(const char *text, size_t most);

/* May be called several times with measure_end; the times add up. */
void measure_begin(void);
void measure_end(uint64_t operations);

/* "operations=N ns=N cpu_ns=N" on stdout. */
void measure_print(void);

/* Print "what: why" from errno. Returns an exit code. */
int loop_trouble(const char *what);

/* ---- a loop ---------------------------------------------------------------------------- */

/* Set by the workload, and called by the loop: for a descriptor, with the arg of loop_watch; for a
 * timer that is due; after loop_wake. */
extern void (*loop_readable)(void *arg), (*loop_due)(void), (*loop_woken)(void);

/* The possible values of METHOD, for --help. */
extern const char loop_methods[];

/* A loop that waits by `method`, for descriptors below `room`. */
int loop_open(const char *method, size_t room);
void loop_close(void);

/* Level-triggered, for reading. */
int loop_watch(int fd, void *arg);
void loop_unwatch(int fd);

/* Until loop_stop is called from a callback. A failure is printed and ends the program. */
void loop_run(void);
void loop_stop(void);

/* Poll once without waiting, which passes changes on to the kernel. */
void loop_turn(void);

/* Timers: numbers below `count`. */
int loop_timers_open(size_t count);
void loop_timer_add(size_t timer, uint64_t delay_ns);
void loop_timer_rearm(size_t timer, uint64_t delay_ns);
void loop_timer_cancel(size_t timer);

/* loop_wake is called by another thread. */
int loop_wake_open(void);
void loop_wake(void);

/* ---- loops written by hand: raw.c makes a loop of these ------------------------------- */

extern const char raw_name[];
int raw_open(size_t room);
/* Wait once and call loop_readable for each that is ready. 0: do not wait; -1: for as long as it
 * takes. */
void raw_turn(int timeout_ms);

#endif
