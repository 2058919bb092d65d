/* SPDX-License-Identifier: MIT */
/*
 * children.c - child processes without the signals that a signal-driven loop blocks.
 *
 * sigio and rtsig keep their signals blocked in the loop's thread, and a mask survives fork and exec: a
 * program that is started from there would never get its SIGIO. os.fork runs the hooks of
 * os.register_at_fork, in which the child frees its copy of the loop, and so unblocks them; the
 * functions that fork and exec in one (of subprocess and multiprocessing) run no hook.
 *
 * For the duration of such a call the signals are unblocked here as well. One that arrives must neither
 * end this process nor be lost, so it has a handler for that time, and is replaced by a SIGIO after the call:
 * under both models that means that any descriptor may be ready.
 */
#include <errno.h>
#include <signal.h>

#include "extension.h"

/* What loops of this process have blocked, in any thread. Guarded by `mutex`. */
static sigset_t blocked_by_loops;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static _Thread_local volatile sig_atomic_t arrived;

void children_mask_before(sigset_t *ret) {
  pthread_sigmask(SIG_SETMASK, NULL, ret);
}

void children_mask_after(const sigset_t *before) {
  sigset_t now;
  pthread_sigmask(SIG_SETMASK, NULL, &now);
  pthread_mutex_lock(&mutex);
  for (int signo = 1; signo < NSIG; signo++)
    if (sigismember(&now, signo) == 1 && sigismember(before, signo) == 0)
      sigaddset(&blocked_by_loops, signo);
  pthread_mutex_unlock(&mutex);
}

/* Of those, the ones that are blocked in this thread. Returns their number. */
static int blocked_here(sigset_t *ret) {
  sigset_t now;
  int count = 0;
  pthread_sigmask(SIG_SETMASK, NULL, &now);
  sigemptyset(ret);
  pthread_mutex_lock(&mutex);
  for (int signo = 1; signo < NSIG; signo++)
    if (sigismember(&blocked_by_loops, signo) == 1 && sigismember(&now, signo) == 1) {
      sigaddset(ret, signo);
      count++;
    }
  pthread_mutex_unlock(&mutex);
  return count;
}

static void note_arrival(int signo) {
  (void)signo;
  arrived = 1;
}

/* A handler, and not SIG_IGN: exec resets it. */
static void open_window(const sigset_t *signals, struct sigaction old[NSIG]) {
  struct sigaction note = {.sa_handler = note_arrival, .sa_flags = SA_RESTART};
  sigemptyset(&note.sa_mask);
  arrived = 0;
  for (int signo = 1; signo < NSIG; signo++)
    if (sigismember(signals, signo) == 1)
      sigaction(signo, &note, &old[signo]);
  pthread_sigmask(SIG_UNBLOCK, signals, NULL);
}

static void close_window(const sigset_t *signals, const struct sigaction old[NSIG]) {
  pthread_sigmask(SIG_BLOCK, signals, NULL);
  for (int signo = 1; signo < NSIG; signo++)
    if (sigismember(signals, signo) == 1)
      sigaction(signo, &old[signo], NULL);
  if (arrived)
    pthread_kill(pthread_self(), SIGIO);
}

/* call_unblocked(function, args, kwargs). The GIL is held by the functions that this is for, so there is
 * one window at a time. */
PyObject *children_call(PyObject *module, PyObject *args) {
  PyObject *function, *positional, *keywords;
  struct sigaction old[NSIG];
  sigset_t signals;
  (void)module;
  if (!PyArg_ParseTuple(args, "OO!O!:call_unblocked", &function, &PyTuple_Type, &positional,
                        &PyDict_Type, &keywords))
    return NULL;
  bool any = blocked_here(&signals) > 0;
  if (any)
    open_window(&signals, old);
  PyObject *result = PyObject_Call(function, positional, keywords);
  if (any)
    close_window(&signals, old);
  return result;
}

/* blocked_signals() */
PyObject *children_signals(PyObject *module, PyObject *unused) {
  PyObject *list = PyList_New(0);
  sigset_t signals;
  int r = list ? 0 : -1;
  (void)module, (void)unused;
  blocked_here(&signals);
  for (int signo = 1; signo < NSIG && !r; signo++)
    if (sigismember(&signals, signo) == 1) {
      PyObject *number = PyLong_FromLong(signo);
      r = number ? PyList_Append(list, number) : -1;
      Py_XDECREF(number);
    }
  if (r)
    Py_CLEAR(list);
  return list;
}
