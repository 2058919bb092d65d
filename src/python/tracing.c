/* SPDX-License-Identifier: MIT */
/*
 * tracing.c - a Chrome trace of all loops of the process, and of the system calls of the Python program
 * (ioloop/_trace.py), in the format of the server's (src/programs/trace).
 *
 * There is one trace, until the process ends: threads may record until then. Each loop has a track, to
 * which the system calls of the thread belong that waited in it last.
 */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "extension.h"
#include "trace/recorder.h"

enum {
  DESCRIPTORS_MAX = 1 << 20,
};

static struct trace *trace;
static atomic_bool is_full;
static unsigned loops;
static _Thread_local struct trace_track *current;

/* The names of the calls, which the trace keeps: texts that live. */
static const char *const names[] = {"accept", "connect", "read",    "recv",  "recvfrom", "recvmsg",
                                    "send",   "sendto",  "sendmsg", "write", "sendfile", NULL};

static void on_full(void *arg) {
  (void)arg;
  atomic_store(&is_full, true);
}

struct trace_track *tracing_observe(struct ioloop *loop) {
  if (!trace)
    return NULL;
  struct trace_track *track =
      ++loops == 1 ? trace_track(trace, "loop") : trace_track(trace, "loop %u", loops);
  trace_observe(track, loop);
  return track;
}

void tracing_enter(struct trace_track *track) {
  current = track;
}

static size_t descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > DESCRIPTORS_MAX)
    return DESCRIPTORS_MAX;
  return (size_t)limit.rlim_cur;
}

/* A text of the trace must live as long as it does. */
static const char *keep(PyObject *text) {
  PyObject *bytes = PyUnicode_AsUTF8String(text);
  return bytes ? PyBytes_AsString(bytes) : NULL; /* never released */
}

static PyObject *start(PyObject *module, PyObject *args) {
  const char *path, *backend;
  PyObject *program;
  unsigned long long limit;
  struct ioloop_backend_info info;
  (void)module;
  if (!PyArg_ParseTuple(args, "sUsK:trace_start", &path, &program, &backend, &limit))
    return NULL;
  int r = trace ? -EBUSY : trace_check(path);
  if (!r)
    r = ioloop_backend_probe(backend, &info, sizeof info);
  if (!r) {
    const struct trace_options options = {
        .path = path,
        .limit = limit,
        .program = keep(program),
        .backend = info.name,
        .model = info.model,
        .descriptors = descriptor_limit(),
    };
    if (!options.program)
      return NULL;
    r = trace_new(&options, on_full, NULL, &trace);
  }
  if (r) {
    raise_os_error(-r, r == -EINVAL ? "not a regular file" : "%s", strerror(-r));
    return NULL;
  }
  Py_RETURN_NONE;
}

static const char *static_name(const char *name) {
  for (const char *const *known = names; *known; known++)
    if (strcmp(*known, name) == 0)
      return *known;
  return NULL;
}

static PyObject *record_call(PyObject *module, PyObject *args) {
  const char *name;
  int fd;
  Py_ssize_t result;
  unsigned long long begun_ns, ended_ns;
  (void)module;
  if (!PyArg_ParseTuple(args, "sinKK:trace_call", &name, &fd, &result, &begun_ns, &ended_ns))
    return NULL;
  name = static_name(name);
  if (trace && current && name)
    trace_add(current, (struct record){.kind = RECORD_CALL,
                                       .name = name,
                                       .fd = fd,
                                       .value = result,
                                       .at_ns = begun_ns,
                                       .duration_ns = ended_ns - begun_ns});
  Py_RETURN_NONE;
}

static PyObject *write_trace(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  int r = trace ? trace_write_now(trace) : 0;
  if (r) {
    raise_os_error(-r, "%s", strerror(-r));
    return NULL;
  }
  return PyBool_FromLong(atomic_load(&is_full));
}

/* In the child of a fork: the file is the parent's. */
static PyObject *forget(PyObject *module, PyObject *unused) {
  (void)module, (void)unused;
  trace = NULL;
  current = NULL;
  Py_RETURN_NONE;
}

PyMethodDef tracing_functions[] = {
    {"trace_start", start, METH_VARARGS,
     PyDoc_STR("trace_start(path, program, backend, limit): record every loop made from now on.")},
    {"trace_call", record_call, METH_VARARGS,
     PyDoc_STR("trace_call(name, fd, result, begun_ns, ended_ns): a system call of this thread.")},
    {"trace_write", write_trace, METH_NOARGS,
     PyDoc_STR("Write the file. True if the limit was reached.")},
    {"trace_forget", forget, METH_NOARGS, PyDoc_STR("End the trace without writing it.")},
    {NULL, NULL, 0, NULL},
};
