/* SPDX-License-Identifier: MIT */
/*
 * callbacks.h - functions to call in the next iteration, from three kinds of callers.
 *
 * A call costs memory once, when it is added, and its caller learns of a failure. Nothing after
 * that can fail, or a loop without memory would wake itself for ever and call nobody.
 */
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
  struct ioloop__queue incoming; /* what other threads posted, taken over */
  pthread_mutex_t lock;          /* guards posted */
  struct ioloop__queue posted;
  struct ioloop__signal_queue from_signals;
  atomic_bool wake_pending; /* the waker was written and not yet cleared */
};

int ioloop__callbacks_init(struct ioloop__callbacks *callbacks);
/* `inherited`: in a forked child, whose parent's threads may have been posting at the fork. */
void ioloop__callbacks_free(struct ioloop__callbacks *callbacks, bool inherited);

/* Take over what other threads have posted. false: not yet, as what was taken before has not been
 * called to the end. */
bool ioloop__callbacks_collect(struct ioloop__callbacks *callbacks);

/* The next call that a signal handler left, of those before `end`: the queue's tail at some time.
 * false: none, or its writer is interrupted half-way and will wake the loop again. */
bool ioloop__signal_queue_pop(struct ioloop__signal_queue *queue, unsigned end,
                              struct ioloop__call *ret);

/* What is queued is called by nobody any more. */
void ioloop__callbacks_abandon(struct ioloop__callbacks *callbacks);

#endif
