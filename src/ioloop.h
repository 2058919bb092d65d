/* SPDX-License-Identifier: MIT */
/*
 * ioloop.h - one event loop, every I/O model behind it.
 *
 * A loop watches file descriptors, timers, signals and other threads, and calls back.
 * How it watches - select, poll, epoll, SIGIO, real-time signals, io_uring, libevent - is chosen
 * by name when the loop is made, and changes nothing in this contract.
 *
 * Conventions
 *   errors      0 or a count on success, -errno on failure. A result comes through the
 *               last parameter, `ret`, which is untouched on failure.
 *   times       uint64_t nanoseconds of CLOCK_MONOTONIC. A timeout never fires early.
 *   threads     a loop belongs to the thread that made it. Only the functions marked
 *               "any thread" may be called from another; those marked "signal-safe" also
 *               from a signal handler. Any number of loops may live in a process.
 *   fork        a loop does not survive fork. In the child, whatever the parent's other threads
 *               were doing, no function touches what the parent uses, or waits: on a loop that
 *               was inherited it returns -ECHILD, or does nothing. A callback that forks may
 *               return in the child: ioloop_start and ioloop_run_once then call nothing more
 *               and return -ECHILD. ioloop_free() releases the child's copy (inside a callback:
 *               when that run has returned; of a loop that another thread made, the memory is
 *               left alone), and the child makes a loop of its own. A signal that the parent
 *               watches does nothing in the child, until ioloop_free or exec.
 *   exceptions  a C++ exception, or the end of its thread (pthread_exit, pthread_cancel), may
 *               pass through a loop that runs. The loop can be run again and freed after that.
 *               What was left of the turn is called in the next: callbacks and timeouts that
 *               were due, descriptors that are ready still. A periodic timeout goes on. An
 *               ioloop_stop of that run has done its work. Not so in callbacks of iostream.h: see
 *               there. pthread_cancel ends a thread that waits in its loop, but under io_uring,
 *               whose wait is no cancellation point: ioloop_stop wakes it.
 *   ownership   the loop never closes a descriptor and never frees an `arg`.
 *   logging     none. The library neither prints, nor exits, nor reads the environment
 *               (but for ioloop_backend_from_env, which says so).
 *
 * One iteration, in this order:
 *
 *      +-> callbacks -> timeouts -> flush changed masks -> wait -> handlers -+
 *      +---------------------------------------------------------------------+
 *
 * Each phase runs what was there when it began. What a phase adds to itself waits for the
 * next iteration, so that nothing starves anything else. The wait does not block while a
 * callback is queued, and not past the earliest timeout.
 */
#ifndef IOLOOP_H
#define IOLOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

#define IOLOOP_VERSION "0.1.0"

/* "No deadline": as a timeout of ioloop_run_once and in observers. */
#define IOLOOP_FOREVER UINT64_MAX

/*
 * Events, as in Tornado. READ means that a read will not block: there is data, end of file,
 * or an error to collect; WRITE the same of a write. When a descriptor fails or hangs up,
 * every event asked for is reported, so that the next read or write says what happened.
 * ERROR is a hint on top of that; some models cannot give it (select), and nobody needs it.
 * Two exceptions: select does not report a hang-up to a descriptor that is watched for WRITE only,
 * unless writing would not block, and reports the end of a pipe whose writers are gone for READ
 * only, if its read end is watched for WRITE too (so does libevent:select); epoll, libevent's too,
 * misses that a pty becomes writable when the kernel moves its output on in the background
 * (ioloop-backends(7)). Linux reports a socket as failed as long as its error queue holds anything
 * (IP_RECVERR, SO_TIMESTAMPING, MSG_ZEROCOPY): a handler that asks for these must fetch it (recvmsg
 * with MSG_ERRQUEUE), or it is called again and again. Streams and datagram sockets do so.
 */
enum {
  IOLOOP_READ = 0x01,
  IOLOOP_WRITE = 0x04,
  IOLOOP_ERROR = 0x18,
};

struct ioloop;

typedef void ioloop_handler(struct ioloop *loop, int fd, unsigned events, void *arg);
typedef void ioloop_callback(struct ioloop *loop, void *arg);
typedef void ioloop_signal_handler(struct ioloop *loop, int signo, void *arg);

/* A timeout's handle: a value. Once the timeout has fired or was removed the handle is
 * stale, gives -ENOENT and never touches a later timeout. 0 is no timeout's handle. */
typedef uint64_t ioloop_timeout;

/* ---- making and running ------------------------------------------------------------- */

/*
 * Make a loop on the named backend ("epoll", "libevent:poll"); NULL takes the best one here
 * (ioloop_backend_default). There is no substitution: a name that cannot be had fails.
 *   -EINVAL  no backend has that name ("blocking" is a model of the server, and has no loop)
 *   -ENOSYS  not built in, or the kernel lacks it
 *   -EPERM   the kernel refuses it here (seccomp, sysctl)
 *   -EBUSY   the model allows one loop a thread, and this thread has one (sigio, rtsig)
 *   -EMFILE, -ENFILE, -ENOMEM
 * ioloop_backend_probe says the reason in words.
 *
 * A loop of sigio or rtsig keeps SIGIO, and rtsig a real-time signal as well, blocked in its thread
 * as long as it lives. A blocked signal stays so across exec: give a program that this thread
 * spawns a mask of its own, sigemptyset(&none), posix_spawnattr_setsigmask(&attributes, &none);
 *     posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
 * or, between fork and exec, ioloop_free the copy. (system and popen do neither: another thread may
 * call them.) A descriptor that such a loop watches has O_ASYNC set, and this thread as its owner,
 * in the file that it shares with dups and other processes; both are left alone where somebody has
 * set them before. O_ASYNC and the signal (F_SETSIG) are taken back at remove, the owner is not.
 */
int ioloop_new(const char *backend, struct ioloop **ret);

/* Free the loop and everything registered; no descriptor is closed. NULL is fine.
 * -EBUSY: the loop is running; nothing happened. */
int ioloop_free(struct ioloop *loop);

/*
 * Run until ioloop_stop. An empty loop waits, as Tornado's does. A stop that came before
 * the start is not lost: the start returns at once, having run nothing. Each stop ends one run:
 * the one under way, else the next ioloop_start, or ioloop_run_once, whichever comes first.
 *   -EBUSY   it is running already (called from a handler)
 *   -EPERM   called from a thread that did not make the loop
 *   -ECHILD  the loop was made before a fork
 * Any other error is one of the call that waits, and would come again. Where the kernel is only
 * short of memory the loop goes on: it waits again 10 ms later.
 */
int ioloop_start(struct ioloop *loop);

/* End ioloop_start after the iteration under way. Several stops of one run count once. Any thread,
 * signal-safe. */
void ioloop_stop(struct ioloop *loop);

/*
 * One iteration, waiting `timeout_ns` at most (0: do not wait, IOLOOP_FOREVER: no limit), and not
 * at all when it has called a callback or a timeout before the wait, or after an ioloop_stop.
 * Returns how many handlers, callbacks and timeouts were called, or as ioloop_start.
 */
int ioloop_run_once(struct ioloop *loop, uint64_t timeout_ns);

/* Now, on the clock of the timeouts. Reads the clock. Any thread, signal-safe. */
uint64_t ioloop_time(const struct ioloop *loop);

/*
 * Bounded spin: after a wait that found something, look again without waiting for up to `spin_ns`
 * before blocking; 0, the default, is off, and costs nothing. Saves the wake-up where the next
 * event is near: with one peer that asks again when it has its answer, most of the time of a
 * request. Costs a core that is busy for that long after each burst of work; useless, even harmful
 * where there is none to spare. Timeouts, callbacks of other threads, signals and stop are seen
 * while it looks. Time spent looking counts as idle (metrics.idle_ns).
 * Works under every backend: all can be asked without waiting. From the next wait on. -ECHILD.
 */
int ioloop_set_spin(struct ioloop *loop, uint64_t spin_ns);

/* ---- descriptors -------------------------------------------------------------------- */

/*
 * Call handler(loop, fd, events, arg) whenever `fd` is ready for one of `events`: of READ
 * and WRITE one, both, or 0 to watch nothing yet. Level-triggered under every backend: what
 * is not consumed is reported again. Readiness may be spurious: use non-blocking descriptors.
 *
 * A handler may do anything: add, update, remove (itself or others of the same batch), close
 * descriptors and reuse their numbers, stop the loop.
 *
 *   -EBADF   not an open descriptor
 *   -EEXIST  has a handler (it may belong to a descriptor that was closed without remove)
 *   -EPERM   a kind that is always ready and no model can wait for: regular file, directory,
 *            /dev/null. (Linux has regular files that can be waited for, as /proc/self/mounts, and
 *            they are accepted. Most are always readable all the same.)
 *   -EINVAL  events other than READ and WRITE; no handler
 *   -ENOSPC, -ENOMEM, -ECHILD
 *
 * Closing a descriptor without removing it first is the program's mistake, and survived: the
 * registration is dropped when the loop notices (metrics.abandoned), nothing spins, and a
 * handler that is registered later for the same number gets that number's events only. The loop
 * notices when the kernel reports a closed number, or refuses to change the events of one that
 * is another file's by then; update and remove return -ENOENT from then on.
 * Under io_uring a pending poll request holds the file. Closed outside of its own handler, such a
 * descriptor stays open in the kernel: its peer sees no end and its port is not freed, until it
 * becomes ready once more, or is removed, or the loop is freed. (In its own handler nothing is
 * pending, and close is the end.)
 */
int ioloop_add_handler(struct ioloop *loop, int fd, unsigned events, ioloop_handler *handler,
                       void *arg);

/*
 * Change the events. Takes effect at the next wait; any number of changes before it cost one
 * system call, or none where they cancel out. With 0 the handler stays and nothing is
 * watched.
 * Where the kernel is short of memory for the change, nothing is watched until it has some: the
 * loop tries again every 10 ms.
 * An update to the same events asks for another look. It is needed after one's own shutdown() of
 * the descriptor: signal-driven models are told what peers do, not what the process does itself.
 *   -ENOENT  no handler; -EINVAL; -ECHILD
 *   the errors of add, where the mask was 0 and becomes another
 */
int ioloop_update_handler(struct ioloop *loop, int fd, unsigned events);

/* Change events, handler and argument without giving the descriptor up: cheaper than remove and
 * add, which are a system call each under some models. As update. */
int ioloop_replace_handler(struct ioloop *loop, int fd, unsigned events, ioloop_handler *handler,
                           void *arg);

/* The handler is not called again, not even for an event of the batch under way, and `fd`
 * may be closed at once. -ENOENT: no handler. -ECHILD. */
int ioloop_remove_handler(struct ioloop *loop, int fd);

/* ---- callbacks ---------------------------------------------------------------------- */

/* Call fn(loop, arg) in the next iteration's first phase; in order of adding. -ENOMEM, -ECHILD. */
int ioloop_add_callback(struct ioloop *loop, ioloop_callback *fn, void *arg);

/* The same from any thread; wakes the loop. The order of each thread's calls is kept.
 * -ENOMEM, -ECHILD. */
int ioloop_add_callback_threadsafe(struct ioloop *loop, ioloop_callback *fn, void *arg);

/* The same from a signal handler (signal-safe, any thread). -EAGAIN: 256 such callbacks are
 * already waiting for the loop. -ECHILD. */
int ioloop_add_callback_from_signal(struct ioloop *loop, ioloop_callback *fn, void *arg);

/* ---- timeouts ----------------------------------------------------------------------- */

/*
 * Call fn(loop, arg) once, `delay_ns` from now or at `deadline_ns`; in order of deadline,
 * ties in order of adding. `ret` may be NULL. A deadline in the past fires in the next
 * timeout phase; a delay that passes the end of the clock never fires. -ENOMEM, -ECHILD.
 */
int ioloop_call_later(struct ioloop *loop, uint64_t delay_ns, ioloop_callback *fn, void *arg,
                      ioloop_timeout *ret);
int ioloop_call_at(struct ioloop *loop, uint64_t deadline_ns, ioloop_callback *fn, void *arg,
                   ioloop_timeout *ret);

/*
 * Call fn every `period_ns` (> 0: else -EINVAL), first one period from now. A turn that is
 * missed because the loop was busy is skipped, not made up for; the phase is kept, as with
 * Tornado's PeriodicCallback. Ends with ioloop_remove_timeout, also from inside fn. -ENOMEM,
 * -ECHILD.
 */
int ioloop_call_every(struct ioloop *loop, uint64_t period_ns, ioloop_callback *fn, void *arg,
                      ioloop_timeout *ret);

/* Move a timeout that has not fired to another deadline; cheaper than remove and call_at.
 * Inside its own function a periodic callback may be moved. -ENOENT: fired or removed. In a
 * forked child this and the next only change the child's copy, which calls nothing. */
int ioloop_update_timeout(struct ioloop *loop, ioloop_timeout timeout, uint64_t deadline_ns);

/* -ENOENT: fired, being called, or removed already. */
int ioloop_remove_timeout(struct ioloop *loop, ioloop_timeout timeout);

/* ---- signals ------------------------------------------------------------------------ */

/*
 * Call handler(loop, signo, arg) in the loop, after the callbacks, once `signo` arrived. Arrivals
 * coalesce; none is lost, and none needs memory. The process's disposition is taken over while any
 * loop watches the signal (SA_RESTART, SA_ONSTACK) and put back afterwards. Several loops may watch
 * the same signal: each calls its handler. One that arrived before the handler was added is not
 * its: also where it replaces another, whose signal had come and was not called yet. A signal that
 * is blocked does not arrive: the mask, which a program inherits, is the program's affair.
 *   -EINVAL  not a signal that can be caught, or one that this backend uses itself; or SIGSEGV,
 *            SIGBUS, SIGFPE, SIGILL: a thread that has made such a fault never gets back to the
 *            loop, as the kernel raises it again when the handler returns
 *   -EEXIST  this loop watches it already
 *   -ENOSPC  16 loops watch it already
 *   -ENOMEM, -ECHILD
 */
int ioloop_add_signal(struct ioloop *loop, int signo, ioloop_signal_handler *handler, void *arg);

/* -ENOENT: not watched by this loop. -ECHILD. */
int ioloop_remove_signal(struct ioloop *loop, int signo);

/* ---- backends ----------------------------------------------------------------------- */

enum {
  IOLOOP_F_SCALES = 1 << 0,        /* a wait costs O(ready), not O(registered) */
  IOLOOP_F_NS_TIMEOUT = 1 << 1,    /* waits to the nanosecond; else rounded up to 1 us or 1 ms */
  IOLOOP_F_SIGNAL_DRIVEN = 1 << 2, /* the kernel announces readiness by a signal */
  IOLOOP_F_COMPLETION = 1 << 3,    /* streams are served by completion, not readiness */
};

struct ioloop_backend_info {
  const char *name;    /* "rtsig"; static */
  const char *model;   /* the I/O model in Stevens' terms: "signal-driven"; static */
  const char *summary; /* a line on how it waits; static */
  unsigned features;   /* IOLOOP_F_* */
  int error;           /* 0: available; else the -errno of ioloop_new */
  char reason[160];    /* why not, in words; empty when available */
};

/* The index-th backend that this library knows, built in or not, best first; last "blocking", the
 * model that has no loop (error -EINVAL). -ENOENT: index is past the last. Any thread. */
int ioloop_backend_at(size_t index, struct ioloop_backend_info *ret);

/* The backend of that name, variants as "libevent:poll" included. -EINVAL: unknown, or "blocking";
 * ret->reason lists those there are, or says why (the one case in which ret is written on
 * failure). */
int ioloop_backend_probe(const char *name, struct ioloop_backend_info *ret);

/* The name of the first available backend. Never NULL: poll is always there. */
const char *ioloop_backend_default(void);

/* The environment's IOLOOP_BACKEND, or NULL where it is unset or empty. The one function
 * here that reads the environment; programs call it. */
const char *ioloop_backend_from_env(void);

/* What this loop runs on: the name as it was asked for. */
const char *ioloop_backend_name(const struct ioloop *loop);
unsigned ioloop_backend_features(const struct ioloop *loop);

/* ---- watching the loop -------------------------------------------------------------- */

struct ioloop_metrics {
  uint64_t wakeups;    /* waits that found something */
  uint64_t iterations; /* turns of the loop */
  uint64_t events;     /* descriptors reported by waits */
  uint64_t spurious;   /* of those, reported without an event that was wanted */
  uint64_t stale;      /* of those, meant for a registration that was gone */
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
  uint64_t spins;     /* looks */
  uint64_t spin_hits; /* of those, that found something: so many waits did not block */
  /* With ioloop_set_timing on, else 0: */
  uint64_t busy_ns;            /* outside the wait */
  uint64_t idle_ns;            /* inside it */
  uint64_t longest_handler_ns; /* of handlers, callbacks and timeouts */
};

void ioloop_get_metrics(const struct ioloop *loop, struct ioloop_metrics *ret);

/* Measure the three times above. Costs two clock reads a handler; off by default. */
void ioloop_set_timing(struct ioloop *loop, bool on);

/*
 * Hooks for traces, debuggers and lectures. Any may be NULL. While none is set the loop runs a
 * dispatch path without them, and each system call costs a test. Hooks must not change the loop.
 * `what` of call_begin and call_end: 'h'andler (fd is valid), 'c'allback, 't'imeout,
 * 's'ignal watcher (fd is the signal number).
 */
struct ioloop_observer {
  void (*wait_begin)(void *arg, uint64_t timeout_ns);
  void (*wait_end)(void *arg, int ready_count);

  /*
   * A system call that the loop's backend, or a stream, tcpserver or datagram socket of the loop,
   * has made to wait, accept, receive or send; told when it has returned. `name` as in the manual,
   * static; `fd` -1 where the call has none; `result` what it returned, or -errno. What a program
   * calls in its own handlers is not seen, nor what libevent does inside event_base_loop.
   */
  void (*system_call)(void *arg, const char *name, int fd, ptrdiff_t result, uint64_t begun_ns,
                      uint64_t duration_ns);
  /*
   * The completion model (io_uring): an operation was put into the submission ring, of `size` bytes
   * (0: as many as come), and, later, what became of it: as the system call's result or -errno;
   * with `more` it goes on. Names as those of the system calls.
   */
  void (*submitted)(void *arg, const char *operation, int fd, size_t size);
  void (*completed)(void *arg, const char *operation, int fd, int result, bool more);

  /* A signal of signal-driven I/O was taken: fd -1 and band 0 where it does not tell. `queued`: so
   * many were in the queue when it was taken, this one included, as far as it was looked into. */
  void (*signal_received)(void *arg, int signo, int fd, int band, unsigned queued);
  /* The queue of signals, or io_uring's completion ring, had no room (metrics.overflows). */
  void (*overflow)(void *arg);
  /* The safety scan found so many descriptors ready of which nothing was said (metrics.rescues). */
  void (*rescue)(void *arg, uint64_t count);

  void (*ready)(void *arg, int fd, unsigned events);
  void (*call_begin)(void *arg, char what, int fd, unsigned events);
  void (*call_end)(void *arg, char what, int fd, uint64_t duration_ns);
  void (*slow)(void *arg, char what, int fd, uint64_t duration_ns);
  uint64_t slow_ns; /* calls longer than this are `slow`; Tornado's debug mode; 0: none */
};

/* Copied; `arg` goes to each hook. NULL removes it. Takes effect at the next iteration. One that
 * comes inside a call or a wait is not given the end of that; of an operation that began before it,
 * it is. */
void ioloop_set_observer(struct ioloop *loop, const struct ioloop_observer *observer, void *arg);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
