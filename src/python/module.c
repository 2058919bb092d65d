/* SPDX-License-Identifier: MIT */
/* module.c - the module ioloop._ioloop: what it is made of, and the list of backends. */
#include <errno.h>
#include <stdarg.h>

#include "extension.h"

struct imported imported;

void raise_os_error(int error, const char *text, ...) {
  va_list arguments;
  va_start(arguments, text);
  PyObject *message = PyUnicode_FromFormatV(text, arguments);
  va_end(arguments);
  PyObject *exception = message ? PyObject_CallFunction(PyExc_OSError, "iO", error, message) : NULL;
  if (exception)
    PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
  Py_XDECREF(exception);
  Py_XDECREF(message);
}

/* ---- backends ----------------------------------------------------------------------------- */

static const struct {
  unsigned bit;
  const char *word;
} known_features[] = {
    {IOLOOP_F_SCALES, "scales"},
    {IOLOOP_F_NS_TIMEOUT, "ns-timeouts"},
    {IOLOOP_F_SIGNAL_DRIVEN, "signal-driven"},
    {IOLOOP_F_COMPLETION, "completion"},
};

PyObject *feature_words(unsigned features) {
  PyObject *list = PyList_New(0);
  int r = list ? 0 : -1;
  for (size_t i = 0; i < sizeof known_features / sizeof known_features[0] && !r; i++)
    if (features & known_features[i].bit) {
      PyObject *word = PyUnicode_FromString(known_features[i].word);
      r = word ? PyList_Append(list, word) : -1;
      Py_XDECREF(word);
    }
  PyObject *tuple = r ? NULL : PyList_AsTuple(list);
  Py_XDECREF(list);
  return tuple;
}

/* (name, model, features, available, reason) */
static PyObject *describe(const struct ioloop_backend_info *info) {
  PyObject *features = feature_words(info->features);
  return features ? Py_BuildValue("(ssNOs)", info->name, info->model, features,
                                  info->error ? Py_False : Py_True, info->reason)
                  : NULL;
}

static PyObject *list_backends(PyObject *module, PyObject *unused) {
  PyObject *list = PyList_New(0);
  struct ioloop_backend_info info;
  int r = list ? 0 : -1;
  (void)module, (void)unused;
  for (size_t i = 0; !r && ioloop_backend_at(i, &info, sizeof info) == 0; i++) {
    PyObject *backend = describe(&info);
    r = backend ? PyList_Append(list, backend) : -1;
    Py_XDECREF(backend);
  }
  if (r)
    Py_CLEAR(list);
  return list;
}

static PyObject *default_backend(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  return PyUnicode_FromString(ioloop_backend_default());
}

/* ---- the module --------------------------------------------------------------------------- */

static PyMethodDef functions[] = {
    {"backends", list_backends, METH_NOARGS,
     PyDoc_STR("A list of (name, model, features, available, reason), best first.")},
    {"default_backend", default_backend, METH_NOARGS,
     PyDoc_STR("The name of the first available backend.")},
    {"call_unblocked", children_call, METH_VARARGS,
     PyDoc_STR("call_unblocked(function, args, kwargs): with the loops' signals unblocked.")},
    {"blocked_signals", children_signals, METH_NOARGS,
     PyDoc_STR("The signals that loops have blocked in this thread.")},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "ioloop._ioloop",
    .m_doc = PyDoc_STR("The C part of the package ioloop."),
    .m_size = -1,
    .m_methods = functions,
};

static PyObject *attribute_of(const char *module_name, const char *name) {
  PyObject *module = PyImport_ImportModule(module_name);
  PyObject *object = module ? PyObject_GetAttrString(module, name) : NULL;
  Py_XDECREF(module);
  return object;
}

static bool import_all(void) {
  imported.selector_key = attribute_of("selectors", "SelectorKey");
  imported.set_wakeup_fd = attribute_of("signal", "set_wakeup_fd");
  imported.tuple_new = PyObject_GetAttrString((PyObject *)&PyTuple_Type, "__new__");
  return imported.selector_key && imported.set_wakeup_fd && imported.tuple_new;
}

/* Takes over the reference. */
static int add(PyObject *module, const char *name, PyObject *object) {
  int r = object ? PyModule_AddObject(module, name, object) : -1;
  if (r)
    Py_XDECREF(object);
  return r;
}

PyMODINIT_FUNC PyInit__ioloop(void);

PyMODINIT_FUNC PyInit__ioloop(void) {
  PyObject *module = import_all() ? PyModule_Create(&definition) : NULL;
  if (module && PyModule_AddFunctions(module, tracing_functions) == 0 &&
      add(module, "Selector", selector_type()) == 0 &&
      PyModule_AddStringConstant(module, "__version__", IOLOOP_VERSION) == 0)
    return module;
  Py_XDECREF(module);
  return NULL;
}
