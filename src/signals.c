/* SPDX-License-Identifier: MIT */
/*
 * signals.c - ordinary signals, told to loops.
 *
 * A disposition belongs to the process, so the one table here does too: for each signal the loops
 * that watch it and the disposition to put back. The signal handler sets a bit in each of these
 * loops and wakes it; the loop calls the watcher later, as a callback, where anything is allowed.
 *
 * The handler cannot lock. A loop is taken out of the table by storing NULL and then waiting until
 * no handler runs in any thread; after that nothing can reach it, and it may be freed.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#include "internal.h"

enum {
  MAX_LOOPS = 16
};

static struct {
  _Atomic(struct ioloop *) loops[MAX_LOOPS];
  int count;
  struct sigaction before;
} signals[IOLOOP__MAX_SIGNO + 1];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_int handlers_running;

static void on_signal(int signo) {
  int saved = errno;
  atomic_fetch_add(&handlers_running, 1);
  for (int i = 0; i < MAX_LOOPS; i++) {
    struct ioloop *loop = atomic_load(&signals[signo].loops[i]);
    if (!loop || ioloop__inherited(loop))
      continue;
    atomic_fetch_or(&loop->signals.pending[signo / 32], 1U << signo % 32);
    ioloop__wake(loop);
  }
  atomic_fetch_sub(&handlers_running, 1);
  errno = saved;
}

/* A fork in one thread must not copy the table while another changes it. */
static void lock_table(void) {
  pthread_mutex_lock(&lock);
}

static void unlock_table(void) {
  pthread_mutex_unlock(&lock);
}

static void guard_fork(void) {
  pthread_atfork(lock_table, unlock_table, unlock_table);
}

static int install(int signo) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigfillset(&action.sa_mask);
  return sigaction(signo, &action, &signals[signo].before) == 0 ? 0 : -errno;
}

static int enter(struct ioloop *loop, int signo) {
  int free_place = 0;
  while (free_place < MAX_LOOPS && atomic_load(&signals[signo].loops[free_place]))
    free_place++;
  if (free_place == MAX_LOOPS)
    return -ENOSPC;
  atomic_store(&signals[signo].loops[free_place], loop);
  int r = signals[signo].count == 0 ? install(signo) : 0;
  if (r)
    atomic_store(&signals[signo].loops[free_place], NULL);
  else
    signals[signo].count++;
  return r;
}

static void leave(struct ioloop *loop, int signo) {
  for (int i = 0; i < MAX_LOOPS; i++)
    if (atomic_load(&signals[signo].loops[i]) == loop)
      atomic_store(&signals[signo].loops[i], NULL);
  if (--signals[signo].count == 0)
    sigaction(signo, &signals[signo].before, NULL);
  while (atomic_load(&handlers_running) > 0)
    sched_yield();
}

/* Signal-driven backends block the signals that they take from the queue themselves. */
static bool taken_by_backend(const struct ioloop *loop, int signo) {
  sigset_t blocked;
  if (!(loop->backend->features & IOLOOP_F_SIGNAL_DRIVEN) ||
      pthread_sigmask(SIG_BLOCK, NULL, &blocked))
    return false;
  return sigismember(&blocked, signo) == 1 &&
         (signo == SIGIO || signo > ioloop__last_standard_signal());
}

int ioloop_add_signal(struct ioloop *loop, int signo, ioloop_signal_handler *handler, void *arg) {
  if (ioloop__inherited(loop))
    return -ECHILD;
  if (!handler || signo <= 0 || signo > IOLOOP__MAX_SIGNO || taken_by_backend(loop, signo))
    return -EINVAL;
  struct ioloop__signals *own = &loop->signals;
  if (!own->watchers)
    own->watchers = calloc(IOLOOP__MAX_SIGNO + 1, sizeof *own->watchers);
  if (!own->watchers)
    return -ENOMEM;
  if (own->watchers[signo].handler)
    return -EEXIST;

  pthread_once(&once, guard_fork);
  own->watchers[signo].handler = handler;
  own->watchers[signo].arg = arg;
  lock_table();
  int r = enter(loop, signo);
  unlock_table();
  if (r)
    own->watchers[signo].handler = NULL;
  return r;
}

int ioloop_remove_signal(struct ioloop *loop, int signo) {
  struct ioloop__signals *own = &loop->signals;
  if (signo <= 0 || signo > IOLOOP__MAX_SIGNO || !own->watchers || !own->watchers[signo].handler)
    return -ENOENT;
  lock_table();
  leave(loop, signo);
  unlock_table();
  own->watchers[signo].handler = NULL;
  atomic_fetch_and(&own->pending[signo / 32], ~(1U << signo % 32));
  return 0;
}

static void call_watcher(struct ioloop *loop, void *arg) {
  int signo = (int)(intptr_t)arg;
  ioloop_signal_handler *handler = loop->signals.watchers[signo].handler;
  if (!handler)
    return; /* removed meanwhile */
  bool watched = ioloop__has(loop, IOLOOP__WATCHED);
  uint64_t begun = watched ? ioloop__call_begin(loop, 's', signo, 0) : 0;
  handler(loop, signo, loop->signals.watchers[signo].arg);
  if (watched)
    ioloop__call_end(loop, 's', signo, begun);
}

void ioloop__signals_collect(struct ioloop *loop) {
  if (!loop->signals.watchers)
    return;
  for (int signo = 1; signo <= IOLOOP__MAX_SIGNO; signo++) {
    unsigned bit = 1U << signo % 32;
    if (!(atomic_fetch_and(&loop->signals.pending[signo / 32], ~bit) & bit))
      continue;
    if (ioloop_add_callback(loop, call_watcher, (void *)(intptr_t)signo) == 0)
      continue;
    atomic_fetch_or(&loop->signals.pending[signo / 32], bit); /* out of memory: come again */
    ioloop__wake(loop);
  }
}

void ioloop__signals_free(struct ioloop *loop) {
  for (int signo = 1; loop->signals.watchers && signo <= IOLOOP__MAX_SIGNO; signo++)
    ioloop_remove_signal(loop, signo);
  free(loop->signals.watchers);
}
