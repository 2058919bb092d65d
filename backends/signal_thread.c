/* SPDX-License-Identifier: MIT */
/*
 * signal_thread.c - see signal_thread.h.
 *
 * A signal of a descriptor is sent to the thread that owns it, which is the thread that runs the
 * loop, and must be blocked there before it is raised: its default action terminates the process. A
 * thread's mask and its pending signals are its own. When a loop moves to another thread, or is
 * freed by another, its signals stay blocked, and perhaps pending, in the thread that it leaves;
 * that thread takes and unblocks them when it next makes, runs or frees such a loop. If it ends
 * before that, they end with it.
 *
 * SIGIO is shared: by all loops of sigio, and by those of rtsig, for which it means that the queue
 * was full. The kernel merges what it raises for several loops of one thread, so a loop that takes
 * a SIGIO takes it for all of them. The thread counts those taken; a loop that finds the count
 * changed looks at all of its descriptors once.
 *
 * No lock guards this, which a fork could copy in any state: the thread alone takes, other threads
 * only give back, in this order: the loop's share, then the note for the thread to clean up.
 */
#include "signal_thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "fork.h"
#include "signalling.h"

static pthread_key_t key;
static bool has_key;

/* Of a thread that has no loop: what stays blocked, for the next one. */
static _Thread_local struct {
  uint32_t blocked, kept;
  unsigned fork_count;
} rest;

/* ---- sets --------------------------------------------------------------------------------- */

#ifdef SIGRTMIN
static int first_number(void) {
  return SIGRTMIN;
}
#else
static int first_number(void) { /* macOS: none */
  return NSIG;
}
#endif

uint32_t ioloop__signal_bit(int signo) {
  if (signo == SIGIO)
    return IOLOOP__BIT_SIGIO;
  int number = signo - first_number();
  return number >= 0 && number < 31 ? UINT32_C(2) << number : 0;
}

static sigset_t set_of(uint32_t signals) {
  sigset_t set;
  sigemptyset(&set);
  if (signals & IOLOOP__BIT_SIGIO)
    sigaddset(&set, SIGIO);
  for (int i = 0; i < 31; i++)
    if (signals & UINT32_C(2) << i)
      sigaddset(&set, first_number() + i);
  return set;
}

static uint32_t number_in(uint32_t signals) {
  return signals & ~IOLOOP__BIT_SIGIO;
}

/* ---- threads ------------------------------------------------------------------------------ */

static void let_go(struct ioloop__signal_thread *thread) {
  if (atomic_fetch_sub(&thread->holders, 1) == 1)
    free(thread);
}

static void thread_ends(void *thread) {
  let_go(thread);
}

__attribute__((constructor)) static void make_key(void) {
  has_key = pthread_key_create(&key, thread_ends) == 0;
}

__attribute__((destructor)) static void delete_key(void) {
  if (has_key)
    pthread_key_delete(key);
}

/* In a forked child: the loops that our thread had are the parent's, and so are their signals. */
static void begin_anew(struct ioloop__signal_thread *thread) {
  thread->id = ioloop__signal_target();
  thread->fork_count = ioloop__fork_count();
  atomic_store(&thread->users, 0);
  atomic_store(&thread->numbers, 0);
  atomic_store(&thread->kept, 0);
  atomic_store(&thread->left, thread->blocked);
}

struct ioloop__signal_thread *ioloop__signal_thread_if_any(void) {
  struct ioloop__signal_thread *thread = has_key ? pthread_getspecific(key) : NULL;
  if (thread && thread->fork_count != ioloop__fork_count())
    begin_anew(thread);
  return thread;
}

struct ioloop__signal_thread *ioloop__signal_thread(void) {
  struct ioloop__signal_thread *thread = ioloop__signal_thread_if_any();
  if (thread || !has_key)
    return thread;
  thread = calloc(1, sizeof *thread);
  if (!thread || pthread_setspecific(key, thread)) {
    free(thread);
    return NULL;
  }
  atomic_store(&thread->holders, 1);
  thread->blocked = rest.blocked;
  begin_anew(thread);
  if (rest.fork_count == thread->fork_count) {
    atomic_store(&thread->kept, rest.kept);
    atomic_store(&thread->left, 0);
  }
  return thread;
}

static void block(struct ioloop__signal_thread *thread, uint32_t signals) {
  sigset_t set = set_of(signals), before;
  pthread_sigmask(SIG_BLOCK, &set, &before);
  if (sigismember(&before, SIGIO) == 0)
    thread->blocked |= signals & IOLOOP__BIT_SIGIO;
  for (int i = 0; i < 31; i++)
    if (signals & UINT32_C(2) << i && sigismember(&before, first_number() + i) == 0)
      thread->blocked |= UINT32_C(2) << i;
}

/* In the thread itself: clean up after loops that are gone. The last thing that is done with it. */
static void settle(struct ioloop__signal_thread *thread) {
  uint32_t needed = atomic_load(&thread->numbers) | atomic_load(&thread->kept);
  if (atomic_load(&thread->users))
    needed |= IOLOOP__BIT_SIGIO;
  uint32_t left = atomic_exchange(&thread->left, 0) & ~needed;
  if (left) {
    sigset_t pending = set_of(left), blocked = set_of(left & thread->blocked);
    ioloop__take_pending(&pending);
    pthread_sigmask(SIG_UNBLOCK, &blocked, NULL);
    thread->blocked &= ~left;
  }
  if (atomic_load(&thread->holders) == 1) {
    rest.blocked = thread->blocked;
    rest.kept = atomic_load(&thread->kept);
    rest.fork_count = thread->fork_count;
    pthread_setspecific(key, NULL);
    free(thread);
  }
}

/* ---- where SIGIO is sent to the process ---------------------------------------------------- */

static _Atomic(struct ioloop__signal_thread *) of_process; /* never followed */
static atomic_uint of_process_forks;

static int take_process(struct ioloop__signal_thread *thread,
                        const struct ioloop__signal_claim *before) {
  if (ioloop__sigio_per_thread)
    return 0;
  unsigned forks = ioloop__fork_count();
  if (atomic_exchange(&of_process_forks, forks) != forks)
    atomic_store(&of_process, NULL);
  struct ioloop__signal_thread *holder = atomic_load(&of_process);
  bool moves = before->owns && holder == before->thread && atomic_load(&before->thread->users) == 1;
  bool free = !holder || holder == thread || moves;
  if (!free || !atomic_compare_exchange_strong(&of_process, &holder, thread))
    return -EBUSY;
  return ioloop__sigio_open();
}

static void give_process(struct ioloop__signal_thread *thread) {
  struct ioloop__signal_thread *holder = thread;
  if (ioloop__sigio_per_thread || !atomic_compare_exchange_strong(&of_process, &holder, NULL))
    return;
  if (!(atomic_load(&thread->kept) & IOLOOP__BIT_SIGIO))
    ioloop__sigio_close();
}

/* ---- claims ------------------------------------------------------------------------------- */

int ioloop__claim_make(struct ioloop__signal_claim *claim, uint32_t signals) {
  struct ioloop__signal_thread *thread = ioloop__signal_thread();
  if (!thread)
    return -ENOMEM;
  atomic_fetch_add(&thread->holders, 1);
  atomic_fetch_or(&thread->numbers, number_in(signals));
  *claim = (struct ioloop__signal_claim){.thread = thread, .signals = signals};
  return 0;
}

int ioloop__claim_move(struct ioloop__signal_claim *claim, uint32_t signals,
                       struct ioloop__signal_claim *before) {
  struct ioloop__signal_thread *thread = ioloop__signal_thread();
  *before = (struct ioloop__signal_claim){0};
  if (!thread)
    return -ENOMEM;
  int r = take_process(thread, claim);
  if (r)
    return r;
  block(thread, signals);
  if (thread != claim->thread) {
    *before = *claim;
    atomic_fetch_add(&thread->holders, 1);
    atomic_fetch_or(&thread->numbers, number_in(signals));
  }
  if (thread != claim->thread || !claim->owns)
    atomic_fetch_add(&thread->users, 1);
  *claim = (struct ioloop__signal_claim){.thread = thread, .signals = signals, .owns = true};
  return 0;
}

void ioloop__claim_drop(struct ioloop__signal_claim *claim, bool lost) {
  struct ioloop__signal_thread *thread = claim->thread, *ours = ioloop__signal_thread_if_any();
  if (thread) {
    if (lost)
      atomic_fetch_or(&thread->kept, claim->signals);
    atomic_fetch_and(&thread->numbers, ~number_in(claim->signals));
    if (claim->owns && atomic_fetch_sub(&thread->users, 1) == 1)
      give_process(thread);
    if (claim->owns)
      atomic_fetch_or(&thread->left, claim->signals);
    let_go(thread);
    claim->thread = NULL;
  }
  if (ours)
    settle(ours);
}

void ioloop__claim_forget(struct ioloop__signal_claim *claim) {
  struct ioloop__signal_thread *ours = ioloop__signal_thread_if_any();
  let_go(claim->thread);
  if (ours)
    settle(ours);
}
