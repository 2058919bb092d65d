/* SPDX-License-Identifier: MIT */
/*
 * backoff.c - see backoff.h. The first failure is repaired at once; a process that dies on every
 * start must not keep a processor busy.
 */
#include "backoff.h"

uint64_t backoff_delay(struct backoff *backoff, uint64_t lived_ns) {
  uint64_t delay_ns = lived_ns >= BACKOFF_WELL_NS ? 0 : backoff->next_ns;
  uint64_t next_ns = delay_ns ? 2 * delay_ns : BACKOFF_FIRST_NS;
  backoff->next_ns = next_ns < BACKOFF_MOST_NS ? next_ns : BACKOFF_MOST_NS;
  return delay_ns;
}
