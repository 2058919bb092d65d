/* SPDX-License-Identifier: MIT */
/* callbacks.h - functions to call in the next iteration, from three kinds of callers. */
#ifndef IOLOOP_CALLBACKS_H
#define IOLOOP_CALLBACKS_H

#include <pthread.h>
#include <stdatomic.h>

#include "ioloop.h"

struct ioloop__call {
  ioloop_callback *fn;
  void *arg;
};

/* First in, first out; a ring that grows. The loop's thread only. */
struct ioloop__queue {
  struct ioloop__call *calls;
  uint32_t head; /* free running; masked by capacity - 1 */
  uint32_t count;
  uint32_t capacity; /* 0 or a power of two */
};

int ioloop__queue_push(struct ioloop__queue *queue, ioloop_callback *fn, void *arg);
struct ioloop__call ioloop__queue_pop(struct ioloop__queue *queue);
/* Room for `more` pushes that then cannot fail. -ENOMEM. */
int ioloop__queue_reserve(struct ioloop__queue *queue, uint32_t more);

enum {
  IOLOOP__SIGNAL_CALLS = 256
};

/* A bounded queue without locks: many writers, which may be signal handlers interrupting each
 * other, and one reader. After D. Vyukov's bounded queue: a cell's ticket says whose turn it is. */
struct ioloop__signal_queue {
  struct {
    atomic_uint ticket;
    struct ioloop__call call;
  } cells[IOLOOP__SIGNAL_CALLS];
  atomic_uint tail;
  unsigned head;
};

struct ioloop__callbacks {
  struct ioloop__queue ready;
  pthread_mutex_t lock; /* guards posted */
  struct ioloop__queue posted;
  struct ioloop__signal_queue from_signals;
  atomic_bool wake_pending; /* the waker was written and not yet cleared */
};

int ioloop__callbacks_init(struct ioloop__callbacks *callbacks);
void ioloop__callbacks_free(struct ioloop__callbacks *callbacks);

/* Move what other threads and signal handlers left to the ready queue. -ENOMEM: some is left. */
int ioloop__callbacks_collect(struct ioloop__callbacks *callbacks);

#endif
