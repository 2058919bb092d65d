/* SPDX-License-Identifier: MIT */
/* selector.c - the type Selector: how one is made and closed, and what it reports of its loop. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "extension.h"

/* ---- beginning and end -------------------------------------------------------------------- */

static PyObject *selector_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
  allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
  struct selector *self = (struct selector *)allocate(type, 0);
  (void)args, (void)kwargs;
  if (self) {
    self->wakeup[0] = self->wakeup[1] = -1;
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->changed, NULL);
  }
  return (PyObject *)self;
}

/* The probe has the reason in words. */
static int refuse_backend(const char *name, int error) {
  struct ioloop_backend_info info = {.name = name};
  if (!name)
    name = ioloop_backend_default();
  (void)ioloop_backend_probe(name, &info, sizeof info);
  raise_os_error(-error, "the backend %s is not available: %s", name,
                 info.reason[0] ? info.reason : strerror(-error));
  return -1;
}

static int open_loop(struct selector *self, const char *backend) {
  sigset_t before;
  children_mask_before(&before);
  int r = ioloop_new(backend, &self->loop);
  if (r)
    return refuse_backend(backend, r);
  children_mask_after(&before);
  self->signal_driven = ioloop_backend_features(self->loop) & IOLOOP_F_SIGNAL_DRIVEN;
  r = selector_wait_begin(self);
  if (r) {
    raise_os_error(-r, "cannot make a selector: %s", strerror(-r));
    return -1;
  }
  self->track = tracing_observe(self->loop);
  return 0;
}

static int selector_init(PyObject *object, PyObject *args, PyObject *kwargs) {
  static char *names[] = {"backend", NULL};
  struct selector *self = (struct selector *)object;
  const char *backend = NULL;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|z:Selector", names, &backend))
    return -1;
  if (self->loop) {
    PyErr_SetString(PyExc_RuntimeError, "this selector has been initialised already");
    return -1;
  }
  return open_loop(self, backend);
}

/* The registrations are released last: that may run a program's code, which finds a closed selector. */
static void shut(struct selector *self) {
  if (self->loop && !self->inherited)
    ioloop_free(self->loop);
  self->loop = NULL;
  self->inherited = false;
  selector_wait_end(self);
  selector_forget_all(self);
}

static PyObject *selector_close(PyObject *object, PyObject *unused) {
  struct selector *self = (struct selector *)object;
  (void)unused;
  if (selector_enter(self) < 0)
    return NULL;
  shut(self);
  selector_leave(self);
  Py_RETURN_NONE;
}

/* In the child of a fork. What was registered remains known, so that the program can unregister it. */
static PyObject *selector_after_fork(PyObject *object, PyObject *unused) {
  struct selector *self = (struct selector *)object;
  (void)unused;
  if (self->loop && !self->inherited) {
    self->inherited = true;
    self->track = NULL;
    selector_wait_after_fork(self);
    selector_wait_end(self);
    ioloop_free(self->loop);
  }
  Py_RETURN_NONE;
}

static int selector_traverse(PyObject *object, visitproc visit, void *arg) {
  Py_VISIT(Py_TYPE(object));
  return selector_visit((struct selector *)object, visit, arg);
}

static int selector_clear(PyObject *object) {
  shut((struct selector *)object);
  return 0;
}

static void selector_dealloc(PyObject *object) {
  struct selector *self = (struct selector *)object;
  PyTypeObject *type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  shut(self);
  pthread_mutex_destroy(&self->mutex);
  pthread_cond_destroy(&self->changed);
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
  Py_DECREF(type);
}

/* ---- watching the loop -------------------------------------------------------------------- */

#define COUNTER(name)                                                                              \
  { #name, offsetof(struct ioloop_metrics, name) }

static const struct {
  const char *name;
  size_t offset;
} counters[] = {
    COUNTER(wakeups), COUNTER(iterations), COUNTER(events),   COUNTER(spurious),
    COUNTER(stale),   COUNTER(modifies),   COUNTER(rebuilds), COUNTER(abandoned),
    COUNTER(signals), COUNTER(overflows),  COUNTER(starved),  COUNTER(rescues),
};

static int put_counter(PyObject *dict, const char *name, uint64_t value) {
  PyObject *number = PyLong_FromUnsignedLongLong(value);
  int r = number ? PyDict_SetItemString(dict, name, number) : -1;
  Py_XDECREF(number);
  return r;
}

static PyObject *selector_metrics(PyObject *object, PyObject *unused) {
  struct ioloop *loop = selector_loop((struct selector *)object);
  PyObject *dict = loop ? PyDict_New() : NULL;
  struct ioloop_metrics metrics;
  (void)unused;
  if (!dict)
    return NULL;
  ioloop_get_metrics(loop, &metrics, sizeof metrics);
  for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
    uint64_t value;
    memcpy(&value, (const char *)&metrics + counters[i].offset, sizeof value);
    if (put_counter(dict, counters[i].name, value) < 0) {
      Py_DECREF(dict);
      return NULL;
    }
  }
  return dict;
}

static PyObject *selector_backend(PyObject *object, void *unused) {
  struct ioloop *loop = selector_loop((struct selector *)object);
  (void)unused;
  return loop ? PyUnicode_FromString(ioloop_backend_name(loop)) : NULL;
}

static PyObject *selector_features(PyObject *object, void *unused) {
  struct ioloop *loop = selector_loop((struct selector *)object);
  (void)unused;
  return loop ? feature_words(ioloop_backend_features(loop)) : NULL;
}

static PyObject *selector_count(PyObject *object, PyObject *unused) {
  (void)unused;
  return PyLong_FromSsize_t(((struct selector *)object)->registered);
}

/* ---- the type ----------------------------------------------------------------------------- */

#define WITH_KEYWORDS(function)                                                                    \
  ((PyCFunction)(void (*)(void))(function)), METH_VARARGS | METH_KEYWORDS

static PyMethodDef methods[] = {
    {"register", WITH_KEYWORDS(selector_register),
     PyDoc_STR("register($self, fileobj, events, data=None)\n--\n\n"
               "Watch a file object or descriptor for EVENT_READ, EVENT_WRITE or both; return its "
               "SelectorKey.")},
    {"modify", WITH_KEYWORDS(selector_modify),
     PyDoc_STR("modify($self, fileobj, events, data=None)\n--\n\n"
               "Change the events and the data of a registered file object; return its new "
               "SelectorKey.")},
    {"unregister", selector_unregister, METH_O,
     PyDoc_STR("unregister($self, fileobj, /)\n--\n\n"
               "Watch it no longer; return its SelectorKey. It may be closed already.")},
    {"select", WITH_KEYWORDS(selector_select),
     PyDoc_STR("select($self, timeout=None)\n--\n\n"
               "Wait until something is ready, for up to `timeout` seconds (None: no limit; 0 or "
               "less: do not wait).\nReturn a list of (SelectorKey, events).")},
    {"get_key", selector_get_key, METH_O,
     PyDoc_STR("get_key($self, fileobj, /)\n--\n\nReturn the SelectorKey of a registered file "
               "object.")},
    {"close", selector_close, METH_NOARGS,
     PyDoc_STR("close($self, /)\n--\n\nFree the loop. No file object is closed.")},
    {"metrics", selector_metrics, METH_NOARGS,
     PyDoc_STR("metrics($self, /)\n--\n\nReturn the counters of the loop, by name (struct "
               "ioloop_metrics in ioloop.h).")},
    {"_find", selector_find, METH_O, NULL},
    {"_count", selector_count, METH_NOARGS, NULL},
    {"_descriptors", selector_descriptors, METH_NOARGS, NULL},
    {"_after_fork", selector_after_fork, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef properties[] = {
    {"backend", selector_backend, NULL, PyDoc_STR("The name of the I/O model's backend."), NULL},
    {"features", selector_features, NULL, PyDoc_STR("Its features: a tuple of words."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, selector_new},
    {Py_tp_init, selector_init},
    {Py_tp_dealloc, selector_dealloc},
    {Py_tp_traverse, selector_traverse},
    {Py_tp_clear, selector_clear},
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {Py_tp_doc, (void *)PyDoc_STR("The C part of ioloop.Selector.")},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "ioloop._ioloop.Selector",
    .basicsize = sizeof(struct selector),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};

PyObject *selector_type(void) {
  return PyType_FromSpec(&spec);
}
