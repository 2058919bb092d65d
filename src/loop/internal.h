/* SPDX-License-Identifier: MIT */
/* internal.h - shared by the files of the core. Backends see only backend.h, streams only
 * ioloop.h. */
#ifndef IOLOOP_INTERNAL_H
#define IOLOOP_INTERNAL_H

#include <stdatomic.h>

#include "backend.h"
#include "callbacks.h"
#include "fifo.h"
#include "fork.h"
#include "ioloop/ioloop.h"
#include "platform.h"
#include "timers.h"

enum {
  IOLOOP__MAX_SIGNO = 64
};

/* Bits of ioloop.attention. */
enum {
  IOLOOP__STOP = 1 << 0,
  IOLOOP__WATCHED = 1 << 1, /* an observer or timing is set: take the instrumented path */
  IOLOOP__CALLS = 1 << 2,   /* callbacks or signals are queued by other threads or handlers */
  IOLOOP__CROWDED = 1 << 3, /* more descriptors are registered than fit into `ready` */
};

/* ---- the registered descriptors, and what the backend knows about each: fdtable.c ---------- */

/* One registration; 32 bytes, so that finding one is a shift. */
struct ioloop__fd {
  ioloop_handler_fn *handler; /* NULL: not registered */
  void *arg;
  uint32_t generation; /* of the token that the backend has */
  int next_dirty;      /* next on the list of changes */
  uint8_t wanted;      /* mask the program asked for, plus ERROR unless it is empty */
  uint8_t armed;       /* mask that the backend watches, without ERROR */
  bool dirty;          /* on the list of changes that is flushed before the wait */
};

struct ioloop__fdtable {
  struct ioloop__fd *fds; /* indexed by descriptor */
  char *slots;            /* slot_size bytes per descriptor, owned by the backend */
  int size;
  int registered;
  unsigned dirty; /* number of descriptors on the list of changes */
  int first_dirty;
};

/* ---- the loop ------------------------------------------------------------------------------- */

struct ioloop__signals {
  atomic_uint pending[IOLOOP__MAX_SIGNO / 32]; /* bit signo - 1, set by the handler */
  uint64_t due;                                /* taken from `pending`, to be called */
  atomic_bool child_ended;                     /* SIGCHLD has arrived, for children.c */
  bool children;                               /* which watches it */
  struct {
    ioloop_signal_fn *handler;
    void *arg;
  } * watchers; /* indexed by signal number; NULL until the first is added */
};

struct ioloop {
  struct ioloop__observed observed; /* must be first: see observe.h */
  const struct ioloop_backend *backend;
  void *state; /* the backend's */
  /* The backend's wait, or the one that spin.c puts in front of it. */
  int (*wait)(struct ioloop *loop, void *state, uint64_t timeout_ns, struct ioloop_ready *ready,
              int capacity);
  struct ioloop_ready *ready; /* the batch that is dispatched; room for ready_capacity reports */
  int ready_capacity;
  struct ioloop__completer completer;
  struct ioloop__deferred_ops deferred; /* operations to start before the next wait */
  struct ioloop__fdtable table;
  struct ioloop__timers timers;
  struct ioloop__callbacks callbacks;
  struct ioloop_metrics metrics;

  atomic_uint attention; /* reasons not to simply wait again; set by any thread */
  atomic_bool running;   /* in some thread */
  bool freed; /* by a forked child inside its copy of a running loop: freed when that run ends */
  bool timing;
  unsigned uncounted; /* internal handler calls (waker, completion) to subtract from the count */
  bool found_work;    /* the last wait found events; maintained while spinning is on */
  uint64_t spin_ns;   /* 0: off */

  struct ioloop_observer observer;
  void *observer_arg;
  unsigned observers; /* number of observers set so far; identifies the present one */

  int waker[2];        /* watched, written */
  unsigned user;       /* ioloop__this_thread of the one that ran it last; at first, that made it */
  bool moved;          /* to be announced to the backend: it has not been run by `user` yet */
  unsigned fork_count; /* when the loop was made */
  pid_t process;       /* that made the loop */
  struct ioloop *outer; /* the loop of this thread in one of whose handlers this one runs */
  struct ioloop__signals signals;
  struct ioloop__child *children; /* children.c */
  void *scratch;
  size_t scratch_size;
  struct ioloop__fifo_spares spares;
  char *name;
};

/* loop.c. Make the loop return from its wait. Any thread, signal-safe. */
void ioloop__wake(struct ioloop *loop);

static inline bool ioloop__has(const struct ioloop *loop, unsigned bit) {
  return atomic_load_explicit(&loop->attention, memory_order_relaxed) & bit;
}

static inline void ioloop__set(struct ioloop *loop, unsigned bit, bool on) {
  if (on)
    atomic_fetch_or(&loop->attention, bit);
  else
    atomic_fetch_and(&loop->attention, ~bit);
}

/* observe.c: around every call of user code while the loop is observed. An observer that was set
 * during the call does not get its end. */
struct ioloop__call_span {
  uint64_t begun;
  unsigned observer;
};
struct ioloop__call_span ioloop__call_begin(struct ioloop *loop, enum ioloop_call what, int fd,
                                            unsigned events);
void ioloop__call_end(struct ioloop *loop, enum ioloop_call what, int fd,
                      struct ioloop__call_span span);

/* fdtable.c */

/* Add a handler whose reports the backend generates itself: the descriptor is not passed to the
 * backend. */
int ioloop__fdtable_add_unarmed(struct ioloop *loop, int fd, ioloop_handler_fn *handler);

/* Pass changed masks to the backend. */
void ioloop__fdtable_flush(struct ioloop *loop);

/* A report for which there is no handler: count it, and pass it to a backend that wants to know. */
void ioloop__fdtable_unwanted(struct ioloop *loop, uint64_t token);

/* Remove every descriptor from the backend, before its fini. */
void ioloop__fdtable_disarm(struct ioloop *loop);

void ioloop__fdtable_free(struct ioloop *loop);

/* loop.c: free a loop that a forked child inherited. */
void ioloop__free_copy(struct ioloop *loop);

/* signals.c */
void ioloop__signals_collect(struct ioloop *loop); /* take the signals that have arrived */
void ioloop__signals_run(struct ioloop *loop);     /* call the watchers of the signals taken */
void ioloop__signals_free(struct ioloop *loop);
/* SIGCHLD, alongside a watcher of the program's; ioloop__children_check is called after each, and once
 * in any case. Errors as ioloop_add_signal. */
int ioloop__signals_watch_children(struct ioloop *loop);
void ioloop__signals_unwatch_children(struct ioloop *loop);

/* children.c */
/* Report the children that have ended, of those that are not watched by a descriptor. `arrived`: a
 * SIGCHLD; else only what the last check left. */
void ioloop__children_check(struct ioloop *loop, bool arrived);
void ioloop__children_free(struct ioloop *loop);

/* registry.c. Find the backend for "name" or "name:variant" (*variant points into name, or is
 * NULL). Returns -errno like ioloop_new. */
int ioloop__registry_find(const char *name, const struct ioloop_backend **ret,
                          const char **variant);

#endif
