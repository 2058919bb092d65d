/* SPDX-License-Identifier: MIT */
/*
 * extension.h - the C part of the Python package, on the public headers and Python's stable ABI (3.9).
 *
 *   module.c    the module: its functions, the list of backends
 *   selector.c  the type Selector: its life
 *   registrations.c  its register, unregister, modify and get_key
 *   wait.c      its select
 *   children.c  child processes without the signals that a signal-driven loop blocks
 *   tracing.c   a trace of all loops, with the system calls of the Python program
 *
 * ioloop/__init__.py makes of this what Python programs see.
 */
#ifndef PYTHON_EXTENSION_H
#define PYTHON_EXTENSION_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "ioloop/ioloop.h"

struct trace_track;

/* As in the module selectors. */
enum {
  EVENT_READ = 1,
  EVENT_WRITE = 2,
  EVENT_BOTH = EVENT_READ | EVENT_WRITE,
};

/* What is registered under one descriptor. */
struct registration {
  PyObject *key;               /* a selectors.SelectorKey; NULL: nothing is registered */
  PyObject *pairs[EVENT_BOTH]; /* (key, events), by events - 1: made when first reported */
  uint8_t events;              /* of the key */
  uint8_t ready;               /* reported by the present select() */
};

struct selector {
  PyObject_HEAD struct ioloop *loop; /* NULL: closed, or not initialised */
  struct registration *by_fd;        /* `capacity` of them */
  int *ready; /* descriptors with `ready` set; there is room for `capacity` */
  int capacity, ready_count;
  Py_ssize_t registered;
  bool inherited; /* this is a forked child, and the loop was the parent's */
  bool signal_driven;

  /* While select() waits without the GIL, other threads that change something make it pause: wait.c.
   * `waiting` and `visitors` are changed by the holder of the GIL. */
  bool waiting;
  unsigned visitors;
  bool paused; /* guarded by the mutex */
  pthread_mutex_t mutex;
  pthread_cond_t changed;

  pthread_t thread; /* the last one in select(), if there was any */
  bool has_thread;
  int wakeup[2]; /* read, written by Python's signal handler; -1: not needed */
  struct trace_track *track;
};

/* Set OSError(error, text), from which Python chooses the subclass. `error` is positive; `text` is
 * PyUnicode_FromFormat-like. */
void raise_os_error(int error, const char *text, ...);

/* module.c. IOLOOP_F_* as a tuple of words; NULL with an exception. */
PyObject *feature_words(unsigned features);

/* module.c: objects of other modules, found once. */
struct imported {
  PyObject *selector_key;  /* selectors.SelectorKey */
  PyObject *tuple_new;     /* tuple.__new__ */
  PyObject *set_wakeup_fd; /* signal.set_wakeup_fd */
};
extern struct imported imported;

/* selector.c. The type; NULL with an exception. */
PyObject *selector_type(void);

/* registrations.c */

/* NULL with an exception: closed, or of the parent process. */
struct ioloop *selector_loop(const struct selector *self);
PyObject *selector_register(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *selector_modify(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *selector_unregister(PyObject *self, PyObject *file);
PyObject *selector_get_key(PyObject *self, PyObject *file);
PyObject *selector_find(PyObject *self, PyObject *file); /* the same on a closed one: KeyError */
PyObject *selector_descriptors(PyObject *self, PyObject *unused);
int selector_visit(struct selector *self, visitproc visit, void *arg);
void selector_forget_all(struct selector *self);

/* wait.c */
PyObject *selector_select(PyObject *self, PyObject *args, PyObject *kwargs);
void selector_on_ready(struct ioloop *loop, int fd, unsigned events, void *arg);

/* Prepare what select() needs besides the loop. 0 or -errno. */
int selector_wait_begin(struct selector *self);
void selector_wait_end(struct selector *self);
void selector_wait_after_fork(struct selector *self);

/* Between these two, select() is not waiting in another thread: the loop may be changed. */
int selector_enter(struct selector *self); /* 0, or -1 with an exception */
void selector_leave(struct selector *self);

/* children.c: what a signal-driven loop has blocked in this thread between the two calls is remembered. */
void children_mask_before(sigset_t *ret);
void children_mask_after(const sigset_t *before);
PyObject *children_call(PyObject *module, PyObject *args);
PyObject *children_signals(PyObject *module, PyObject *unused);

/* tracing.c. A track for a loop, or NULL if nothing is traced; and the one that this thread's system
 * calls belong to. */
struct trace_track *tracing_observe(struct ioloop *loop);
void tracing_enter(struct trace_track *track);
extern PyMethodDef tracing_functions[];

#endif
