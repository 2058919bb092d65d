/* SPDX-License-Identifier: MIT */
/*
 * sigio_bsd.c - send SIGIO to the process, and take it where there is no sigtimedwait (macOS), or
 * where nothing can be sent to a single thread (macOS, FreeBSD): a handler that sets a flag, and a
 * pselect(2) of nothing that lets the signal through.
 *
 * pselect exchanges the signal mask and begins to wait in one step. With "unblock, then wait" a
 * SIGIO that came in between would be handled before the wait, and the wait would sleep.
 *
 * SIGIO goes to the process, and the system gives it to any thread that does not block it. So the
 * handler passes it on to the thread that runs the loops. There is one such thread at a time; the
 * program's own handling of SIGIO is saved before, and restored after it.
 */
#include "signalling.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <unistd.h>

int ioloop__sigio_arm(const struct ioloop__signalling *s, int fd) {
  (void)s;
  if (fcntl(fd, F_SETOWN, getpid()) < 0)
    return -errno;
  int on = 1;
  return ioctl(fd, FIOASYNC, &on) < 0 ? -errno : 0;
}

const bool ioloop__sigio_per_thread = false;
const char ioloop__sigio_wait_name[] = "pselect";

static struct sigaction before; /* the process's own handling of SIGIO */
static bool opened;
static atomic_bool arrived;
static pthread_t waiter;

static void on_sigio(int signo) {
  int saved = errno;
  if (pthread_equal(pthread_self(), waiter))
    atomic_store(&arrived, 1);
  else
    pthread_kill(waiter, signo);
  errno = saved;
}

pid_t ioloop__signal_target(void) {
  return getpid();
}

int ioloop__sigio_open(void) {
  waiter = pthread_self();
  if (opened)
    return 0;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_sigio;
  sigemptyset(&action.sa_mask);
  atomic_store(&arrived, 0);
  if (sigaction(SIGIO, &action, &before) < 0)
    return -errno;
  opened = true;
  return 0;
}

void ioloop__sigio_close(void) {
  if (opened)
    sigaction(SIGIO, &before, NULL);
  opened = false;
}

/* A select that need not wait may return without having checked for signals. */
static void let_through_pending(const sigset_t *mask) {
  sigset_t pending;
  if (sigpending(&pending) == 0 && sigismember(&pending, SIGIO) == 1)
    sigsuspend(mask);
}

/* SIGIO is the one signal that a set has here. */
void ioloop__take_pending(const sigset_t *set) {
  (void)set;
  while (ioloop__sigio_wait(0) == 1)
    continue;
}

int ioloop__sigio_wait(uint64_t timeout_ns) {
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, NULL, &mask);
  sigdelset(&mask, SIGIO);
  struct timespec timeout = ioloop__timespec(timeout_ns);
  int error = 0;
  if (timeout_ns == 0)
    let_through_pending(&mask);
  else if (pselect(0, NULL, NULL, NULL, &timeout, &mask) < 0)
    error = errno;
  if (atomic_exchange(&arrived, 0))
    return 1;
  return -error;
}
