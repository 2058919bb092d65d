/* SPDX-License-Identifier: MIT */
/*
 * workers.h - --workers=N: a parent, and several processes that serve the same port.
 *
 *   workers.c   the parent: when a worker is to be there, and the end of all
 *   worker.c    one worker, from its fork to its burial
 *   tally.c     the sums of what they count
 *   relay.c     their records' way to stdout        backoff.c   when to try again
 */
#ifndef SERVER_WORKERS_H
#define SERVER_WORKERS_H

#include <sys/types.h>

#include "backoff.h"
#include "counts.h"
#include "options.h"
#include "relay.h"
#include "sockets.h"

/* A worker's counters, in memory that the processes share, alone in their cache lines. */
struct shared_counts {
  _Alignas(128) struct counts counts;
};

/* A worker's place, which one after another may have. */
struct slot {
  struct workers *workers;
  size_t index;
  pid_t pid;    /* 0: nobody */
  int control;  /* its line; -1: closed */
  bool serving; /* it has said so */
  uint64_t started_ns, due_ns;
  struct backoff backoff;
  struct relay *relay;
  struct sockets *sockets;
  struct counts *counts; /* shared with it */
};

struct workers {
  const struct options *options;
  const char *backend;
  struct ioloop *loop;
  struct output *output;
  struct slot *slots;
  struct sockets *sockets;
  struct shared_counts *shared;
  size_t count;
  struct counts of_dead; /* sums of those that are gone */
  uint64_t lost;         /* records that went with them */
  uint64_t lost_before_end;
  uint64_t restarts;
  uint64_t began_ns;  /* 0: not all of them serve yet */
  int ending_signal;  /* 0: serving */
  uint64_t ending_ns; /* when it came */
  bool stalled;       /* stdout has more than it can take */
  bool forced, done;
  int status; /* to exit with */
};

/* workers.c: start them, keep them, end them. An exit code. */
int workers_run(const struct options *options);
/* A worker has said that it serves. */
void workers_on_serving(struct workers *workers);

/* worker.c: fork one. -errno: there is none. */
int worker_start(struct slot *slot);
/* It is dead: take what it left, and close what led to it, but for a line that has not ended: until
 * then the place is not free. */
void worker_bury(struct slot *slot);
/* Close the line, ended or not. */
void worker_hang_up(struct slot *slot);

/* tally.c: the same line as that of a single server, and how many workers there are. */
void tally_say(const struct workers *workers, const char *title);
/* Its counters go to those of the dead. While its relay still is there. */
void tally_bury(struct slot *slot);
/* Records that stdout has not: on their way, or lost with a worker. */
uint64_t tally_unprinted(const struct workers *workers);

#endif
