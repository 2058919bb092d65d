/* SPDX-License-Identifier: MIT */
/* signals.c - see signals.h. */
#include "signals.h"

#include <signal.h>
#include <stddef.h>

#define SAME_REQUEST_NS UINT64_C(250000000)

enum {
  LAST_SIGNAL = 128, /* of FreeBSD; with fewer, sigaction rejects the others */
};

/* It asks a program to end or to stop: ignoring it is a decision of the parent. */
static bool is_request(int signo) {
  return signo == SIGHUP || signo == SIGINT || signo == SIGQUIT || signo == SIGTSTP ||
         signo == SIGTTIN || signo == SIGTTOU;
}

/* Ignoring a signal also discards one that is pending because it is blocked. */
static void restore(int signo, const sigset_t *pending) {
  struct sigaction now;
  if (sigaction(signo, NULL, &now) < 0 || is_request(signo))
    return;
  bool stale = signo != SIGTERM && sigismember(pending, signo) == 1;
  if (stale)
    signal(signo, SIG_IGN);
  if (stale || now.sa_handler == SIG_IGN)
    signal(signo, SIG_DFL);
}

void signals_begin(void) {
  sigset_t pending, none;
  sigpending(&pending);
  for (int signo = 1; signo <= LAST_SIGNAL; signo++)
    restore(signo, &pending);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

void signals_survive_writes(void) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
}

void signals_hold_end(void) {
  sigset_t requests;
  sigemptyset(&requests);
  sigaddset(&requests, SIGINT);
  sigaddset(&requests, SIGHUP);
  sigaddset(&requests, SIGTERM);
  sigprocmask(SIG_BLOCK, &requests, NULL);
}

bool signals_same_request(uint64_t first_ns, uint64_t now_ns) {
  return now_ns - first_ns < SAME_REQUEST_NS;
}

bool signals_ignored(int signo) {
  struct sigaction now;
  return sigaction(signo, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}
