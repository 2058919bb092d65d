/* SPDX-License-Identifier: MIT */
/*
 * fork.c - what a fork does to the library.
 *
 * The child has a copy of all memory, but only the thread that called fork. Whatever the other
 * threads were doing stays half done: a lock that one of them held is held forever. Three rules
 * make the copy harmless.
 *   - A loop records the fork count at which it was made. In a child, every public function refuses
 *     a loop with a lower count, before it takes a lock or makes a system call.
 *   - The one lock that does not belong to a loop (signals.c) is held across the fork.
 *   - Functions called from signal handlers compare process numbers instead: in the child, a signal
 *     may arrive before the count is correct.
 */
#include "fork.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "internal.h"

static atomic_uint fork_count;

static void in_parent(void) {
  ioloop__signals_after_fork(false);
}

static void in_child(void) {
  atomic_fetch_add(&fork_count, 1);
  ioloop__signals_after_fork(true);
  ioloop__abandon_running();
}

/* Runs before main, so that the count is correct for every loop, and reading it is signal-safe. */
__attribute__((constructor)) static void watch_forks(void) {
  pthread_atfork(ioloop__signals_before_fork, in_parent, in_child);
}

unsigned ioloop__fork_count(void) {
  return atomic_load_explicit(&fork_count, memory_order_relaxed);
}

bool ioloop__inherited(const struct ioloop *loop) {
  return loop->fork_count != ioloop__fork_count();
}

bool ioloop__is_not_ours(const struct ioloop *loop) {
  /* Both checks are needed: in a new PID namespace the child may have its parent's number. */
  return ioloop__inherited(loop) || loop->process != getpid();
}
