/* SPDX-License-Identifier: MIT */
/* rtsig_signal.c - which of the real-time signals a loop of rtsig takes. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "signal_thread.h"

/* Free for us? Not if the program has a handler for it, which would never run again as we block the
 * signal. An ignored signal will do: while blocked it is queued nevertheless. */
static bool has_handler(int signo) {
  struct sigaction action;
  return sigaction(signo, NULL, &action) < 0 ||
         (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
}

/*
 * A signal that no other loop of the calling thread has: with one for two of them, each would take
 * the other's. A blocked one may be one that the program waits for. But a parent that blocks or
 * ignores all of them passes that on, so a blocked one is taken if there is no other. Never the
 * highest: valgrind stops threads with it, and swallows any that comes.
 */
int ioloop__find_signal(void) {
  const struct ioloop__signal_thread *thread = ioloop__signal_thread_if_any();
  uint32_t taken = thread ? atomic_load(&thread->numbers) : 0, ours = thread ? thread->blocked : 0;
  sigset_t blocked;
  pthread_sigmask(SIG_BLOCK, NULL, &blocked);
  int last_resort = -ENOSPC;
  for (int signo = SIGRTMAX - 1; signo >= SIGRTMIN; signo--) {
    uint32_t bit = ioloop__signal_bit(signo);
    if (!bit || bit & taken || has_handler(signo))
      continue;
    if (bit & ours || sigismember(&blocked, signo) == 0)
      return signo;
    if (last_resort < 0)
      last_resort = signo;
  }
  return last_resort;
}
