/* SPDX-License-Identifier: MIT */
/* rtsig_signal.c - which real-time signal rtsig may use, and how many of them can be queued. */
#include <errno.h>
#include <sys/resource.h>

#include "signalling.h"

/* Free for us? Not if the program has a handler for it, which would never run again as we block the
 * signal. An ignored signal will do: while blocked it is queued nevertheless. */
static bool has_handler(int signo) {
  struct sigaction action;
  return sigaction(signo, NULL, &action) < 0 ||
         (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
}

/*
 * A blocked signal may be one that the program waits for. But a parent that blocks or ignores all
 * of them passes that on, so a blocked one is taken if there is no other. Never the highest:
 * valgrind stops threads with it, and swallows any that comes.
 */
int ioloop__find_rt_signal(void) {
  sigset_t blocked;
  pthread_sigmask(SIG_BLOCK, NULL, &blocked);
  int last_resort = -EBUSY;
  for (int signo = SIGRTMAX - 1; signo >= SIGRTMIN; signo--) {
    if (has_handler(signo))
      continue;
    if (sigismember(&blocked, signo) == 0)
      return signo;
    if (last_resort < 0)
      last_resort = signo;
  }
  return last_resort;
}

/* Every queued signal counts against the soft limit, which we may raise up to the hard one. */
void ioloop__raise_signal_queue_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_SIGPENDING, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
    return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_SIGPENDING, &limit); /* a longer queue is a convenience */
}
