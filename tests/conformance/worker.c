/* SPDX-License-Identifier: MIT */
/* worker.c - see worker.h. */
#include "worker.h"

static void *work(void *arg) {
  struct worker *worker = arg;
  for (;;) {
    barrier_wait(&worker->begin);
    if (!worker->fn)
      return NULL;
    worker->fn(worker->arg);
    barrier_wait(&worker->end);
  }
}

void worker_start(struct worker *worker) {
  barrier_init(&worker->begin, 2);
  barrier_init(&worker->end, 2);
  CHECK_THREAD(pthread_create(&worker->thread, NULL, work, worker));
}

void worker_do(struct worker *worker, void (*fn)(void *arg), void *arg) {
  worker->fn = fn;
  worker->arg = arg;
  barrier_wait(&worker->begin);
  barrier_wait(&worker->end);
}

void worker_stop(struct worker *worker) {
  worker->fn = NULL;
  barrier_wait(&worker->begin);
  CHECK_THREAD(pthread_join(worker->thread, NULL));
  barrier_destroy(&worker->begin);
  barrier_destroy(&worker->end);
}

void do_in_new_thread(void (*fn)(void *arg), void *arg) {
  struct later thread;
  later(&thread, 0, fn, arg);
  later_join(&thread);
}
