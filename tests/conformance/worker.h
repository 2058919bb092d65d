/* SPDX-License-Identifier: MIT */
/* worker.h - a thread that does what it is asked to, one thing at a time, and lives on. */
#ifndef WORKER_H
#define WORKER_H

#include "support.h"

struct worker {
  pthread_t thread;
  struct barrier begin, end;
  void (*fn)(void *arg); /* NULL: it returns */
  void *arg;
};

void worker_start(struct worker *worker);
void worker_do(struct worker *worker, void (*fn)(void *arg),
               void *arg); /* and wait until it is done */
void worker_stop(struct worker *worker);

/* In a thread that ends after it. */
void do_in_new_thread(void (*fn)(void *arg), void *arg);

#endif
