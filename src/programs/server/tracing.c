/* SPDX-License-Identifier: MIT */
/*
 * tracing.c - --trace=FILE: what is recorded of a server, and when the file is written.
 *
 * Each worker has its own file, FILE with the worker's number before the suffix; a worker that is
 * started again overwrites it. The loop of a blocking server serves no descriptor, and is not
 * recorded.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/say.h"
#include "server.h"
#include "trace/trace.h"

enum {
  PATH_SIZE = 4096,
  DESCRIPTORS_MAX = 1 << 20,
};

static int refuse(const char *path, int error) {
  if (error == -EINVAL)
    return complain("--trace=%s: is not a regular file; give a name that may be overwritten, as "
                    "trace.json",
                    path);
  return complain("cannot write the trace %s: %s (see that its folder exists and may be written)",
                  path, strerror(-error));
}

/* trace.json of worker 2: trace.2.json. false: too long. */
static bool path_of(const struct server_options *options, const struct worker *worker,
                    char path[PATH_SIZE]) {
  const char *whole = options->trace;
  const char *slash = strrchr(whole, '/'), *dot = strrchr(whole, '.');
  int stem =
      dot && dot > whole && (!slash || dot > slash + 1) ? (int)(dot - whole) : (int)strlen(whole);
  int size =
      worker ? snprintf(path, PATH_SIZE, "%.*s.%zu%s", stem, whole, worker->index + 1, whole + stem)
             : snprintf(path, PATH_SIZE, "%s", whole);
  return size < PATH_SIZE;
}

int tracing_check(const struct server_options *options) {
  const struct worker first = {.index = 0};
  char path[PATH_SIZE];
  if (!options->trace)
    return 0;
  int error = path_of(options, NULL, path) ? trace_check(path) : -ENAMETOOLONG;
  if (!error && options->workers)
    error = path_of(options, &first, path) ? trace_check(path) : -ENAMETOOLONG;
  return error ? refuse(options->trace, error) : 0;
}

static void on_full(void *arg) {
  const struct server *server = arg;
  complain("the trace has its %llu events after %.3f s; later events are not recorded (record more "
           "with --trace-limit=N)",
           (unsigned long long)server->options.trace_limit,
           (double)(ioloop_time(server->loop) - server->trace_began_ns) / 1e9);
}

static const char *model_of(const struct server *server) {
  struct ioloop_backend_info info;
  if (server->blocking)
    return "blocking";
  return ioloop_backend_probe(server->backend, &info, sizeof info) == 0 ? info.model : "";
}

int tracing_start(struct server *server, const struct worker *worker) {
  char path[PATH_SIZE];
  if (!server->options.trace)
    return 0;
  const struct trace_options options = {
      .path = path,
      .limit = server->options.trace_limit,
      .program = say_program(),
      .backend = server->backend,
      .model = model_of(server),
      .descriptors = server->descriptor_limit < DESCRIPTORS_MAX ? (size_t)server->descriptor_limit
                                                                : DESCRIPTORS_MAX,
  };
  int error = path_of(&server->options, worker, path)
                  ? trace_new(&options, on_full, server, &server->trace)
                  : -ENAMETOOLONG;
  if (error)
    return refuse(path, error);
  server->trace_began_ns = ioloop_time(server->loop);
  if (!server->blocking)
    trace_observe(trace_track(server->trace, "loop"), server->loop);
  return 0;
}

static void on_flush_signal(struct ioloop *loop, int signo, void *arg) {
  struct server *server = arg;
  (void)loop, (void)signo;
  trace_flush(server->trace);
}

int tracing_watch_signal(struct server *server) {
  return server->trace ? ioloop_add_signal(server->loop, SIGUSR1, on_flush_signal, server) : 0;
}

struct trace_track *tracing_thread(struct server *server, const char *kind, int connection) {
  if (!server->trace)
    return NULL;
  if (connection < 0)
    return trace_track(server->trace, "%s", kind);
  return trace_track(server->trace, "%s %u", kind, trace_connection(server->trace, connection));
}

void tracing_write_now(struct server *server) {
  if (server->trace)
    (void)trace_write_now(server->trace);
}

void tracing_finish(struct server *server) {
  int error = trace_finish(server->trace);
  server->trace = NULL;
  if (error)
    server->status =
        complain("the trace %s is not complete: %s", server->options.trace, strerror(-error));
}
