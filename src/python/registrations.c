/* SPDX-License-Identifier: MIT */
/*
 * registrations.c - the descriptors of a Selector: register, unregister, modify, get_key.
 *
 * They behave as those of CPython's module selectors: the same keys, exceptions and texts. The keys are
 * kept in an array by descriptor.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "extension.h"

/* ---- file objects ------------------------------------------------------------------------- */

static int fd_from_method(PyObject *file) {
  PyObject *result = PyObject_CallMethod(file, "fileno", NULL);
  PyObject *number = result ? PyNumber_Long(result) : NULL;
  long fd = number ? PyLong_AsLong(number) : -1;
  Py_XDECREF(number);
  Py_XDECREF(result);
  if (!PyErr_Occurred())
    return fd > INT_MAX ? -1 : (int)fd;
  if (PyErr_ExceptionMatches(PyExc_AttributeError) || PyErr_ExceptionMatches(PyExc_TypeError) ||
      PyErr_ExceptionMatches(PyExc_ValueError)) {
    PyErr_Clear();
    PyErr_Format(PyExc_ValueError, "Invalid file object: %R", file);
  }
  return -1;
}

/* -1 with an exception. */
static int fd_of(PyObject *file) {
  int fd;
  if (PyLong_Check(file)) {
    int overflow;
    long number = PyLong_AsLongAndOverflow(file, &overflow);
    fd = overflow || number > INT_MAX || number < INT_MIN ? -1 : (int)number;
  } else {
    fd = fd_from_method(file);
  }
  if (fd < 0 && !PyErr_Occurred())
    PyErr_Format(PyExc_ValueError, "Invalid file descriptor: %d", fd);
  return fd;
}

/* As fd_of, but finds a file object that was closed after it was registered. */
static int lookup(const struct selector *self, PyObject *file) {
  int fd = fd_of(file);
  if (fd >= 0 || !PyErr_ExceptionMatches(PyExc_ValueError))
    return fd;
  for (int i = 0; i < self->capacity; i++)
    if (self->by_fd[i].key && PyTuple_GetItem(self->by_fd[i].key, 0) == file) {
      PyErr_Clear();
      return i;
    }
  return -1;
}

static struct registration *find(const struct selector *self, int fd) {
  return fd < self->capacity && self->by_fd[fd].key ? &self->by_fd[fd] : NULL;
}

/* NULL with a KeyError. */
static struct registration *find_file(const struct selector *self, PyObject *file, int *fd) {
  *fd = lookup(self, file);
  struct registration *found = *fd < 0 ? NULL : find(self, *fd);
  if (!found && *fd >= 0)
    PyErr_Format(PyExc_KeyError, "%R is not registered", file);
  return found;
}

/* ---- registrations ------------------------------------------------------------------------ */

struct ioloop *selector_loop(const struct selector *self) {
  if (self->inherited)
    raise_os_error(ECHILD, "this selector was made by the parent process; make one in this one");
  else if (!self->loop)
    PyErr_SetString(PyExc_ValueError, "I/O operation on closed selector");
  return self->inherited ? NULL : self->loop;
}

static PyObject *new_key(PyObject *file, int fd, PyObject *events, PyObject *data) {
  PyObject *fields = Py_BuildValue("(OiOO)", file, fd, events, data);
  PyObject *key =
      fields ? PyObject_CallFunctionObjArgs(imported.tuple_new, imported.selector_key, fields, NULL)
             : NULL;
  Py_XDECREF(fields);
  return key;
}

static void drop_pairs(struct registration *registration) {
  for (int i = 0; i < EVENT_BOTH; i++)
    Py_CLEAR(registration->pairs[i]);
}

/* Takes over the reference to `key`. The former one is released last: that may run a program's code. */
static void set_key(struct selector *self, int fd, PyObject *key, unsigned events) {
  struct registration old = self->by_fd[fd];
  self->by_fd[fd] =
      (struct registration){.key = key, .events = (uint8_t)events, .ready = old.ready};
  drop_pairs(&old);
  Py_XDECREF(old.key);
}

static unsigned loop_events(unsigned events) {
  return (events & EVENT_READ ? IOLOOP_READ : 0u) | (events & EVENT_WRITE ? IOLOOP_WRITE : 0u);
}

/* Room for this descriptor. 0, or -1 with an exception. */
static int grow(struct selector *self, int fd) {
  if (fd < self->capacity)
    return 0;
  size_t old = (size_t)self->capacity, size = old ? old : 64;
  while (size <= (size_t)fd)
    size *= 2;
  int *ready = realloc(self->ready, size * sizeof *ready);
  self->ready = ready ? ready : self->ready;
  struct registration *by_fd = ready ? realloc(self->by_fd, size * sizeof *by_fd) : NULL;
  if (!by_fd) {
    PyErr_NoMemory();
    return -1;
  }
  memset(by_fd + old, 0, (size - old) * sizeof *by_fd);
  self->by_fd = by_fd;
  self->capacity = (int)size;
  return 0;
}

static int refuse(const struct selector *self, int error, int fd) {
  if (error == -EPERM)
    raise_os_error(EPERM,
                   "%s cannot wait for descriptor %d: it is a kind of file that it does not watch",
                   ioloop_backend_name(self->loop), fd);
  else
    raise_os_error(-error, "cannot watch descriptor %d: %s", fd, strerror(-error));
  return -1;
}

/* 0 with 1 to 3 in *ret, or -1 with a ValueError. */
static int events_of(PyObject *object, unsigned *ret) {
  long events = PyLong_AsLong(object);
  if (events > 0 && events <= EVENT_BOTH) {
    *ret = (unsigned)events;
    return 0;
  }
  if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_OverflowError))
    return -1;
  PyErr_Clear();
  PyErr_Format(PyExc_ValueError, "Invalid events: %R", object);
  return -1;
}

struct arguments {
  PyObject *file, *events, *data;
  unsigned mask;
};

/* (fileobj, events, data=None). false with an exception. */
static bool parse(PyObject *args, PyObject *kwargs, const char *format, struct arguments *ret) {
  static char *names[] = {"fileobj", "events", "data", NULL};
  *ret = (struct arguments){.data = Py_None};
  return PyArg_ParseTupleAndKeywords(args, kwargs, format, names, &ret->file, &ret->events,
                                     &ret->data) &&
         events_of(ret->events, &ret->mask) == 0;
}

/* The loop knows of it first, so that a failure leaves nothing behind. */
static int add_to_loop(struct selector *self, int fd, unsigned events) {
  if (selector_enter(self) < 0)
    return -1;
  int r = self->loop && grow(self, fd) == 0
              ? ioloop_add_handler(self->loop, fd, loop_events(events), selector_on_ready, self)
              : -EBADF;
  if (r == -EEXIST) /* of a file that was closed before, whose key is gone */
    r = ioloop_replace_handler(self->loop, fd, loop_events(events), selector_on_ready, self);
  selector_leave(self);
  return r && !PyErr_Occurred() ? refuse(self, r, fd) : r ? -1 : 0;
}

PyObject *selector_register(PyObject *object, PyObject *args, PyObject *kwargs) {
  struct selector *self = (struct selector *)object;
  struct arguments given;
  if (!parse(args, kwargs, "OO|O:register", &given))
    return NULL;
  int fd = lookup(self, given.file);
  if (fd < 0)
    return NULL;
  if (find(self, fd))
    return PyErr_Format(PyExc_KeyError, "%R (FD %d) is already registered", given.file, fd);
  PyObject *key = selector_loop(self) ? new_key(given.file, fd, given.events, given.data) : NULL;
  if (!key)
    return NULL;
  if (add_to_loop(self, fd, given.mask) < 0) {
    Py_DECREF(key);
    return NULL;
  }
  self->registered++;
  Py_INCREF(key);
  set_key(self, fd, key, given.mask);
  return key;
}

/* Remove from the loop, which may have dropped it already, and return the key. */
static PyObject *take_out(struct selector *self, int fd) {
  if (!self->inherited && self->loop) {
    if (selector_enter(self) < 0)
      return NULL;
    if (self->loop)
      (void)ioloop_remove_handler(self->loop, fd);
    selector_leave(self);
  }
  if (!find(self, fd))
    return PyErr_Format(PyExc_KeyError, "%d is not registered", fd);
  PyObject *key = self->by_fd[fd].key;
  Py_INCREF(key);
  self->registered--;
  set_key(self, fd, NULL, 0);
  return key;
}

PyObject *selector_unregister(PyObject *object, PyObject *file) {
  struct selector *self = (struct selector *)object;
  int fd;
  return find_file(self, file, &fd) ? take_out(self, fd) : NULL;
}

/* A key whose events cannot be changed is unregistered, as by CPython's selectors. */
static int update_loop(struct selector *self, int fd, unsigned events) {
  if (!selector_loop(self) || selector_enter(self) < 0)
    return -1;
  int r = self->loop ? ioloop_update_handler(self->loop, fd, loop_events(events)) : -EBADF;
  selector_leave(self);
  if (!r)
    return 0;
  Py_XDECREF(take_out(self, fd));
  PyErr_Clear();
  return refuse(self, r, fd);
}

PyObject *selector_modify(PyObject *object, PyObject *args, PyObject *kwargs) {
  struct selector *self = (struct selector *)object;
  struct arguments given;
  int fd;
  if (!parse(args, kwargs, "OO|O:modify", &given))
    return NULL;
  const struct registration *found = find_file(self, given.file, &fd);
  if (!found)
    return NULL;
  bool changes = found->events != given.mask;
  PyObject *file = changes ? given.file : PyTuple_GetItem(found->key, 0);
  PyObject *key = new_key(file, fd, given.events, given.data);
  if (!key || (changes && update_loop(self, fd, given.mask) < 0)) {
    Py_XDECREF(key);
    return NULL;
  }
  Py_INCREF(key);
  set_key(self, fd, key, given.mask);
  return key;
}

PyObject *selector_find(PyObject *object, PyObject *file) {
  int fd;
  const struct registration *found = find_file((struct selector *)object, file, &fd);
  if (!found)
    return NULL;
  Py_INCREF(found->key);
  return found->key;
}

PyObject *selector_get_key(PyObject *object, PyObject *file) {
  const struct selector *self = (struct selector *)object;
  if (self->loop)
    return selector_find(object, file);
  PyErr_SetString(PyExc_RuntimeError, "Selector is closed");
  return NULL;
}

PyObject *selector_descriptors(PyObject *object, PyObject *unused) {
  const struct selector *self = (struct selector *)object;
  PyObject *list = PyList_New(0);
  int r = list ? 0 : -1;
  (void)unused;
  for (int fd = 0; fd < self->capacity && !r; fd++)
    if (self->by_fd[fd].key) {
      PyObject *number = PyLong_FromLong(fd);
      r = number ? PyList_Append(list, number) : -1;
      Py_XDECREF(number);
    }
  if (r)
    Py_CLEAR(list);
  return list;
}

int selector_visit(struct selector *self, visitproc visit, void *arg) {
  for (int fd = 0; fd < self->capacity; fd++) {
    Py_VISIT(self->by_fd[fd].key);
    for (int i = 0; i < EVENT_BOTH; i++)
      Py_VISIT(self->by_fd[fd].pairs[i]);
  }
  return 0;
}

void selector_forget_all(struct selector *self) {
  struct registration *by_fd = self->by_fd;
  int capacity = self->capacity;
  free(self->ready);
  self->ready = NULL;
  self->by_fd = NULL;
  self->capacity = self->ready_count = 0;
  self->registered = 0;
  for (int fd = 0; fd < capacity; fd++) {
    drop_pairs(&by_fd[fd]);
    Py_XDECREF(by_fd[fd].key);
  }
  free(by_fd);
}
