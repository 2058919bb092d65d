/* SPDX-License-Identifier: MIT */
/*
 * loop.h - the few operations of a loop that a workload needs; each library has a file with them.
 *
 * An adapter is linked with the workloads into a program of its own, so that an operation is a
 * plain call, and the measured cost of an event is the library's own plus one direct jump. It calls
 * one function for all descriptors and one for all timers, set when the loop is opened: a program
 * of this kind would have them as constants.
 *
 * Operations that can fail print an error and return an exit code (say.h).
 */
#ifndef WORKLOADS_LOOP_H
#define WORKLOADS_LOOP_H

#include <stddef.h>
#include <stdint.h>

typedef void loop_callback(void *arg);

/* The possible values of METHOD, for --help. */
extern const char loop_methods[];

/* A loop that waits by `method`, for descriptors below `room`; `readable` gets the arg of
 * loop_watch. */
int loop_open(const char *method, size_t room, loop_callback *readable);
void loop_close(void);

/* Level-triggered, for reading. */
int loop_watch(int fd, void *arg);
void loop_unwatch(int fd);

/* Until loop_stop is called from a callback. A failure is printed and ends the program. */
void loop_run(void);
void loop_stop(void);

/* Poll once without waiting, which passes changes on to the kernel. */
void loop_turn(void);

/* ---- timers: numbers below `count`; `due` gets NULL ------------------------------------ */

int loop_timers_open(size_t count, loop_callback *due);
void loop_timer_add(size_t timer, uint64_t delay_ns);
void loop_timer_rearm(size_t timer, uint64_t delay_ns);
void loop_timer_cancel(size_t timer);

/* ---- another thread: loop_wake calls `called` in the loop; it gets NULL ---------------- */

int loop_wake_open(loop_callback *called);
void loop_wake(void);

#endif
