/* SPDX-License-Identifier: MIT */
/* interrupt.c - see interrupt.h. */
#include "interrupt.h"

#include <stddef.h>
#include <string.h>

#include "../src/programs/signals.h"

static volatile sig_atomic_t seen;
static volatile sig_atomic_t *wanted;

static void note(int signo) {
  seen = signo;
  if (wanted)
    *wanted = 1;
}

void interrupt_watch(volatile sig_atomic_t *flag) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = note;
  /* No SA_RESTART: what waits shall look at the flag. */
  action.sa_flags = (int)SA_RESETHAND;
  sigemptyset(&action.sa_mask);
  wanted = flag;
  if (!signals_ignored(SIGINT))
    sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

bool interrupt_seen(void) {
  return seen != 0;
}

int interrupt_exit_code(void) {
  return 128 + seen;
}
