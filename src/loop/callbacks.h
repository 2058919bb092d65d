/* SPDX-License-Identifier: MIT */
/*
 * callbacks.h - functions to call in the next iteration, queued by three kinds of callers.
 *
 * Memory is allocated when a call is added, and the caller is informed if that fails. Nothing after
 * that can fail: otherwise a loop without memory would wake itself forever and never make a call.
 */
#ifndef IOLOOP_CALLBACKS_H
#define IOLOOP_CALLBACKS_H

#include <pthread.h>
#include <stdatomic.h>

#include "ioloop/ioloop.h"

struct ioloop__call {
  ioloop_callback_fn *fn;
  void *arg;
};

/* First in, first out; a ring that grows. The loop's thread only. */
struct ioloop__queue {
  struct ioloop__call *calls;
  uint32_t head; /* free running; masked by capacity - 1 */
  uint32_t count;
  uint32_t capacity; /* 0 or a power of two */
};

int ioloop__queue_push(struct ioloop__queue *queue, ioloop_callback_fn *fn, void *arg);
struct ioloop__call ioloop__queue_pop(struct ioloop__queue *queue);
/* Make room for `more` pushes, which then cannot fail. -ENOMEM. */
int ioloop__queue_reserve(struct ioloop__queue *queue, uint32_t more);

enum {
  IOLOOP__SIGNAL_CALLS = 256
};

/* A bounded lock-free queue with one reader and many writers, which may be signal handlers that
 * interrupt each other. After D. Vyukov's bounded queue: a cell's ticket says whose turn it is. */
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
  struct ioloop__queue incoming; /* posted by other threads, taken over by the loop */
  pthread_mutex_t lock;          /* guards posted */
  struct ioloop__queue posted;
  struct ioloop__signal_queue from_signals;
  atomic_bool wake_pending; /* the waker was written and has not been cleared yet */
};

int ioloop__callbacks_init(struct ioloop__callbacks *callbacks);
/* `inherited`: the caller is a forked child; threads of its parent may have been posting at the
 * fork. */
void ioloop__callbacks_free(struct ioloop__callbacks *callbacks, bool inherited);

/* Take over the calls that other threads have posted. false: not yet, because some of the calls
 * taken before have not been made. */
bool ioloop__callbacks_collect(struct ioloop__callbacks *callbacks);

/* Take the next call that a signal handler queued, among those before `end` (the queue's tail at
 * some earlier time). false: there is none, or its writer was interrupted halfway and will wake the
 * loop again. */
bool ioloop__signal_queue_pop(struct ioloop__signal_queue *queue, unsigned end,
                              struct ioloop__call *ret);

/* Drop every queued call. */
void ioloop__callbacks_abandon(struct ioloop__callbacks *callbacks);

#endif
