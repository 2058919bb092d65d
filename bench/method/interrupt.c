/* SPDX-License-Identifier: MIT */
/* interrupt.c - see interrupt.h. */
#include "interrupt.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/program.h"

static volatile sig_atomic_t seen;
static volatile sig_atomic_t *wanted;

/* Only here is `first_ns` touched, and no handler interrupts another. A raised signal comes when
 * this one returns. */
static void note(int signo) {
  static uint64_t first_ns;
  if (seen && !signals_same_request(first_ns, clock_ns(CLOCK_MONOTONIC))) {
    signal(signo, SIG_DFL);
    raise(signo);
  }
  if (seen)
    return;
  first_ns = clock_ns(CLOCK_MONOTONIC);
  seen = signo;
  if (wanted)
    *wanted = 1;
}

void interrupt_watch(volatile sig_atomic_t *flag) {
  static const int requests[] = {SIGINT, SIGHUP, SIGTERM};
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = note;
  /* No SA_RESTART: blocking calls must return so that the flag is checked. */
  sigfillset(&action.sa_mask);
  wanted = flag;
  for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++)
    if (!signals_ignored(requests[i]))
      sigaction(requests[i], &action, NULL);
  if (seen && flag)
    *flag = 1;
}

bool interrupt_seen(void) {
  return seen != 0;
}

int interrupt_exit_code(void) {
  return 128 + seen;
}
