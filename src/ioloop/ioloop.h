/* SPDX-License-Identifier: MIT */
/*
 * ioloop.h - one event loop, every I/O model behind it.
 *
 * A loop watches file descriptors, timers, signals and other threads, and calls functions.
 * The I/O model - select, poll, epoll, SIGIO, real-time signals, io_uring, libevent - is chosen
 * by name when the loop is made, and does not change this contract.
 *
 * Conventions
 *   errors      0 or a count on success, -errno on failure. A result comes through the
 *               parameter `ret`, which is untouched on failure.
 *   functions   a callback that is NULL gives -EINVAL, unless NULL is said to have a meaning.
 *   times       uint64_t nanoseconds of CLOCK_MONOTONIC. A timeout never fires early.
 *   threads     a loop is run by any one thread at a time. While it runs, call its functions from
 *               that thread; else from any, one at a time. Those marked "any thread" may always
 *               be called; "signal-safe": also from a signal handler. A thread may have many loops.
 *   fork        a loop does not survive fork. In the child, on an inherited loop, every function
 *               returns -ECHILD or does nothing. None waits, and none touches anything that the
 *               parent uses, whatever the parent's other threads were doing at the fork. A
 *               callback that forks may return in the child: ioloop_start and ioloop_run_once
 *               then call nothing more and return -ECHILD. ioloop_free() releases the child's
 *               copy (inside a callback: once that run has returned; not the memory, if another
 *               thread ran the loop last, or made it). The child can make a loop of its own. A
 *               signal that the parent watches does nothing in the child, until ioloop_free or exec.
 *   exceptions  a C++ exception, or the end of its thread (pthread_exit, pthread_cancel), may
 *               pass through a running loop, which can be run again and freed after that (but
 *               see stream.h). The next iteration calls what was due and not called. A periodic
 *               timeout goes on; an ioloop_stop of that run has had its effect. pthread_cancel
 *               ends a thread that waits, except under io_uring: there ioloop_stop wakes it.
 *   structs     what the program fills begins with `size`, set to sizeof; a result is followed by
 *               the size of its struct. Members are only added at the end. What an older program
 *               does not know is 0. A newer one gets -E2BIG for members that this library does
 *               not know and that are not 0, and 0 in results.
 *   ownership   the loop never closes a descriptor and never frees an `arg`.
 *   logging     none. The library does not print, does not exit, and does not read the
 *               environment (except in ioloop_backend_from_env, which is documented to).
 *
 * One iteration, in this order:
 *
 *      +-> callbacks -> timeouts -> flush changed masks -> wait -> handlers -+
 *      +---------------------------------------------------------------------+
 *
 * Each phase runs what was queued when it began. What a phase adds to itself runs in the next
 * iteration, so that no phase starves another. The wait does not block while a callback is
 * queued, and never past the earliest timeout.
 */
#ifndef IOLOOP_H
#define IOLOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* Of this header; ioloop_version() returns that of the library. */
#define IOLOOP_VERSION "0.2.0"

/* Nanoseconds, as all times are. */
#define IOLOOP_MILLISECOND UINT64_C(1000000)
#define IOLOOP_SECOND      UINT64_C(1000000000)
/* "No deadline": as a timeout of ioloop_run_once and in observers. */
#define IOLOOP_FOREVER UINT64_MAX

/*
 * Events, as in Tornado. READ means that a read will not block: there is data, end of file,
 * or an error to collect. WRITE means the same for a write. When a descriptor fails or hangs up,
 * every event asked for is reported, so that the next read or write returns the reason.
 * ERROR is a hint in addition to that; some models cannot report it (select), and no program
 * needs it.
 * Two exceptions, in ioloop-backends(7): select and libevent:select do not report each hang-up to a
 * descriptor that is watched for WRITE; epoll, epoll-et, io_uring and libevent on epoll do not
 * notice that a pty becomes writable in the background. Linux reports a socket as failed as long as
 * its error queue is not empty (IP_RECVERR, SO_TIMESTAMPING, MSG_ZEROCOPY): a handler must empty it
 * (recvmsg with MSG_ERRQUEUE), or it is called again and again. Streams and datagram sockets do so.
 */
enum {
  IOLOOP_READ = 0x01,
  IOLOOP_WRITE = 0x04,
  IOLOOP_ERROR = 0x18,
};

struct ioloop;

typedef void ioloop_handler_fn(struct ioloop *loop, int fd, unsigned events, void *arg);
typedef void ioloop_callback_fn(struct ioloop *loop, void *arg);
typedef void ioloop_signal_fn(struct ioloop *loop, int signo, void *arg);
typedef void ioloop_child_fn(struct ioloop *loop, pid_t pid, int status, void *arg);

/* A timeout's handle: a value. Once the timeout has fired or was removed, the handle is stale: it
 * gives -ENOENT and never refers to a later timeout. No timeout has the handle 0. */
typedef uint64_t ioloop_timeout;

/* The version of the library at run time, "0.2.0"; static. Any thread, signal-safe. */
const char *ioloop_version(void);

/* ---- making and running ------------------------------------------------------------- */

/*
 * Make a loop on the named backend ("epoll", "libevent:poll"); NULL takes the best one available
 * (ioloop_backend_default). There is no substitution: an unavailable backend is an error.
 *   -EINVAL  no backend has that name ("blocking" is a model of the server, and has no loop)
 *   -ENOSYS  not built in, or the kernel lacks it
 *   -EPERM   the kernel refuses it here (seccomp, sysctl)
 *   -ENOSPC  rtsig: no real-time signal is left in this thread; -EMFILE, -ENFILE, -ENOMEM
 * ioloop_backend_probe returns the reason in words. Under io_uring both may block for up to 0.5 s,
 * before -ENOMEM: the kernel gives back the memory of a freed ring a moment later (RLIMIT_MEMLOCK).
 *
 * A loop of sigio or rtsig keeps SIGIO, and rtsig a real-time signal as well, blocked in the thread
 * that runs it, until the loop is freed, or run by another thread (ioloop-backends(7)). A blocked
 * signal stays blocked across exec: give a program that this thread spawns a mask of its own,
 *     sigemptyset(&none), posix_spawnattr_setsigmask(&attributes, &none);
 *     posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
 * or call ioloop_free on the copy between fork and exec. (system and popen do neither: let another
 * thread call them.) Such a loop sets O_ASYNC on each descriptor that it watches, and makes that
 * thread its owner. Both belong to the file, which dups and other processes share; both are left
 * alone where they were already set. Removing the handler resets O_ASYNC and the signal (F_SETSIG),
 * but not the owner.
 */
int ioloop_new(const char *backend, struct ioloop **ret);

/* Free the loop and everything registered; no descriptor is closed. NULL is allowed.
 * -EBUSY: the loop is running; nothing was freed. */
int ioloop_free(struct ioloop *loop);

/*
 * Run until ioloop_stop. An empty loop waits, as Tornado's does. Each stop ends one run: the current
 * one, otherwise the next ioloop_start or ioloop_run_once, which then runs nothing.
 *   -EBUSY   it is running already, perhaps in another thread (sigio, not on Linux: or one has one)
 *   -EPERM   io_uring: in another thread's run streams began operations; until that thread has
 *            closed them, only it can go on. -ENOSPC, -EMFILE, -ENFILE, -ENOMEM: in a new thread
 *   -ECHILD  the loop was made before a fork
 * Any other error comes from the system call that waits, and would occur again. Where the kernel
 * is only short of memory, the loop goes on: it waits again 10 ms later.
 */
int ioloop_start(struct ioloop *loop);

/* End ioloop_start after the current iteration. Several stops of one run count as one. Any thread,
 * signal-safe. */
void ioloop_stop(struct ioloop *loop);

/*
 * Run one iteration. It waits up to `timeout_ns` (0: do not wait, IOLOOP_FOREVER: no limit; under
 * nonblocking it never waits), and does not wait if it called a callback or a timeout first, or
 * after an ioloop_stop.
 * Returns the number of handlers, callbacks and timeouts called, or an error of ioloop_start.
 */
int ioloop_run_once(struct ioloop *loop, uint64_t timeout_ns);

/* Now, on the clock of the timeouts. Reads the clock. Any thread, signal-safe. */
uint64_t ioloop_time(const struct ioloop *loop);

/*
 * Bounded spin: after a wait that reported something, poll again without blocking for up to
 * `spin_ns` before the next wait that blocks; 0, the default, is off and costs nothing. Spinning
 * saves the wake-up where the next event is near. It keeps one core busy for that time after each
 * burst of work, and is harmful where there is no core to spare. Everything is noticed while the
 * loop spins. The time counts as idle (metrics.idle_ns). Takes effect at the next wait. -ECHILD.
 */
int ioloop_set_spin(struct ioloop *loop, uint64_t spin_ns);

/* ---- descriptors -------------------------------------------------------------------- */

/*
 * Call handler(loop, fd, events, arg) whenever `fd` is ready for one of `events`: READ, WRITE,
 * both, or 0 to watch nothing yet. Level-triggered under every backend: readiness that is not
 * consumed is reported again. Readiness may be spurious: use non-blocking descriptors.
 *
 * A handler may do anything: add, update, remove (itself or others of the same batch), close
 * descriptors and reuse their numbers, stop the loop.
 *
 *   -EBADF   not an open descriptor
 *   -EEXIST  has a handler (it may belong to a descriptor that was closed without remove)
 *   -EPERM   a kind that is always ready and that no model can wait for: regular file, directory,
 *            /dev/null. (Some of Linux's can be waited for, such as /proc/self/mounts: accepted.)
 *   -EINVAL  events other than READ and WRITE; no handler
 *   -ENOSPC, -ENOMEM, -ECHILD
 *
 * Closing a descriptor without removing it first is a mistake of the program that the loop
 * tolerates: it drops the registration when it notices (metrics.abandoned), it does not spin, and
 * a handler that is registered later for the same number gets only its own events. The loop
 * notices when the kernel reports a closed number, or refuses to change the events of a number
 * that has become another file's; from then on update and remove return -ENOENT.
 * Under io_uring a pending poll request holds the file. A descriptor that is closed outside its own
 * handler then stays open in the kernel: its peer sees no end and its port is not freed until the
 * descriptor becomes ready once more, is removed, or the loop is freed.
 */
int ioloop_add_handler(struct ioloop *loop, int fd, unsigned events, ioloop_handler_fn *handler,
                       void *arg);

/*
 * Change the events. Takes effect at the next wait; any number of changes before it cost one
 * system call, or none where they cancel out. With 0 the handler stays and nothing is watched.
 * Where the kernel is short of memory for the change, nothing is watched until it has some: the
 * loop tries again every 10 ms. An update to the same events makes the backend check the descriptor
 * again: needed after the program's own shutdown() of it, which no signal announces.
 *   -ENOENT  no handler; -EINVAL; -ECHILD
 *   the errors of add, where the mask was 0 and becomes another
 */
int ioloop_update_handler(struct ioloop *loop, int fd, unsigned events);

/* Change events, handler and argument while the descriptor stays registered. Cheaper than remove
 * and add, which cost one system call each under some models. Errors as ioloop_update_handler. */
int ioloop_replace_handler(struct ioloop *loop, int fd, unsigned events, ioloop_handler_fn *handler,
                           void *arg);

/* The handler is not called again, not even for an event of the current batch, and `fd` may be
 * closed at once. -ENOENT: no handler. -ECHILD. */
int ioloop_remove_handler(struct ioloop *loop, int fd);

/* ---- callbacks ---------------------------------------------------------------------- */

/* Call fn(loop, arg) in the first phase of the next iteration. Callbacks run in the order in which
 * they were added. -ENOMEM, -ECHILD. */
int ioloop_add_callback(struct ioloop *loop, ioloop_callback_fn *fn, void *arg);

/* The same from any thread, an iteration later at most: wakes the loop. Each thread's order is kept.
 * -ENOMEM, -ECHILD. */
int ioloop_add_callback_threadsafe(struct ioloop *loop, ioloop_callback_fn *fn, void *arg);

/* The same from a signal handler (signal-safe, any thread). -EAGAIN: 256 such callbacks are queued
 * already. -ECHILD. */
int ioloop_add_callback_from_signal(struct ioloop *loop, ioloop_callback_fn *fn, void *arg);

/* ---- timeouts ----------------------------------------------------------------------- */

/*
 * Call fn(loop, arg) once, `delay_ns` from now or at `deadline_ns`. Timeouts are called in the
 * order of their deadlines, equal ones in the order in which they were added. `ret` may be NULL. A
 * deadline in the past fires in the next timeout phase; a delay beyond the end of the clock never
 * fires. -ENOMEM, -ECHILD.
 */
int ioloop_call_later(struct ioloop *loop, uint64_t delay_ns, ioloop_callback_fn *fn, void *arg,
                      ioloop_timeout *ret);
int ioloop_call_at(struct ioloop *loop, uint64_t deadline_ns, ioloop_callback_fn *fn, void *arg,
                   ioloop_timeout *ret);

/*
 * Call fn every `period_ns` (> 0: else -EINVAL), first one period from now. A call that is missed
 * because the loop was busy is skipped; the phase is kept. Ends with ioloop_remove_timeout, also
 * from inside fn. -ENOMEM, -ECHILD.
 */
int ioloop_call_every(struct ioloop *loop, uint64_t period_ns, ioloop_callback_fn *fn, void *arg,
                      ioloop_timeout *ret);

/* Move a timeout that has not fired to another deadline; cheaper than remove and call_at. A
 * periodic callback may be moved from inside its own function. -ENOENT: fired or removed. In a
 * forked child this and the next function change only the child's copy, which calls nothing. */
int ioloop_update_timeout(struct ioloop *loop, ioloop_timeout timeout, uint64_t deadline_ns);

/* -ENOENT: fired, being called, or removed already. */
int ioloop_remove_timeout(struct ioloop *loop, ioloop_timeout timeout);

/* ---- signals ------------------------------------------------------------------------ */

/*
 * Call handler(loop, signo, arg) in the loop, after the callbacks, once `signo` has arrived.
 * Arrivals coalesce; none is lost, and none needs memory. While any loop watches the signal, the
 * library replaces the process's disposition (SA_RESTART, SA_ONSTACK), and restores it afterwards.
 * Several loops may watch the same signal: each calls its handler. A handler is not called for a
 * signal that arrived before it was added, even where it replaces another handler that had not
 * been called for that signal yet. A blocked signal does not arrive: the mask, which a program
 * inherits, is left to the program.
 *   -EINVAL  not a signal that can be caught, or one that this backend uses itself; or SIGSEGV,
 *            SIGBUS, SIGFPE, SIGILL: a thread that caused such a fault never returns to the loop
 *   -EEXIST  this loop watches it already
 *   -ENOSPC  16 loops watch it already
 *   -ENOMEM, -ECHILD
 */
int ioloop_add_signal(struct ioloop *loop, int signo, ioloop_signal_fn *handler, void *arg);

/* -ENOENT: not watched by this loop. -ECHILD. */
int ioloop_remove_signal(struct ioloop *loop, int signo);

/* ---- child processes ------------------------------------------------------------------ */

/*
 * Call fn(loop, pid, status, arg) once, in the loop, when the child process `pid` has ended, and
 * reap it. `status` is waitpid's, or -1 if something else has reaped it (a wait elsewhere, or
 * SIGCHLD is ignored). Linux has a descriptor for it (pidfd, 5.3); elsewhere SIGCHLD is watched,
 * alongside the program's own watcher, and must not be blocked. Other children are left alone.
 * -EINVAL: pid <= 0. -ESRCH: not a child of this process. -EEXIST: watched by this loop. Others as
 * ioloop_add_signal.
 */
int ioloop_add_child(struct ioloop *loop, pid_t pid, ioloop_child_fn *fn, void *arg);

/* fn is not called, and the child is left to the program. -ENOENT: not watched. -ECHILD. */
int ioloop_remove_child(struct ioloop *loop, pid_t pid);

/* ---- backends ----------------------------------------------------------------------- */

enum {
  IOLOOP_F_SCALES = 1 << 0,        /* a wait costs O(ready), not O(registered) */
  IOLOOP_F_NS_TIMEOUT = 1 << 1,    /* waits to the nanosecond; else rounded up to 1 us or 1 ms */
  IOLOOP_F_SIGNAL_DRIVEN = 1 << 2, /* the kernel announces readiness by a signal */
  IOLOOP_F_COMPLETION = 1 << 3,    /* streams are served by completion, not readiness */
};

struct ioloop_backend_info {
  const char *name;  /* "rtsig"; static */
  const char *model; /* the I/O model in Stevens' terms: "signal-driven"; static */
  unsigned features; /* IOLOOP_F_* */
  int error;         /* 0: available; else the -errno of ioloop_new */
  char reason[160];  /* why not, in words; empty when available */
};

/* The index-th backend that this library knows, built in or not, best first. The last is
 * "blocking", the model that has no loop (error -EINVAL). -ENOENT: index is past the last. Any
 * thread. */
int ioloop_backend_at(size_t index, struct ioloop_backend_info *ret, size_t size);

/* The backend of that name, including variants such as "libevent:poll". -EINVAL: unknown, or
 * "blocking"; ret->reason then lists the known names, or says why (the only case in which ret is
 * written on failure). */
int ioloop_backend_probe(const char *name, struct ioloop_backend_info *ret, size_t size);

/* The name of the first available backend. Never NULL: poll is always there. */
const char *ioloop_backend_default(void);

/* The environment's IOLOOP_BACKEND, or NULL where it is unset or empty. */
const char *ioloop_backend_from_env(void);

/* The backend of this loop: the name as it was passed to ioloop_new. */
const char *ioloop_backend_name(const struct ioloop *loop);
unsigned ioloop_backend_features(const struct ioloop *loop);

/* ---- watching the loop -------------------------------------------------------------- */

struct ioloop_metrics {
  uint64_t wakeups;    /* waits that reported something */
  uint64_t iterations; /* of the loop */
  uint64_t events;     /* descriptors reported by waits */
  uint64_t spurious;   /* of those, reported without an event that was asked for */
  uint64_t stale;      /* of those, meant for a registration that no longer existed */
  uint64_t callbacks;  /* callbacks called, signals' included */
  uint64_t timeouts;   /* timeouts called */
  uint64_t modifies;   /* changes of interest that reached the backend */
  uint64_t rebuilds;   /* kernel sets rebuilt because of a descriptor's ghost */
  uint64_t abandoned;  /* registrations dropped because their descriptor was closed */
  uint64_t signals;    /* SIGIO and rt signals taken by a signal-driven backend */
  uint64_t overflows;  /* of the rt signal queue, or of io_uring's completion ring */
  uint64_t starved;    /* receives of io_uring that had to wait for a buffer */
  uint64_t rescues;    /* ready descriptors found only by the safety scan: should be 0 */
  /* With ioloop_set_spin, else 0: */
  uint64_t spins;     /* polls while spinning */
  uint64_t spin_hits; /* of those, polls that found something: each saved a wait that blocks */
  /* With ioloop_set_timing on, else 0: */
  uint64_t busy_ns;            /* outside the wait */
  uint64_t idle_ns;            /* inside it */
  uint64_t longest_handler_ns; /* of handlers, callbacks and timeouts */
};

void ioloop_get_metrics(const struct ioloop *loop, struct ioloop_metrics *ret, size_t size);

/* Measure the three times above. Costs two clock reads per handler; off by default. */
void ioloop_set_timing(struct ioloop *loop, bool on);

/*
 * Hooks for traces, debuggers and lectures. Any may be NULL. Without an observer, the loop runs a
 * dispatch path without hooks. Hooks must not change the loop.
 */
enum ioloop_call {
  IOLOOP_CALL_HANDLER = 'h', /* fd: the descriptor */
  IOLOOP_CALL_CALLBACK = 'c',
  IOLOOP_CALL_TIMEOUT = 't',
  IOLOOP_CALL_SIGNAL = 's', /* a signal's handler; fd: the signal's number */
};

struct ioloop_observer {
  size_t size; /* of this struct */
  void (*wait_begin)(void *arg, uint64_t timeout_ns);
  void (*wait_end)(void *arg, int ready_count);

  /*
   * A system call to wait, accept, receive or send has returned. It was made by the loop's backend,
   * or by a stream, tcpserver or datagram socket of the loop. `name`: as in the manual, static;
   * `fd`: -1 where the call has none; `result`: what the call returned, or -errno. Not reported:
   * calls of the program in its own handlers, and those of libevent inside event_base_loop.
   */
  void (*system_call)(void *arg, const char *name, int fd, ptrdiff_t result, uint64_t begun_ns,
                      uint64_t duration_ns);
  /*
   * The completion model (io_uring). submitted: an operation of `size` bytes (0: as many as arrive)
   * was put into the submission ring. completed: its result, as the system call's result or -errno;
   * with `more` the operation goes on. Operations have the names of the system calls.
   */
  void (*submitted)(void *arg, const char *operation, int fd, size_t size);
  void (*completed)(void *arg, const char *operation, int fd, int result, bool more);

  /* A signal of signal-driven I/O was dequeued; fd -1 and band 0 where the signal carries neither.
   * `queued`: the number of signals known to be pending at that moment, this one included. */
  void (*signal_received)(void *arg, int signo, int fd, int band, unsigned queued);
  /* The signal queue or io_uring's completion ring was full (metrics.overflows). */
  void (*overflow)(void *arg);
  /* The safety scan found `count` ready descriptors that no signal announced (metrics.rescues). */
  void (*rescue)(void *arg, uint64_t count);

  void (*ready)(void *arg, int fd, unsigned events);
  void (*call_begin)(void *arg, enum ioloop_call what, int fd, unsigned events);
  void (*call_end)(void *arg, enum ioloop_call what, int fd, uint64_t duration_ns);
  void (*slow)(void *arg, enum ioloop_call what, int fd, uint64_t duration_ns);
  uint64_t slow_ns; /* calls longer than this are `slow`; Tornado's debug mode; 0: none */
};

/* Set the observer, which is copied; NULL removes it. Takes effect at the next iteration. An
 * observer set during a call, a wait or an operation does not get its end. -EINVAL: the size is
 * none. -E2BIG: a hook that this version does not have is set. */
int ioloop_set_observer(struct ioloop *loop, const struct ioloop_observer *observer, void *arg);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
