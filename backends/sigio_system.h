/* SPDX-License-Identifier: MIT */
/* sigio_system.h - what differs between systems for SIGIO: sigio_linux.c, sigio_bsd.c. */
#ifndef IOLOOP_SIGIO_SYSTEM_H
#define IOLOOP_SIGIO_SYSTEM_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* Raise SIGIO for this descriptor, to this thread where the system can, else to the process.
 * -ENOTTY: it cannot raise it (the flag does not stick). */
int ioloop__sigio_arm(int fd);

/* true where SIGIO can be sent to one thread, so that every thread may have such a loop. */
bool ioloop__sigio_per_thread(void);

/* `before` keeps the process's own handling of SIGIO. 0 or -errno. */
int ioloop__sigio_open(struct sigaction *before);
void ioloop__sigio_close(const struct sigaction *before);

/* Take a SIGIO, which is blocked in this thread, waiting up to timeout_ns. 1: taken. 0: none came.
 * -errno; -EINTR: another signal did. */
int ioloop__sigio_wait(uint64_t timeout_ns);

/* The system call that it makes. */
extern const char ioloop__sigio_wait_name[];

#endif
