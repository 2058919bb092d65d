/* SPDX-License-Identifier: MIT */
/*
 * signals.h - resets the signals of a program, whatever its parent left blocked or ignored.
 *
 * The mask and ignored signals survive exec. A runtime that blocks everything in its threads, or a
 * supervisor that ignores SIGCHLD, would otherwise start a program that SIGTERM cannot end and that
 * is not notified when its workers end.
 */
#ifndef PROGRAMS_SIGNALS_H
#define PROGRAMS_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

struct ioloop;

/*
 * Unblock everything, and restore the default action of ignored signals, except those that are
 * ignored on purpose by convention: SIGHUP (nohup), SIGINT and SIGQUIT (a background job of a shell
 * without job control), and the three signals of job control stay ignored. So SIGTERM always ends
 * the program. Pending signals that were sent to the previous program before exec are discarded,
 * except those that ask a program to end.
 */
void signals_begin(void);

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
