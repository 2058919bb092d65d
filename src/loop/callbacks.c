/* SPDX-License-Identifier: MIT */
/*
 * callbacks.c - three ways to call a function from the loop.
 *
 * From the loop's own thread: a ring. From other threads: a ring behind a mutex, which the loop
 * exchanges for an empty one. From signal handlers, where a mutex could deadlock against the very
 * code that was interrupted: a bounded queue that uses only lock-free atomics. The last two wake
 * the loop, with a single write for any number of calls between two wake-ups.
 */
#include "callbacks.h"

#include <errno.h>
#include <stdlib.h>

#include "internal.h"

int ioloop__queue_reserve(struct ioloop__queue *queue, uint32_t more) {
  uint64_t needed = (uint64_t)queue->count + more;
  if (needed <= queue->capacity)
    return 0;
  uint64_t capacity = queue->capacity ? queue->capacity : 16;
  while (capacity < needed)
    capacity *= 2;
  if (capacity > UINT32_MAX / 2 || capacity > SIZE_MAX / sizeof(struct ioloop__call))
    return -ENOMEM;

  struct ioloop__call *calls = malloc((size_t)capacity * sizeof *calls);
  if (!calls)
    return -ENOMEM;
  for (uint32_t i = 0; i < queue->count; i++)
    calls[i] = queue->calls[(queue->head + i) & (queue->capacity - 1)];
  free(queue->calls);
  *queue =
      (struct ioloop__queue){.calls = calls, .count = queue->count, .capacity = (uint32_t)capacity};
  return 0;
}

int ioloop__queue_push(struct ioloop__queue *queue, ioloop_callback_fn *fn, void *arg) {
  if (!fn)
    return -EINVAL;
  if (queue->count == queue->capacity) {
    int r = ioloop__queue_reserve(queue, 1);
    if (r)
      return r;
  }
  queue->calls[(queue->head + queue->count++) & (queue->capacity - 1)] =
      (struct ioloop__call){.fn = fn, .arg = arg};
  return 0;
}

struct ioloop__call ioloop__queue_pop(struct ioloop__queue *queue) {
  struct ioloop__call call = queue->calls[queue->head & (queue->capacity - 1)];
  queue->head++;
  queue->count--;
  return call;
}

static int signal_queue_push(struct ioloop__signal_queue *queue, struct ioloop__call call) {
  unsigned tail = atomic_load(&queue->tail);
  for (;;) {
    unsigned turn = atomic_load(&queue->cells[tail % IOLOOP__SIGNAL_CALLS].ticket);
    if (turn == tail) {
      if (atomic_compare_exchange_weak(&queue->tail, &tail, tail + 1))
        break;
    } else if ((int)(turn - tail) < 0) {
      return -EAGAIN; /* full: the cell still holds the call of the previous round */
    } else {
      tail = atomic_load(&queue->tail);
    }
  }
  queue->cells[tail % IOLOOP__SIGNAL_CALLS].call = call;
  atomic_store(&queue->cells[tail % IOLOOP__SIGNAL_CALLS].ticket, tail + 1);
  return 0;
}

bool ioloop__signal_queue_pop(struct ioloop__signal_queue *queue, unsigned end,
                              struct ioloop__call *ret) {
  unsigned head = queue->head;
  if (head == end || atomic_load(&queue->cells[head % IOLOOP__SIGNAL_CALLS].ticket) != head + 1)
    return false;
  *ret = queue->cells[head % IOLOOP__SIGNAL_CALLS].call;
  atomic_store(&queue->cells[head % IOLOOP__SIGNAL_CALLS].ticket, head + IOLOOP__SIGNAL_CALLS);
  queue->head++;
  return true;
}

int ioloop__callbacks_init(struct ioloop__callbacks *callbacks) {
  for (unsigned i = 0; i < IOLOOP__SIGNAL_CALLS; i++)
    atomic_init(&callbacks->from_signals.cells[i].ticket, i);
  return -pthread_mutex_init(&callbacks->lock, NULL);
}

void ioloop__callbacks_free(struct ioloop__callbacks *callbacks, bool inherited) {
  free(callbacks->ready.calls);
  free(callbacks->incoming.calls);
  /* Locked in a child: a thread that does not exist here held it, in the middle of a change. */
  if (inherited && pthread_mutex_trylock(&callbacks->lock))
    return;
  free(callbacks->posted.calls);
  if (inherited)
    pthread_mutex_unlock(&callbacks->lock);
  pthread_mutex_destroy(&callbacks->lock);
}

bool ioloop__callbacks_collect(struct ioloop__callbacks *callbacks) {
  if (callbacks->incoming.count)
    return false;
  pthread_mutex_lock(&callbacks->lock);
  struct ioloop__queue empty = callbacks->incoming;
  callbacks->incoming = callbacks->posted;
  callbacks->posted = empty;
  pthread_mutex_unlock(&callbacks->lock);
  return true;
}

void ioloop__callbacks_abandon(struct ioloop__callbacks *callbacks) {
  callbacks->ready.count = callbacks->incoming.count = 0;
  callbacks->from_signals.head = atomic_load(&callbacks->from_signals.tail);
}

int ioloop_add_callback(struct ioloop *loop, ioloop_callback_fn *fn, void *arg) {
  if (ioloop__inherited(loop))
    return -ECHILD;
  return ioloop__queue_push(&loop->callbacks.ready, fn, arg);
}

int ioloop_add_callback_threadsafe(struct ioloop *loop, ioloop_callback_fn *fn, void *arg) {
  struct ioloop__callbacks *callbacks = &loop->callbacks;
  if (ioloop__inherited(loop))
    return -ECHILD;
  pthread_mutex_lock(&callbacks->lock);
  int r = ioloop__queue_push(&callbacks->posted, fn, arg);
  pthread_mutex_unlock(&callbacks->lock);
  if (!r)
    ioloop__wake(loop);
  return r;
}

int ioloop_add_callback_from_signal(struct ioloop *loop, ioloop_callback_fn *fn, void *arg) {
  struct ioloop__call call = {.fn = fn, .arg = arg};
  if (ioloop__is_not_ours(loop))
    return -ECHILD;
  int r = fn ? signal_queue_push(&loop->callbacks.from_signals, call) : -EINVAL;
  if (!r)
    ioloop__wake(loop);
  return r;
}
