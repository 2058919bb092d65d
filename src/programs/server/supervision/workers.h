/* SPDX-License-Identifier: MIT */
/*
 * workers.h - --workers=N: a parent, and several processes that serve the same port.
 *
 *   workers.c   the parent: when workers start, and shutdown
 *   worker.c    one worker, from its fork until it is reaped, and the sums of all counters
 *   relay.c     the path of their records to stdout
 */
#ifndef SERVER_SUPERVISION_WORKERS_H
#define SERVER_SUPERVISION_WORKERS_H

#include <sys/types.h>

#include "server/server.h"

/* ---- when a worker that died is started again ------------------------------------------- */

#define BACKOFF_FIRST_NS (100 * NS_PER_MS)
#define BACKOFF_MOST_NS  (5 * NS_PER_SECOND)
#define BACKOFF_WELL_NS  (10 * NS_PER_SECOND) /* a process that lived this long is healthy */

/* Zero at first. */
struct backoff {
  uint64_t next_ns;
};

/* The delay before a process that died after `lived_ns` is started again: none the first time, then
 * 100 ms, doubling each time up to 5 s. One that had lived 10 s starts over. So the first failure is
 * repaired at once, and a process that dies on every start does not keep a processor busy. */
static inline uint64_t backoff_delay(struct backoff *backoff, uint64_t lived_ns) {
  uint64_t delay_ns = lived_ns >= BACKOFF_WELL_NS ? 0 : backoff->next_ns;
  uint64_t next_ns = delay_ns ? 2 * delay_ns : BACKOFF_FIRST_NS;
  backoff->next_ns = next_ns < BACKOFF_MOST_NS ? next_ns : BACKOFF_MOST_NS;
  return delay_ns;
}

/* ---- relay.c: from a worker's stdout to ours, whole lines at a time ---------------------- */

struct relay;

/* Read `fd`, and own it: relay_free closes it. -errno of watching it; -ENOMEM. */
int relay_new(struct ioloop *loop, int fd, struct output *output, struct relay **ret);
/* Stop reading, or resume. */
void relay_hold(struct relay *relay, bool hold);
/* The worker is dead: read the rest of its pipe. A line that it did not finish is dropped. */
void relay_finish(struct relay *relay);
/* Lines passed on so far. */
uint64_t relay_lines(const struct relay *relay);
/* In a forked child: close the inherited descriptor, and leave the parent's state untouched. */
void relay_forget(struct relay *relay);
/* NULL is fine. */
void relay_free(struct relay *relay);

/* ---- the workers ------------------------------------------------------------------------ */

/* A worker's counters, in memory shared between the processes, on cache lines of their own. */
struct shared_counts {
  _Alignas(128) struct counts counts;
};

/* A worker's place, used by one process after another. */
struct slot {
  struct workers *workers;
  size_t index;
  pid_t pid;    /* 0: none */
  int control;  /* its control line; -1: closed */
  bool serving; /* it has reported so */
  uint64_t started_ns, due_ns;
  struct backoff backoff;
  struct relay *relay;
  struct sockets *sockets;
  struct counts *counts; /* shared with it */
};

struct workers {
  const struct server_options *options;
  const char *backend;
  struct ioloop *loop;
  struct output *output;
  struct slot *slots;
  struct sockets *sockets;
  struct shared_counts *shared;
  size_t count;
  struct counts exited; /* sums over processes that have exited */
  uint64_t lost;        /* records lost with them */
  uint64_t lost_before_shutdown;
  uint64_t restarts;
  uint64_t began_ns;    /* 0: not all workers serve yet */
  int shutdown_signal;  /* 0: serving */
  uint64_t shutdown_ns; /* when it arrived */
  bool stalled;         /* stdout is full */
  bool forced, done;
  int status; /* exit status */
};

/* workers.c: start them, restart them, shut them down. Returns an exit code. */
int workers_run(const struct server_options *options);
/* A worker has reported that it serves. */
void workers_on_serving(struct workers *workers);

/* worker.c: fork one. -errno: failed. */
int worker_start(struct slot *slot);
/* It has exited: collect its output and close its descriptors, except for a control line that has
 * not reached end of file: until then the slot is not free. */
void worker_reap(struct slot *slot);
/* Close the control line, at end of file or not. */
void worker_close_control(struct slot *slot);

/* The sums of the counters of all workers, including those that have exited. */
struct counts workers_sum(const struct workers *workers);
/* Records that stdout has not taken: on their way, or lost with a worker. */
uint64_t workers_unprinted(const struct workers *workers);

#endif
