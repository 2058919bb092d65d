/* SPDX-License-Identifier: MIT */
/*
 * workers.h - --workers=N: a parent, and several processes that serve the same port.
 *
 *   workers.c   the parent: when workers start, and shutdown
 *   worker.c    one worker, from its fork until it is reaped
 *   tally.c     the sums of their counters
 *   relay.c     the path of their records to stdout  backoff.c   when to restart
 */
#ifndef SERVER_WORKERS_H
#define SERVER_WORKERS_H

#include <sys/types.h>

#include "backoff.h"
#include "counts.h"
#include "options.h"
#include "relay.h"
#include "sockets.h"

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
  uint64_t lost_before_end;
  uint64_t restarts;
  uint64_t began_ns;  /* 0: not all workers serve yet */
  int ending_signal;  /* 0: serving */
  uint64_t ending_ns; /* when it arrived */
  bool stalled;       /* stdout is full */
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

/* tally.c: print the line of a single server with the sums, and the number of workers. */
void tally_say(const struct workers *workers, const char *title);
/* Add its counters to those of exited workers. Before its relay is freed. */
void tally_add_exited(struct slot *slot);
/* Records that stdout has not taken: on their way, or lost with a worker. */
uint64_t tally_unprinted(const struct workers *workers);

#endif
