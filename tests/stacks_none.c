/* SPDX-License-Identifier: MIT */
/* stacks_none.c - stacks.h for systems whose threads cannot be listed and signalled from outside:
 * one stack, of whichever thread takes the signal, by the default action's core dump. */
#include "stacks.h"

#include <signal.h>
#include <stdio.h>

void stacks_prepare(atomic_int *answers) {
  (void)answers;
}

void stacks_dump(pid_t pid, int fd, atomic_int *answers, uint64_t limit_ns) {
  (void)answers, (void)limit_ns;
  dprintf(fd, "process %d stalls; its core dump has the stacks\n", (int)pid);
  kill(pid, SIGQUIT);
}
