/* SPDX-License-Identifier: MIT */
/*
 * loop.c - a loop: making it, waking and stopping it, its timeouts, freeing it. run.c runs it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

enum {
  FIRST_CAPACITY = 256 /* reports of a wait */
};

/* The process is compared only where a write would follow: that costs a system call. Writing to a
 * pipe needs a page of memory; without one, the next call tries again for all. */
void ioloop__wake(struct ioloop *loop) {
  if (atomic_load(&loop->callbacks.wake_pending) || ioloop__is_not_ours(loop))
    return;
  if (!atomic_exchange(&loop->callbacks.wake_pending, true) && !ioloop__waker_wake(loop->waker[1]))
    atomic_store(&loop->callbacks.wake_pending, false);
}

void ioloop_stop(struct ioloop *loop) {
  if (ioloop__is_not_ours(loop))
    return;
  ioloop__set(loop, IOLOOP__STOP, true);
  ioloop__wake(loop);
}

/* The waker became readable: a callback or a signal was queued, or `stop` was set. What was queued
 * before wake_pending is cleared is collected now; what is queued later wakes the loop again. */
static void on_wake(struct ioloop *loop, int fd, unsigned events, void *arg) {
  (void)events, (void)arg;
  loop->uncounted++;
  ioloop__waker_clear(fd);
  atomic_store(&loop->callbacks.wake_pending, false);
  ioloop__signals_collect(loop);
  if (!ioloop__callbacks_collect(&loop->callbacks))
    ioloop__wake(loop); /* after the next iteration, which makes the calls that are still there */
  ioloop__set(loop, IOLOOP__CALLS, true);
}

uint64_t ioloop_time(const struct ioloop *loop) {
  (void)loop;
  return ioloop__now();
}

static uint64_t deadline_after(uint64_t delay_ns) {
  uint64_t now = ioloop__now();
  return delay_ns < UINT64_MAX - now ? now + delay_ns : UINT64_MAX;
}

static int add_timeout(struct ioloop *loop, uint64_t deadline_ns, uint64_t period_ns,
                       ioloop_callback_fn *fn, void *arg, ioloop_timeout *ret) {
  if (ioloop__inherited(loop))
    return -ECHILD;
  if (!fn)
    return -EINVAL;
  return ioloop__timers_add(&loop->timers, deadline_ns, period_ns, fn, arg, ret);
}

int ioloop_call_later(struct ioloop *loop, uint64_t delay_ns, ioloop_callback_fn *fn, void *arg,
                      ioloop_timeout *ret) {
  return add_timeout(loop, deadline_after(delay_ns), 0, fn, arg, ret);
}

int ioloop_call_at(struct ioloop *loop, uint64_t deadline_ns, ioloop_callback_fn *fn, void *arg,
                   ioloop_timeout *ret) {
  return add_timeout(loop, deadline_ns, 0, fn, arg, ret);
}

int ioloop_call_every(struct ioloop *loop, uint64_t period_ns, ioloop_callback_fn *fn, void *arg,
                      ioloop_timeout *ret) {
  if (period_ns == 0)
    return -EINVAL;
  return add_timeout(loop, deadline_after(period_ns), period_ns, fn, arg, ret);
}

int ioloop_update_timeout(struct ioloop *loop, ioloop_timeout timeout, uint64_t deadline_ns) {
  return ioloop__timers_update(&loop->timers, timeout, deadline_ns);
}

int ioloop_remove_timeout(struct ioloop *loop, ioloop_timeout timeout) {
  return ioloop__timers_remove(&loop->timers, timeout);
}

void *ioloop__scratch(struct ioloop *loop, size_t size) {
  if (size <= loop->scratch_size)
    return loop->scratch;
  void *larger = malloc(size);
  if (!larger)
    return NULL;
  free(loop->scratch);
  loop->scratch = larger;
  loop->scratch_size = size;
  return larger;
}

struct ioloop__fifo_spares *ioloop__spares(struct ioloop *loop) {
  return &loop->spares;
}

const char *ioloop_backend_name(const struct ioloop *loop) {
  return loop->name;
}

unsigned ioloop_backend_features(const struct ioloop *loop) {
  return loop->backend->features;
}

static void free_memory(struct ioloop *loop) {
  ioloop__fdtable_free(loop);
  ioloop__timers_free(&loop->timers);
  ioloop__callbacks_free(&loop->callbacks, ioloop__inherited(loop));
  ioloop__fifo_spares_free(&loop->spares);
  free(loop->scratch);
  free(loop->ready);
  free(loop->state);
  free(loop->name);
  free(loop);
}

static int init_waker(struct ioloop *loop) {
  int r = ioloop__waker_open(loop->waker, loop->backend->features & IOLOOP_F_SIGNAL_DRIVEN);
  if (r)
    return r;
  r = ioloop_add_handler(loop, loop->waker[0], IOLOOP_READ, on_wake, NULL);
  if (r)
    ioloop__waker_close(loop->waker);
  return r;
}

/* Operations of streams have completed: a handler like any other, except that the backend makes the
 * calls. */
static void on_completed(struct ioloop *loop, int fd, unsigned events, void *arg) {
  (void)fd, (void)events, (void)arg;
  if (!loop->backend->completion->dispatch(loop, loop->state))
    loop->uncounted++;
}

static int init_completion(struct ioloop *loop) {
  const struct ioloop_completion *table = loop->backend->completion;
  loop->completer =
      (struct ioloop__completer){.table = table, .state = loop->state, .deferred = &loop->deferred};
  return table ? ioloop__fdtable_add_unarmed(loop, table->fd(loop->state), on_completed) : 0;
}

const struct ioloop__completer *ioloop__completer(const struct ioloop *loop) {
  return loop->completer.table ? &loop->completer : NULL;
}

static void finish_backend(struct ioloop *loop) {
  ioloop__fdtable_disarm(loop);
  loop->backend->fini(loop, loop->state);
}

static int init_backend(struct ioloop *loop, const char *variant) {
  loop->state = calloc(1, loop->backend->state_size ? loop->backend->state_size : 1);
  if (!loop->state)
    return -ENOMEM;
  int r = loop->backend->init(loop, loop->state, variant);
  if (r)
    return r;
  r = init_waker(loop);
  if (r) {
    finish_backend(loop);
    return r;
  }
  r = init_completion(loop);
  if (r) {
    finish_backend(loop);
    ioloop__waker_close(loop->waker);
  }
  return r;
}

int ioloop_new(const char *backend, struct ioloop **ret) {
  const char *name = backend ? backend : ioloop_backend_default();
  const struct ioloop_backend *found;
  const char *variant;
  int r = ioloop__registry_find(name, &found, &variant);
  if (r)
    return r;

  struct ioloop *loop = calloc(1, sizeof *loop);
  if (!loop)
    return -ENOMEM;
  loop->backend = found;
  loop->wait = found->wait;
  ioloop__list_init(&loop->deferred.list);
  loop->user = ioloop__this_thread();
  loop->moved = true;
  loop->fork_count = ioloop__fork_count();
  loop->process = getpid();
  r = ioloop__callbacks_init(&loop->callbacks);
  if (r) {
    free(loop);
    return r;
  }
  loop->ready_capacity = FIRST_CAPACITY;
  loop->ready = malloc(FIRST_CAPACITY * sizeof *loop->ready);
  loop->name = strdup(name);
  r = loop->ready && loop->name ? init_backend(loop, variant) : -ENOMEM;
  if (r)
    free_memory(loop);
  else
    *ret = loop;
  return r;
}

void ioloop__free_copy(struct ioloop *loop) {
  ioloop__children_free(loop);
  loop->backend->after_fork(loop, loop->state);
  ioloop__waker_close(loop->waker);
  free_memory(loop);
}

static int free_inherited(struct ioloop *loop) {
  ioloop__signals_free(loop);
  if (loop->user != ioloop__this_thread())
    return 0; /* its thread does not exist here, and may have been in the middle of a change */
  if (atomic_load(&loop->running))
    loop->freed = true; /* its copy is running: freed when that returns */
  else
    ioloop__free_copy(loop);
  return 0;
}

int ioloop_free(struct ioloop *loop) {
  if (!loop)
    return 0;
  if (ioloop__inherited(loop))
    return free_inherited(loop);
  if (atomic_load(&loop->running))
    return -EBUSY;
  ioloop__children_free(loop);
  ioloop__signals_free(loop);
  finish_backend(loop);
  ioloop__waker_close(loop->waker);
  free_memory(loop);
  return 0;
}
