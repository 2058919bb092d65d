/* SPDX-License-Identifier: MIT */
/*
 * signals.c - ordinary signals, delivered to loops.
 *
 * A disposition belongs to the process, so the one table here does too: for each signal, the loops
 * that watch it and the disposition to restore. The signal handler sets a bit in each of these
 * loops and wakes it. The loop calls the watcher later, after the callbacks, where anything is
 * allowed. None of this needs memory, so a program that has run out can still be stopped by a
 * signal.
 *
 * The handler cannot lock. A loop is removed from the table by storing NULL and then waiting until
 * no handler runs in any thread. After that nothing can reach the loop, and it may be freed.
 *
 * A child inherits the table and the dispositions, but its parent's loops do not count as watchers
 * there. The first of the child's own loops to watch a signal takes over a place, and the last one
 * to leave restores the disposition.
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
  bool installed;
  struct sigaction before;
} signals[IOLOOP__MAX_SIGNO + 1];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int handlers_running;

static uint64_t bit_of(int signo) {
  return UINT64_C(1) << (signo - 1);
}

static void set_pending(struct ioloop__signals *own, int signo, bool on) {
  atomic_uint *word = &own->pending[(signo - 1) / 32];
  unsigned bit = 1U << (signo - 1) % 32;
  if (on)
    atomic_fetch_or(word, bit);
  else
    atomic_fetch_and(word, ~bit);
}

static void on_signal(int signo) {
  int saved = errno;
  atomic_fetch_add(&handlers_running, 1);
  for (int i = 0; i < MAX_LOOPS; i++) {
    struct ioloop *loop = atomic_load(&signals[signo].loops[i]);
    if (!loop || ioloop__is_not_ours(loop))
      continue;
    set_pending(&loop->signals, signo, true);
    if (signo == SIGCHLD)
      atomic_store(&loop->signals.child_ended, true);
    ioloop__wake(loop);
  }
  atomic_fetch_sub(&handlers_running, 1);
  errno = saved;
}

void ioloop__signals_before_fork(void) {
  pthread_mutex_lock(&lock);
}

void ioloop__signals_after_fork(bool in_child) {
  if (in_child) /* the other threads, which were inside, are not here */
    atomic_store(&handlers_running, 0);
  pthread_mutex_unlock(&lock);
}

/* On the alternate stack where a thread has one: its own may be too small, as in runtimes that give
 * each task a small one. */
static int install(int signo) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK};
  sigfillset(&action.sa_mask);
  if (signals[signo].installed)
    return 0;
  if (sigaction(signo, &action, &signals[signo].before) < 0)
    return -errno;
  signals[signo].installed = true;
  return 0;
}

/* One that is empty, or held by a loop that our parent has. -1: none. */
static int find_place(int signo) {
  for (int i = 0; i < MAX_LOOPS; i++) {
    struct ioloop *loop = atomic_load(&signals[signo].loops[i]);
    if (!loop || ioloop__inherited(loop))
      return i;
  }
  return -1;
}

static int enter(struct ioloop *loop, int signo) {
  int place = find_place(signo);
  if (place < 0)
    return -ENOSPC;
  atomic_store(&signals[signo].loops[place], loop);
  int r = install(signo);
  if (r)
    atomic_store(&signals[signo].loops[place], NULL);
  return r;
}

static int enter_locked(struct ioloop *loop, int signo) {
  pthread_mutex_lock(&lock);
  int r = enter(loop, signo);
  pthread_mutex_unlock(&lock);
  return r;
}

static void leave(struct ioloop *loop, int signo) {
  bool watched = false;
  for (int i = 0; i < MAX_LOOPS; i++) {
    struct ioloop *other = atomic_load(&signals[signo].loops[i]);
    if (other == loop)
      atomic_store(&signals[signo].loops[i], NULL);
    else if (other && !ioloop__inherited(other))
      watched = true;
  }
  if (signals[signo].installed && !watched) {
    sigaction(signo, &signals[signo].before, NULL);
    signals[signo].installed = false;
  }
  while (atomic_load(&handlers_running) > 0)
    sched_yield();
}

static void leave_locked(struct ioloop *loop, int signo) {
  pthread_mutex_lock(&lock);
  leave(loop, signo);
  pthread_mutex_unlock(&lock);
}

/* The kernel raises these for the instruction that the thread has just executed, and would do so
 * again as soon as the handler returned: the loop would never get to call the watcher. */
static bool is_of_a_fault(int signo) {
  return signo == SIGSEGV || signo == SIGBUS || signo == SIGFPE || signo == SIGILL;
}

static bool taken_by_backend(const struct ioloop *loop, int signo) {
  return loop->backend->takes_signal && loop->backend->takes_signal(loop->state, signo);
}

static bool watched_for_children(const struct ioloop *loop, int signo) {
  return signo == SIGCHLD && loop->signals.children;
}

/* A signal that arrived before a watcher was added, or for one that is gone, must not reach it. */
static void forget(struct ioloop__signals *own, int signo) {
  set_pending(own, signo, false);
  own->due &= ~bit_of(signo);
}

int ioloop_add_signal(struct ioloop *loop, int signo, ioloop_signal_fn *handler, void *arg) {
  if (ioloop__inherited(loop))
    return -ECHILD;
  if (!handler || signo <= 0 || signo > IOLOOP__MAX_SIGNO || is_of_a_fault(signo) ||
      taken_by_backend(loop, signo))
    return -EINVAL;
  struct ioloop__signals *own = &loop->signals;
  if (!own->watchers)
    own->watchers = calloc(IOLOOP__MAX_SIGNO + 1, sizeof *own->watchers);
  if (!own->watchers)
    return -ENOMEM;
  if (own->watchers[signo].handler)
    return -EEXIST;

  own->watchers[signo].handler = handler;
  own->watchers[signo].arg = arg;
  int r = 0;
  if (watched_for_children(loop, signo))
    forget(own, signo);
  else
    r = enter_locked(loop, signo);
  if (r)
    own->watchers[signo].handler = NULL;
  return r;
}

static int remove_signal(struct ioloop *loop, int signo) {
  struct ioloop__signals *own = &loop->signals;
  if (signo <= 0 || signo > IOLOOP__MAX_SIGNO || !own->watchers || !own->watchers[signo].handler)
    return -ENOENT;
  if (!watched_for_children(loop, signo))
    leave_locked(loop, signo);
  own->watchers[signo].handler = NULL;
  forget(own, signo);
  return 0;
}

int ioloop_remove_signal(struct ioloop *loop, int signo) {
  return ioloop__inherited(loop) ? -ECHILD : remove_signal(loop, signo);
}

static bool has_watcher(const struct ioloop *loop, int signo) {
  return loop->signals.watchers && loop->signals.watchers[signo].handler;
}

int ioloop__signals_watch_children(struct ioloop *loop) {
  struct ioloop__signals *own = &loop->signals;
  int r = own->children || has_watcher(loop, SIGCHLD) ? 0 : enter_locked(loop, SIGCHLD);
  if (r)
    return r;
  own->children = true;
  atomic_store(&own->child_ended, true); /* perhaps before the signal was watched */
  ioloop__wake(loop);
  return 0;
}

void ioloop__signals_unwatch_children(struct ioloop *loop) {
  if (!loop->signals.children)
    return;
  loop->signals.children = false;
  if (!has_watcher(loop, SIGCHLD))
    leave_locked(loop, SIGCHLD);
}

static void call_watcher(struct ioloop *loop, int signo) {
  ioloop_signal_fn *handler = loop->signals.watchers[signo].handler;
  loop->metrics.callbacks++;
  bool watched = ioloop__has(loop, IOLOOP__WATCHED);
  struct ioloop__call_span span = {0};
  if (watched)
    span = ioloop__call_begin(loop, IOLOOP_CALL_SIGNAL, signo, 0);
  handler(loop, signo, loop->signals.watchers[signo].arg);
  if (watched)
    ioloop__call_end(loop, IOLOOP_CALL_SIGNAL, signo, span);
}

void ioloop__signals_collect(struct ioloop *loop) {
  struct ioloop__signals *own = &loop->signals;
  for (int word = 0; word < IOLOOP__MAX_SIGNO / 32; word++)
    own->due |= (uint64_t)atomic_exchange(&own->pending[word], 0) << 32 * word;
}

void ioloop__signals_run(struct ioloop *loop) {
  struct ioloop__signals *own = &loop->signals;
  if (own->children)
    ioloop__children_check(loop, atomic_exchange(&own->child_ended, false));
  uint64_t due = own->due;
  for (int signo = 1; signo <= IOLOOP__MAX_SIGNO && due; signo++, due >>= 1) {
    if (!(due & 1 && own->due & bit_of(signo))) /* a watcher may remove another */
      continue;
    own->due &= ~bit_of(signo);
    if (has_watcher(loop, signo)) /* or it arrived for children only */
      call_watcher(loop, signo);
  }
}

void ioloop__signals_free(struct ioloop *loop) {
  for (int signo = 1; loop->signals.watchers && signo <= IOLOOP__MAX_SIGNO; signo++)
    remove_signal(loop, signo);
  ioloop__signals_unwatch_children(loop);
  free(loop->signals.watchers);
  loop->signals.watchers = NULL;
}
