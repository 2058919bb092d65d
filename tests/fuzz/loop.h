/* SPDX-License-Identifier: MIT */
/*
 * loop.h - the model that the loop's fuzzer keeps of what it has made, and the operations by file:
 *
 *   loop.c          the table of operations; loops: new, free, run, start, stop, spin, observe
 *   loop_kinds.c    descriptors: open, write, read, shut down, reset (loop_kinds_linux.c: Linux's)
 *   loop_watch.c    handlers: add, update, replace, remove; close, drop, dup, dup2
 *   loop_calls.c    callbacks of the loop's thread, of other threads, of signal handlers; signals
 *   loop_timers.c   timeouts
 *   loop_observer.c observers
 *   loop_fork.c     forks
 *   loop_crowd.c    more ready descriptors than a wait reports
 *   loop_check.c    poll(2) says what is ready: is it reported, and nothing else?
 *
 * The model is exact, except for registrations whose descriptor was closed without being removed
 * ("dropped"): the loop may drop those when it notices, so the model accepts either until the
 * program adds or removes the number again.
 */
#ifndef FUZZ_LOOP_H
#define FUZZ_LOOP_H

#include "fuzz.h"
#include "ioloop/ioloop.h"

enum {
  MAX_LOOPS = 3,
  MAX_ENDS = 40,
  MAX_FDS = 512,
  MAX_TIMERS = 64,
};

/* ---- loops ------------------------------------------------------------------------------- */

/* In the order of an iteration. */
enum phase {
  OUTSIDE,
  CALLBACKS,
  SIGNALS,
  TIMEOUTS,
  HANDLERS,
};

struct watched_loop {
  struct ioloop *loop; /* NULL: none */
  unsigned number;
  bool running;
  enum phase phase;
  uint64_t phase_turn;
  uint64_t calls;    /* made since it began to run */
  bool stop_pending; /* perhaps: ioloop_start may end at once */
  bool stop_certain; /* it must */
  uint64_t drops;    /* descriptors closed without removal */
  bool look_alikes;  /* see end_new */
  struct observer *observer;
};

extern struct watched_loop loops[MAX_LOOPS];
extern struct watched_loop *checking; /* its calls only record */
extern const char *backend;

/* What the manual says of this backend. */
enum {
  SIGNAL_DRIVEN = 1 << 0, /* does not see the process's own shutdown() */
  SELECT = 1 << 1,        /* a hang-up is reported for READ only */
  WAKE_UPS = 1 << 2,      /* misses a pty that becomes writable without a wake-up */
  PRESUMES = 1 << 3,      /* reports everything on each iteration */
  AIO = 1 << 4,           /* refuses files with two wait queues, and signalfds */
};
extern unsigned traits;

struct watched_loop *pick_loop(uint32_t arg);

/* The iteration that a call belongs to; outside of calls that of the last wait. */
uint64_t turn_of(const struct watched_loop *loop);

/* The loop makes a call: checks the order of phases. Returns the turn. */
uint64_t enter_phase(struct watched_loop *loop, struct ioloop *called_with, enum phase phase);

/* Execute what the script has for the inside of such a call. */
void run_inside(enum phase phase);

/* ioloop_run_once, and what must hold after it. */
int run_turn(struct watched_loop *loop, uint64_t timeout_ns);

/* ---- descriptors -------------------------------------------------------------------------- */

struct kind;

struct end {
  int fd;
  const struct kind *kind;
  unsigned file; /* which open file; the same for dups */
  unsigned pair; /* the same for the two ends of a pair; 0: none */
};

struct kind {
  const char *name;
  unsigned flags;
  void (*open)(const struct kind *kind);
  /* NULL: write and read. `size`: from 1 on. */
  void (*write)(const struct end *end, size_t size);
  void (*read)(const struct end *end, size_t size);
};

enum {
  REFUSED = 1 << 0,    /* -EPERM */
  TWO_QUEUES = 1 << 1, /* not for linux-aio */
  PTY = 1 << 2,
  SOCKET = 1 << 3,
  LOOK_ALIKE = 1 << 4, /* two of them have one inode */
  HAS_END = 1 << 6,    /* its peer sees when it is closed */
  STORED = 1 << 5,     /* a regular file that can be polled */
};

extern struct end ends[MAX_ENDS];
extern size_t end_count;
extern const struct kind kinds_of_linux[]; /* empty elsewhere */

/* Linux: for some seeds few real-time signals can be queued, so that rtsig's queue overflows. */
void limit_signals(uint64_t seed);

/* A new descriptor, made non-blocking; fd < 0: none. `file`: 0 for a file of its own. */
struct end *end_new(int fd, const struct kind *kind, unsigned file);
struct end *end_of(int fd);
/* The number is closed, or becomes another file's. */
void end_forget(struct end *end);

void open_end(const uint32_t *args);
void write_end(const uint32_t *args);
void fill_end(const uint32_t *args);
void read_end(const uint32_t *args);
void drain_end(const uint32_t *args);
void shut_end(const uint32_t *args);
void urgent_end(const uint32_t *args);

void end_read(const struct end *end, size_t size);
void end_write(const struct end *end, size_t size);

/* Until it is not ready for that any longer, as a program does that polls before it reads or writes
 * no more than there is: no call returns EAGAIN. */
void end_exhaust(const struct end *end, short poll_events);

/* ---- registrations ------------------------------------------------------------------------ */

struct registration {
  struct watched_loop *loop;
  int fd;
  const struct kind *kind;
  unsigned file, events, mode, function;
  bool live;            /* may be called */
  bool dropped;         /* its number was closed */
  uint64_t last_turn;   /* in which it was called */
  uint64_t born;        /* in the phase of handlers of which iteration; its reports are older */
  unsigned seen, calls; /* during a check */
  struct registration *next;
};

extern struct registration *registrations[MAX_LOOPS][MAX_FDS];

void add_handler(const uint32_t *args);
void update_handler(const uint32_t *args);
void replace_handler(const uint32_t *args);
void remove_handler(const uint32_t *args);
void close_end(const uint32_t *args);
void drop_end(const uint32_t *args);
void reset_end(const uint32_t *args);
void dup_end(const uint32_t *args);
void dup2_end(const uint32_t *args);
void recycle_end(const uint32_t *args);

void registrations_end(struct watched_loop *loop); /* the loop was freed */

/* The process changed the file itself: what a signal-driven loop must be reminded of. */
void remind(unsigned file);

/* ---- calls -------------------------------------------------------------------------------- */

void add_callback(const uint32_t *args);
void add_from_threads(const uint32_t *args);
void add_from_signal(const uint32_t *args);
void watch_signal(const uint32_t *args);
void unwatch_signal(const uint32_t *args);
void raise_signal(const uint32_t *args);
void start_and_stop(const uint32_t *args);

void calls_set_up(void);
void calls_check(struct watched_loop *loop); /* an iteration is over */
void calls_end(struct watched_loop *loop);   /* it was freed */

void add_timeout(const uint32_t *args);
void move_timeout(const uint32_t *args);
void remove_timeout(const uint32_t *args);

/* An iteration that began at `begun` is over. */
void timeouts_check(struct watched_loop *loop, uint64_t begun);
void timeouts_end(struct watched_loop *loop);
/* Will one fire within that time? */
bool timeout_is_near(const struct watched_loop *loop, uint64_t ns);

void fork_child(const uint32_t *args);
void crowd(const uint32_t *args);

void limit_descriptors(const uint32_t *args);
extern bool scarce; /* the limit is low: no descriptor is made */

/* ---- the oracle --------------------------------------------------------------------------- */

void check_one(const uint32_t *args);
void exchange(const uint32_t *args);
void check_loop(struct watched_loop *loop);

/* ---- observers ---------------------------------------------------------------------------- */

void observe(const uint32_t *args);
void observed_call(const struct watched_loop *loop, int fd, unsigned events, uint64_t turn);

#endif
