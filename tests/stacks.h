/* SPDX-License-Identifier: MIT */
/*
 * stacks.h - prints the stack of every thread of a stalled test, for the watchdog of tap.c.
 *
 * On SIGQUIT a thread of the test writes its own stack. That works in containers without ptrace,
 * under valgrind and under the sanitizers. The stacks of threads that do not answer (the signal is
 * blocked, the C library has no backtrace()) are read by gdb, if there is one. io_uring's workers
 * are left out, because they have no stack.
 */
#ifndef STACKS_H
#define STACKS_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

/* In the test's process: make threads answer. `answers` is shared memory. */
void stacks_prepare(atomic_int *answers);

/* In the watchdog: write the stacks of all threads of `pid` to `fd`. A gdb that has not ended after
 * `limit_ns` is killed. */
void stacks_dump(pid_t pid, int fd, atomic_int *answers, uint64_t limit_ns);

#endif
