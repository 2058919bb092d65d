/* SPDX-License-Identifier: MIT */
/* sigio_wait.h - wait for a SIGIO that is blocked in this thread; see sigio_wait_*.c. */
#ifndef IOLOOP_SIGIO_WAIT_H
#define IOLOOP_SIGIO_WAIT_H

#include <signal.h>
#include <stdint.h>

/* `before` keeps the process's own handling of SIGIO. 0 or -errno. */
int ioloop__sigio_open(struct sigaction *before);
void ioloop__sigio_close(const struct sigaction *before);

/* Take a SIGIO, waiting up to timeout_ns. 1: taken. 0: none came. -errno; -EINTR: another signal
 * did. */
int ioloop__sigio_wait(uint64_t timeout_ns);

/* The system call that it makes. */
extern const char ioloop__sigio_wait_name[];

#endif
