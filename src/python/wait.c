/* SPDX-License-Identifier: MIT */
/*
 * wait.c - Selector.select: turns of the loop without the GIL, and the list of what is ready.
 *
 * The loop's handler only notes down the descriptor.
 *
 * A loop may not be changed while it waits. A thread that registers something wakes it, waits until
 * select() pauses, and lets it go on (selector_enter, selector_leave).
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "extension.h"

#define LONGEST_SECONDS 1e9 /* a longer timeout is none */

void selector_on_ready(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct selector *self = arg;
  struct registration *registration = &self->by_fd[fd];
  (void)loop;
  if (!registration->ready)
    self->ready[self->ready_count++] = fd;
  registration->ready |= (uint8_t)((events & IOLOOP_READ ? EVENT_READ : 0) |
                                   (events & IOLOOP_WRITE ? EVENT_WRITE : 0));
}

/* ---- changes by other threads ------------------------------------------------------------- */

static void do_nothing(struct ioloop *loop, void *arg) {
  (void)loop, (void)arg;
}

static void wait_until_paused(struct selector *self, bool paused) {
  PyThreadState *state = PyEval_SaveThread();
  pthread_mutex_lock(&self->mutex);
  while (self->paused != paused)
    pthread_cond_wait(&self->changed, &self->mutex);
  pthread_mutex_unlock(&self->mutex);
  PyEval_RestoreThread(state);
}

static void set_paused(struct selector *self, bool paused) {
  pthread_mutex_lock(&self->mutex);
  self->paused = paused;
  pthread_cond_broadcast(&self->changed);
  pthread_mutex_unlock(&self->mutex);
}

int selector_enter(struct selector *self) {
  if (self->waiting) {
    int r = ioloop_add_callback_threadsafe(self->loop, do_nothing, NULL);
    if (r < 0) {
      raise_os_error(-r, "cannot wake the thread that waits in this selector: %s", strerror(-r));
      return -1;
    }
    self->visitors++;
    wait_until_paused(self, true);
  } else {
    self->visitors++;
  }
  return 0;
}

void selector_leave(struct selector *self) {
  if (--self->visitors == 0 && self->paused)
    set_paused(self, false);
}

/* The GIL is held again: let the others have their change first. */
static void let_visitors_in(struct selector *self) {
  while (self->visitors > 0) {
    set_paused(self, true);
    wait_until_paused(self, false);
  }
}

/* ---- signals that come before the wait ---------------------------------------------------- */

/* signal.set_wakeup_fd(fd). Returns the former descriptor, -1 if there was none, or -2 outside the
 * main thread, the only one that runs Python's signal handlers. */
static int deliver_signals_to(int fd) {
  PyObject *keywords = Py_BuildValue("{s:i}", "warn_on_full_buffer", 0);
  PyObject *args = Py_BuildValue("(i)", fd);
  PyObject *old = keywords && args ? PyObject_Call(imported.set_wakeup_fd, args, keywords) : NULL;
  int old_fd = old ? (int)PyLong_AsLong(old) : -2;
  Py_XDECREF(old);
  Py_XDECREF(args);
  Py_XDECREF(keywords);
  if (PyErr_Occurred())
    PyErr_Clear();
  return old_fd;
}

/*
 * A signal interrupts a system call that waits. It is missed where it comes during another call of the
 * same wait, and by libevent, which goes on waiting. So Python's signal handler writes to a pipe of this
 * loop. Where it already writes to one of the program's, the program's loop watches that.
 */
static bool watch_signals(const struct selector *self) {
  int old = self->wakeup[1] < 0 ? -2 : deliver_signals_to(self->wakeup[1]);
  if (old >= 0)
    deliver_signals_to(old);
  return old == -1;
}

/* With an exception under way or not. */
static void ignore_signals(void) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  deliver_signals_to(-1);
  PyErr_Restore(type, value, traceback);
}

static void drain(struct ioloop *loop, int fd, unsigned events, void *arg) {
  char bytes[64];
  (void)loop, (void)events, (void)arg;
  while (read(fd, bytes, sizeof bytes) > 0)
    continue;
}

/* Models that wait by a single call, as CPython's selectors do; and one that never waits. */
static bool needs_wakeup(const char *backend) {
  static const char *const others[] = {"epoll", "poll", "select", "nonblocking"};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    if (strcmp(backend, others[i]) == 0)
      return false;
  return true;
}

int selector_wait_begin(struct selector *self) {
  const char *backend = ioloop_backend_name(self->loop);
  if (!needs_wakeup(backend))
    return 0;
  int r = 0;
  if (pipe(self->wakeup) < 0) {
    self->wakeup[0] = self->wakeup[1] = -1;
    r = -errno;
  }
  for (int i = 0; i < 2 && !r; i++)
    if (fcntl(self->wakeup[i], F_SETFD, FD_CLOEXEC) < 0 ||
        fcntl(self->wakeup[i], F_SETFL, O_NONBLOCK) < 0)
      r = -errno;
  if (!r)
    r = ioloop_add_handler(self->loop, self->wakeup[0], IOLOOP_READ, drain, NULL);
  return r;
}

void selector_wait_end(struct selector *self) {
  for (int i = 0; i < 2; i++)
    if (self->wakeup[i] >= 0)
      close(self->wakeup[i]);
  self->wakeup[0] = self->wakeup[1] = -1;
}

/* The thread that waited does not exist here, and the mutex may have been held by another. */
void selector_wait_after_fork(struct selector *self) {
  self->waiting = self->paused = false;
  self->visitors = 0;
  self->ready_count = 0;
  pthread_mutex_init(&self->mutex, NULL);
  pthread_cond_init(&self->changed, NULL);
}

/* ---- waiting ------------------------------------------------------------------------------ */

/* A signal-driven loop blocks its signals in the thread that runs it. */
static int run_in_new_thread(struct selector *self, uint64_t timeout_ns) {
  sigset_t before;
  children_mask_before(&before);
  int n = ioloop_run_once(self->loop, timeout_ns);
  children_mask_after(&before);
  self->thread = pthread_self();
  self->has_thread = true;
  return n;
}

static bool is_new_thread(const struct selector *self) {
  return self->signal_driven && !(self->has_thread && pthread_equal(self->thread, pthread_self()));
}

/* One wait without the GIL. 0, or -1 with an exception. */
static int wait_once(struct selector *self, uint64_t timeout_ns) {
  tracing_enter(self->track);
  self->waiting = true;
  PyThreadState *state = PyEval_SaveThread();
  int n = is_new_thread(self) ? run_in_new_thread(self, timeout_ns)
                              : ioloop_run_once(self->loop, timeout_ns);
  PyEval_RestoreThread(state);
  self->waiting = false;
  let_visitors_in(self);
  if (n >= 0 || !self->loop)
    return 0;
  raise_os_error(-n, "cannot wait: %s", strerror(-n));
  return -1;
}

static bool may_wait(struct selector *self) {
  if (!selector_loop(self))
    return false;
  if (self->waiting || self->visitors > 0) {
    raise_os_error(EBUSY, "another thread waits in this selector");
    return false;
  }
  return true;
}

/* The same, ended by signals: also by one that came before they were watched, and has only set a flag. */
static int wait_with_signals(struct selector *self, uint64_t timeout_ns) {
  if (timeout_ns == 0 || !watch_signals(self))
    return wait_once(self, timeout_ns);
  int r = PyErr_CheckSignals();
  if (!r && self->loop) /* else a signal handler has closed it */
    r = may_wait(self) ? wait_once(self, timeout_ns) : -1;
  ignore_signals();
  return r;
}

/* Wait until something is ready, the deadline is over, or a Python signal handler raises an exception.
 * After a signal the wait goes on (PEP 475). */
static int wait_for_any(struct selector *self, uint64_t timeout_ns) {
  uint64_t begun = timeout_ns && timeout_ns != IOLOOP_FOREVER ? ioloop_time(self->loop) : 0;
  uint64_t left = timeout_ns;
  for (;;) {
    if (!may_wait(self) || wait_with_signals(self, left) < 0)
      return -1;
    if (self->ready_count > 0 || timeout_ns == 0)
      return 0;
    if (PyErr_CheckSignals() < 0)
      return -1;
    if (!self->loop) /* closed by a signal handler or by another thread */
      return 0;
    if (timeout_ns != IOLOOP_FOREVER) {
      uint64_t passed = ioloop_time(self->loop) - begun;
      if (passed >= timeout_ns)
        return 0;
      left = timeout_ns - passed;
    }
  }
}

/* ---- the result --------------------------------------------------------------------------- */

/* A new reference to (key, events), or NULL with an exception. */
static PyObject *pair_of(const struct selector *self, int fd, unsigned events) {
  PyObject *pair = self->by_fd[fd].pairs[events - 1];
  if (pair) {
    Py_INCREF(pair);
    return pair;
  }
  PyObject *key = self->by_fd[fd].key;
  pair = Py_BuildValue("(OI)", key, events);
  /* Making it may have run a garbage collection, and that a finalizer, which may do anything. */
  if (!pair || fd >= self->capacity || self->by_fd[fd].key != key ||
      self->by_fd[fd].pairs[events - 1])
    return pair;
  Py_INCREF(pair);
  self->by_fd[fd].pairs[events - 1] = pair;
  return pair;
}

static int append(PyObject *list, const struct selector *self, int fd, unsigned events) {
  PyObject *pair = pair_of(self, fd, events);
  int r = pair ? PyList_Append(list, pair) : -1;
  Py_XDECREF(pair);
  return r;
}

static void forget_ready(struct selector *self) {
  while (self->ready_count > 0)
    self->by_fd[self->ready[--self->ready_count]].ready = 0;
}

static PyObject *list_ready(struct selector *self) {
  PyObject *list = PyList_New(0);
  int r = list ? 0 : -1;
  for (int i = 0; i < self->ready_count && !r; i++) {
    const struct registration *registration = &self->by_fd[self->ready[i]];
    unsigned events = registration->ready & registration->events;
    if (registration->key && events)
      r = append(list, self, self->ready[i], events);
  }
  forget_ready(self);
  if (r)
    Py_CLEAR(list);
  return list;
}

/* Seconds to nanoseconds, rounded up: a timeout never ends early. 0, or -1 with an exception. */
static int timeout_of(PyObject *seconds, uint64_t *ret) {
  *ret = IOLOOP_FOREVER;
  if (!seconds || seconds == Py_None)
    return 0;
  double value = PyFloat_AsDouble(seconds);
  if (value == -1.0 && PyErr_Occurred())
    return -1;
  if (isnan(value)) {
    PyErr_SetString(PyExc_ValueError, "the timeout is not a number");
    return -1;
  }
  if (value <= 0)
    *ret = 0;
  else if (value < LONGEST_SECONDS)
    *ret = (uint64_t)ceil(value * 1e9);
  return 0;
}

PyObject *selector_select(PyObject *object, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"timeout", NULL};
  struct selector *self = (struct selector *)object;
  PyObject *seconds = NULL;
  uint64_t timeout_ns;
  if (!kwargs && PyTuple_Size(args) == 1) /* asyncio's call: no parser */
    seconds = PyTuple_GetItem(args, 0);
  else if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:select", names, &seconds))
    return NULL;
  if (timeout_of(seconds, &timeout_ns) < 0)
    return NULL;
  if (wait_for_any(self, timeout_ns) < 0) {
    forget_ready(self);
    return NULL;
  }
  return list_ready(self);
}
