/* SPDX-License-Identifier: MIT */
/*
 * program.h - the state that a program inherits (descriptors, signals), and how it is asked to end.
 *
 * The mask and ignored signals survive exec. A runtime that blocks everything in its threads, or a
 * supervisor that ignores SIGCHLD, would otherwise start a program that SIGTERM cannot end and that
 * is not notified when its workers end.
 */
#ifndef PROGRAMS_PROGRAM_H
#define PROGRAMS_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

struct ioloop;

/*
 * To be called first in main: repairs the state that a parent may have left, and takes the last
 * part of argv[0] as the name that messages begin with.
 *
 * Descriptors 0 to 2 are open afterwards, so that no socket ever takes the number of a closed
 * stdout; and stdout blocks, which stdio needs. If another process made it non-blocking, a pipe or
 * a terminal is opened a second time, because the flag of the shared file is not ours to clear.
 *
 * No signal is blocked, and ignored ones have their default action again, except those that are
 * ignored on purpose by convention: SIGHUP (nohup), SIGINT and SIGQUIT (a background job of a shell
 * without job control), and the three signals of job control stay ignored. So SIGTERM always ends
 * the program. Pending signals that were sent to the previous program before exec are discarded,
 * except those that ask a program to end.
 */
void program_begin(const char *argv0);

/* ---- descriptors ---------------------------------------------------------------------- */

/* Open a pipe or a terminal a second time for writing: non-blocking, close-on-exec, with flags of
 * its own. -EINVAL: neither of the two; -errno of open(2): another user's pipe, no /proc. */
int descriptors_reopen(int fd);

/* Raise the soft limit of descriptors to the hard one; failure does no harm. Returns the limit. The
 * soft one is often 1024 for the sake of programs that use FD_SET, which these programs do not. */
unsigned long long descriptors_raise_limit(void);

/* ---- signals -------------------------------------------------------------------------- */

/* A write that is impossible fails with EPIPE or EFBIG instead of ending the program. */
void signals_survive_writes(void);

/* Is this one of those that stay ignored? To be called before its disposition changes. */
bool signals_ignored(int signo);

/*
 * Is a request to end that came at `now_ns` the one of `first_ns` again? timeout(1) signals its
 * child and then the group that the child is in, a fraction of a millisecond apart. A second
 * request is one that comes at least a quarter of a second after the first. Async-signal-safe.
 */
bool signals_same_request(uint64_t first_ns, uint64_t now_ns);

/* These requests wait from now on: the end is not to be ended. */
void signals_hold_end(void);

/* Watch SIGINT and SIGHUP, unless they are ignored, and SIGTERM. 0 or -errno of
 * ioloop_add_signal. */
int signals_watch_end(struct ioloop *loop,
                      void (*on_end)(struct ioloop *loop, int signo, void *arg), void *arg);

#endif
