/* SPDX-License-Identifier: MIT */
/*
 * serve.c - the echo-print server of one process: put together, run, taken apart.
 *
 * A worker is the same server with three differences: its sockets, its counters' memory and its
 * stdout come from its parent; it prints nothing about itself; and it ends when its control line to
 * the parent is closed.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/backends.h"
#include "common/program.h"
#include "common/say.h"
#include "server.h"
#include "threads.h"

/* ---- how stdout affects the rest ------------------------------------------------------ */

static void on_stalled(void *arg, bool stalled) {
  struct server *server = arg;
  (stalled ? ioloop_gate_close : ioloop_gate_open)(server->gate);
  if (server->threads)
    threads_stall(server->threads, stalled);
}

static void on_emptied(void *arg) {
  server_check_shutdown(arg);
}

/* A worker's reader is its parent: if it is gone, an error message has no reader. */
static void on_failed(void *arg, int error) {
  struct server *server = arg;
  server->status = server->control < 0 ? complain_of_stdout(error) : EXIT_TROUBLE;
  ioloop_stop(server->loop);
}

/* Nothing is ever sent on it; when it closes, the parent has ended. Readiness may be spurious, and
 * under the nonblocking model it is reported on every iteration. */
static void on_control(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct server *server = arg;
  char byte;
  (void)events;
  if (recv(fd, &byte, 1, MSG_DONTWAIT) != 0)
    return;
  ioloop_update_handler(loop, fd, 0);
  if (!server->shutdown_signal)
    server_begin_shutdown(server, SIGTERM);
}

/* These are blocked before a worker can handle signals and at the end of every process. A lost
 * signal would leave a worker running, an early one would kill it, and a late one (a second one, or
 * the trace's) would kill it while it writes its last lines. */
sigset_t server_signals(void) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGHUP);
  sigaddset(&signals, SIGUSR1);
  return signals;
}

static void hold_signals(bool on) {
  sigset_t held = server_signals();
  pthread_sigmask(on ? SIG_BLOCK : SIG_UNBLOCK, &held, NULL);
}

/* They were blocked since before the fork. */
static int watch_parent(struct server *server) {
  hold_signals(false);
  return ioloop_add_handler(server->loop, server->control, IOLOOP_READ, on_control, server);
}

static void report_serving(const struct server *server) {
  while (write(server->control, "", 1) < 0 && errno == EINTR)
    ;
}

/* ---- making and unmaking -------------------------------------------------------------- */

static int make_threads(struct server *server) {
  bool needed = server->blocking || server->options.handler == HANDLER_THREAD;
  return needed ? threads_new(server, &server->threads) : 0;
}

static int make_parts(struct server *server) {
  const struct output_events events = {
      .stalled = on_stalled, .emptied = on_emptied, .failed = on_failed, .arg = server};
  int error = ioloop_gate_new(&server->gate);
  if (!error)
    error = output_new(server->loop, STDOUT_FILENO, &events, &server->output);
  if (!error)
    error = make_threads(server);
  if (!error)
    error = server_watch_signals(server);
  if (!error)
    error = tracing_watch_signal(server);
  if (!error && server->control >= 0)
    error = watch_parent(server);
  if (!error)
    error = reports_start(server->loop, &server->options, server_on_stats, server);
  if (!error)
    return 0;
  bool limit = error == -EMFILE || error == -ENFILE;
  return complain("cannot start: %s%s", strerror(-error),
                  limit ? " (raise the limit of descriptors: ulimit -n 1024)" : "");
}

/* The loop of a blocking server has no sockets: any backend will do. */
static int make_loop(struct server *server, struct backend_choice choice) {
  if (server->blocking)
    choice.name = "poll";
  int error = backends_new_loop(choice, BLOCKING_MODEL, &server->loop);
  if (!error && !server->blocking)
    ioloop_set_spin(server->loop, server->options.spin_us * NS_PER_US);
  return error;
}

/* Closing it shows the parent that serving is over; writing the trace may still take a while
 * (tracing_finish). */
static void close_control(struct server *server) {
  if (server->control < 0)
    return;
  ioloop_remove_handler(server->loop, server->control);
  close(server->control);
}

/* Threads that could not be ended in time may still use any of it: the process then exits without
 * freeing anything. */
static void free_parts(struct server *server) {
  hold_signals(true);
  close_control(server);
  if (threads_running(server->threads) > 0) {
    output_restore(server->output);
    tracing_write_now(server);
    _exit(server->status);
  }
  ioloop_tcpserver_close(server->tcp);
  for (size_t i = 0; i < server->udp_count; i++)
    ioloop_datagram_close(server->udp[i]);
  free(server->udp);
  threads_free(server->threads);
  output_free(server->output);
  ioloop_gate_free(server->gate);
  ioloop_free(server->loop);
  tracing_finish(server);
}

/* ---- serving the sockets --------------------------------------------------------------- */

/* Accepting pauses and is retried. */
static void on_trouble(struct ioloop_tcpserver *tcp, int error, void *arg) {
  (void)tcp;
  server_complain_of_accept(arg, error);
}

static int make_tcpserver(struct server *server) {
  bool threaded = server->options.handler == HANDLER_THREAD;
  const struct ioloop_tcpserver_options options = {
      .size = sizeof options,
      .backlog = (int)server->options.backlog,
      .max_connections = (size_t)server->options.max_connections,
      .idle_timeout_ns = threaded ? 0 : server->options.idle_timeout_ns,
      .on_connection = threaded ? NULL : server_on_connection,
      .on_accepted = threaded ? blocking_on_accepted : NULL,
      .on_trouble = on_trouble,
      .arg = server,
  };
  return server->options.tcp ? ioloop_tcpserver_new(server->loop, &options, &server->tcp) : 0;
}

/* Give the sockets to the loop. */
static int serve_on_loop(struct server *server, struct sockets *set) {
  server->udp = calloc(set->count, sizeof *server->udp);
  int error = server->udp ? make_tcpserver(server) : -ENOMEM;
  for (size_t i = 0; i < set->count && !error; i++) {
    struct bound_socket *bound = &set->at[i];
    error = bound->tcp ? ioloop_tcpserver_add_socket(server->tcp, bound->fd)
                       : server_add_udp(server, bound->fd);
    if (!error)
      bound->fd = -1;
  }
  return error;
}

/* ---- running -------------------------------------------------------------------------- */

static void finish(struct server *server) {
  size_t lost = output_pending_lines(server->output);
  server_publish(server);
  slow_summarize(server);
  if (server->status != EXIT_OK || server->control >= 0)
    return;
  reports_print_summary(server->backend, ioloop_time(server->loop) - server->began_ns,
                        server->counts, lost, "");
  server->status = complain_of_lost(lost);
}

static void run(struct server *server, const struct sockets *set) {
  server->began_ns = ioloop_time(server->loop);
  if (server->control < 0)
    sockets_announce(set, server->backend);
  else
    report_serving(server);
  int error = ioloop_start(server->loop);
  if (error < 0)
    server->status = complain("the %s backend failed: %s", server->backend, strerror(-error));
  finish(server);
}

static int start(struct server *server, const struct worker *worker, struct sockets *own) {
  struct sockets *set = worker ? worker->sockets : own;
  int status = make_parts(server);
  if (!status && !worker)
    status = sockets_open(&server->options, own, 1);
  if (status)
    return status;
  int error = server->blocking ? blocking_start(server, set) : serve_on_loop(server, set);
  return error ? complain_of_start(error) : 0;
}

int server_run(const struct server_options *options, const struct worker *worker) {
  struct backend_choice choice = backends_choose(options->backend);
  struct sockets own = {.count = 0};
  struct server server = {
      .options = *options,
      .backend = choice.name,
      .blocking = strcmp(choice.name, BLOCKING_MODEL) == 0,
      .counts = worker ? worker->counts : &server.own_counts,
      .control = worker ? worker->control : -1,
      .worker_index = worker ? worker->index : 0,
      .descriptor_limit = descriptors_raise_limit(),
  };
  signals_survive_writes();
  if (worker)
    server.options.heartbeat_ns = 0; /* its parent prints it */
  server.status = make_loop(&server, choice);
  if (!server.status)
    server.status = tracing_start(&server, worker);
  if (server.status) {
    ioloop_free(server.loop);
    return server.status;
  }
  slow_watch(&server);
  server.status = start(&server, worker, &own);
  if (!server.status)
    run(&server, &own);
  free_parts(&server);
  sockets_close(&own);
  return server.status;
}
