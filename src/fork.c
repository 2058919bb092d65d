/* SPDX-License-Identifier: MIT */
/*
 * fork.c - what a fork does to the library.
 *
 * The child has a copy of all memory, but only the thread that called fork, and whatever the other
 * threads were in the middle of stays as it was: a lock that one of them held is held for ever.
 * Three rules make the copy harmless.
 *   - A loop knows at which fork count it was made; in a child every public function refuses one
 *     that is older, before it takes a lock or makes a system call.
 *   - The one lock that is not a loop's own (signals.c) is held across the fork.
 *   - What is called from signal handlers compares process numbers instead: a signal may come in
 *     the child before the count is right.
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

/* Before main, so that the count is right for every loop, and reading it is signal-safe. */
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
  /* Both: in a new PID namespace the child may have its parent's number. */
  return ioloop__inherited(loop) || loop->process != getpid();
}
