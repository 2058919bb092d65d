/* SPDX-License-Identifier: MIT */
/*
 * interrupt.h - Ctrl-C: the first ends the measurement under way and prints the results so far; the
 * second, 0.25 s later or more (signals_same_request), ends the program at once.
 */
#ifndef BENCH_INTERRUPT_H
#define BENCH_INTERRUPT_H

#include <signal.h>
#include <stdbool.h>

/* To be called first, without a flag, and again when there is one: it is set if a signal came in
 * between. From now on SIGINT and SIGHUP, unless the parent left them ignored, and SIGTERM set *flag
 * (may be NULL), and blocking calls return with EINTR. */
void interrupt_watch(volatile sig_atomic_t *flag);

/* Has one arrived? */
bool interrupt_seen(void);

/* The exit code that a shell expects of a program ended by a signal: 128 + its number. */
int interrupt_exit_code(void);

#endif
