/* SPDX-License-Identifier: MIT */
/*
 * support.h - shared by the conformance tests: loops of the backend under test, descriptors of
 * every kind, handlers that record, and ways to run a loop until something has happened or to show
 * that nothing happens. Nothing here sleeps in order to wait for something.
 */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <pthread.h>
#include <sys/socket.h>

#include "ioloop/ioloop.h"
#include "tap.h"

#ifndef MSG_NOSIGNAL /* macOS: a test that writes to a closed peer ignores SIGPIPE */
#define MSG_NOSIGNAL 0
#endif

/* ---- loops ---------------------------------------------------------------------------- */

/* A loop on the backend under test. */
struct ioloop *test_loop_new(void);

/* Free it, and check the conditions that hold after every test: the safety scan of the
 * signal-driven models has found nothing that a signal should have announced (item 59), and no
 * registration was lost; or, after a test that closes descriptors without removing them, at most
 * `abandoned` were. */
void test_loop_free(struct ioloop *loop);
void test_loop_free_abandoned(struct ioloop *loop, uint64_t abandoned);

bool signal_driven(void); /* the backend under test is */
struct ioloop_metrics metrics_of(const struct ioloop *loop);

/* The backend under test reports everything on every iteration, ready or not, and never sleeps. */
bool presumes_readiness(void);
/* For tests that are meaningless in that case: about calls that must not happen, or about a wait
 * that ends when it should. */
void skip_if_readiness_is_presumed(void);

/* Run until the condition holds. Each wait may last until the deadline (10 s), so that an event
 * that is noticed only at the next wait is a failure and not a delay. */
#define RUN_UNTIL(loop, condition)                                                                 \
  do {                                                                                             \
    uint64_t run_deadline = tap_deadline(SECONDS(10));                                             \
    while (!(condition))                                                                           \
      if (!run_turn((loop), run_deadline, __FILE__, __LINE__))                                     \
        tap_fail(__FILE__, __LINE__, "RUN_UNTIL(%s): not within 10 s", #condition);                \
  } while (0)
bool run_turn(struct ioloop *loop, uint64_t deadline, const char *file, int line);

/* Iterations that do not wait: for events that are already there. */
void run_turns(struct ioloop *loop, int turns);

/* Nothing is called during the time, and the loop sleeps: few iterations, little processor time. If
 * readiness is presumed, spurious calls are legal and it does not sleep: then only the time passes,
 * and the test's own handlers detect calls that must not happen. */
#define CHECK_QUIET(loop, ns) check_quiet((loop), (ns), __FILE__, __LINE__)
void check_quiet(struct ioloop *loop, uint64_t ns, const char *file, int line);
/* The loop sleeps, whatever it may call from time to time. */
#define CHECK_NO_SPIN(loop, ns) check_no_spin((loop), (ns), __FILE__, __LINE__)
void check_no_spin(struct ioloop *loop, uint64_t ns, const char *file, int line);

/* ---- handlers that record --------------------------------------------------------------- */

struct record {
  unsigned calls;
  unsigned events; /* of the last call */
  unsigned seen;   /* of all calls */
  int fd;
  size_t bytes; /* read by on_drain, on_read_one */
  bool end;     /* they saw the end of file */
  int error;    /* or this errno */
  int limit;    /* on_read_one: bytes per call; 0: one */
};

void on_event(struct ioloop *loop, int fd, unsigned events, void *record);    /* only records */
void on_drain(struct ioloop *loop, int fd, unsigned events, void *record);    /* to EAGAIN */
void on_read_one(struct ioloop *loop, int fd, unsigned events, void *record); /* one read */
void on_never(struct ioloop *loop, int fd, unsigned events, void *arg);       /* fails the test */

void on_count(struct ioloop *loop, void *counter);    /* callback, timeout: ++*(unsigned *) */
void on_stop(struct ioloop *loop, void *arg);         /* ioloop_stop */
void on_never_called(struct ioloop *loop, void *arg); /* fails the test */

/* ---- descriptors ------------------------------------------------------------------------ */

enum kind {
  PIPE,
  UNIX_STREAM,
  UNIX_DGRAM,
  TCP,
  UDP,
  KINDS
};
extern const char *const kind_names[KINDS];

/* Two connected, non-blocking ends: pair[0] reads what pair[1] writes (and vice versa, except for a
 * pipe). */
void make_pair(enum kind kind, int pair[2]);
void close_pair(const int pair[2]);
bool is_duplex(enum kind kind);

/* On a busy machine data and connections arrive a little after they were sent. */
void await_arrival(int fd);

void make_tcp_listener(int *fd, uint16_t *port);
int connect_tcp(uint16_t port); /* non-blocking, perhaps still in progress */

void set_nonblocking(int fd);
void set_buffers(int fd, int bytes); /* small kernel buffers, so that they fill fast */

void put(int fd, size_t bytes);  /* write exactly this many, which must fit */
size_t fill(int fd);             /* write until EAGAIN */
size_t drain(int fd);            /* read until EAGAIN or the end */
void take(int fd, size_t bytes); /* read exactly this many, which must be there */
/* Move a descriptor to exactly or at least this number. */
int move_fd_to(int fd, int number);
int move_fd_above(int fd, int number);

/* Room for `count` descriptors: raise the soft limit, or skip with the reason. Also skips if the
 * backend rejects numbers that high. */
void need_descriptors(size_t count);

/* ThreadSanitizer holds a signal back until the program next calls a function that it intercepts.
 * io_uring's waits are not intercepted: a signal that arrives just before one is handled only after
 * its end. This skips tests that wait for a single signal then. */
void need_prompt_signals(const struct ioloop *loop);

/* ---- something that happens while the loop waits ----------------------------------------- */

/* A thread that runs fn(arg) after a delay. The delay only makes it likely that the loop is waiting
 * by then; the tested behaviour does not depend on the order. */
struct later {
  pthread_t thread;
  uint64_t delay_ns;
  void (*fn)(void *arg);
  void *arg;
};
void later(struct later *later, uint64_t delay_ns, void (*fn)(void *arg), void *arg);
void later_join(struct later *later);
void write_byte(void *fd); /* fn: put(*(int *)fd, 1) */
void close_fd(void *fd);

/* Threads that continue together; macOS has no pthread_barrier_t. */
struct barrier {
  pthread_mutex_t lock;
  pthread_cond_t all_here;
  unsigned count, missing, round;
};
void barrier_init(struct barrier *barrier, unsigned count);
void barrier_wait(struct barrier *barrier);
void barrier_destroy(struct barrier *barrier);

/* In a child process of the test: run fn, exit 0. The caller waits with wait_child. */
pid_t fork_child(void (*fn)(void *arg), void *arg);
void wait_child(pid_t child); /* it must have ended with 0 */

/* A workload over all kinds of descriptors: many pairs, random writes, reads, mask changes,
 * re-registrations and closes, each byte accounted for in the end. */
void event_stress(struct ioloop *loop, size_t pairs, size_t steps);

#endif
