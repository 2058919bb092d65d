/* SPDX-License-Identifier: MIT */
/*
 * workload.h - the operations that are measured, one file each, and their common functions.
 *
 * Each opens the loop, sets up, measures only its core between measure_begin and measure_end, and
 * returns an exit code.
 */
#ifndef WORKLOADS_WORKLOAD_H
#define WORKLOADS_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop.h"

struct ring {
  size_t pipes, active, writes, rounds;
  bool sockets;
};

/* ring.c */
int workload_ring(const char *method, const struct ring *ring);
int workload_cascade(const char *method, size_t pipes, size_t rounds);

/* handlers.c */
int workload_handlers(const char *method, size_t fds, size_t times);

enum timer_operation {
  TIMER_ADD,
  TIMER_REARM,
  TIMER_CANCEL,
  TIMER_FIRE,
};

/* timers.c */
int workload_timers(const char *method, size_t count, enum timer_operation operation);

/* wake.c */
int workload_wake(const char *method, size_t times);

/* ---- measure.c ------------------------------------------------------------------------- */

/* May be called several times with measure_end; the times add up. */
void measure_begin(void);
void measure_end(uint64_t operations);

/* "operations=N ns=N cpu_ns=N" on stdout. */
void measure_print(void);

/* ---- pipes.c --------------------------------------------------------------------------- */

/* Reading and writing ends; both are non-blocking. */
struct pipe {
  int read, write;
  struct pipe *next;
};

/* A ring of them; NULL after printing an error. *room: all descriptors are below it. */
struct pipe *pipes_open(size_t count, bool sockets, size_t *room);
void pipes_close(struct pipe *pipes, size_t count);

#endif
