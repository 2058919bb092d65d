/* SPDX-License-Identifier: MIT */
/*
 * main.c - the echo-print server: parts put together, run, taken apart.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../programs/backends.h"
#include "../programs/cli.h"
#include "../programs/descriptors.h"
#include "../programs/say.h"
#include "server.h"
#include "threads.h"

/* ---- what stdout does to the rest ----------------------------------------------------- */

static void on_stalled(void *arg) {
  struct server *server = arg;
  iostream_gate_close(server->gate);
  if (server->threads)
    threads_stall(server->threads, true);
}

static void on_resumed(void *arg) {
  struct server *server = arg;
  iostream_gate_open(server->gate);
  if (server->threads)
    threads_stall(server->threads, false);
}

static void on_emptied(void *arg) {
  server_check_end(arg);
}

static void on_failed(void *arg, int error) {
  struct server *server = arg;
  complain("cannot write to stdout: %s (%s; or print nothing: --print=none)", strerror(-error),
           output_remedy(error));
  server->status = EXIT_TROUBLE;
  ioloop_stop(server->loop);
}

/* ---- making and unmaking -------------------------------------------------------------- */

static int make_parts(struct server *server) {
  const struct output_events events = {.stalled = on_stalled,
                                       .resumed = on_resumed,
                                       .emptied = on_emptied,
                                       .failed = on_failed,
                                       .arg = server};
  int error = iostream_gate_new(&server->gate);
  if (!error)
    error = output_new(server->loop, STDOUT_FILENO, &events, &server->output);
  if (!error && server->options.handler == HANDLER_THREAD)
    error = threads_new(server, &server->threads);
  if (!error)
    error = server_watch_signals(server);
  if (!error)
    error = server_start_reports(server);
  if (!error)
    return 0;
  bool limit = error == -EMFILE || error == -ENFILE;
  complain("cannot start: %s%s", strerror(-error),
           limit ? " (raise the limit of descriptors: ulimit -n 1024)" : "");
  return EXIT_TROUBLE;
}

/* Threads that could not be ended in time may still use any of it: then the process ends without
 * taking anything apart. */
static void free_parts(struct server *server) {
  if (server->threads && server->tcp && tcpserver_connections(server->tcp) > 0) {
    output_restore(server->output);
    _exit(server->status);
  }
  tcpserver_close(server->tcp);
  for (size_t i = 0; i < server->udp_count; i++)
    datagram_close(server->udp[i]);
  threads_free(server->threads);
  output_free(server->output);
  iostream_gate_free(server->gate);
  ioloop_free(server->loop);
}

/* ---- running -------------------------------------------------------------------------- */

static void finish(struct server *server) {
  size_t lost = output_pending_lines(server->output);
  if (server->status != EXIT_OK)
    return;
  server_print_summary(server);
  if (lost == 0)
    return;
  complain("%zu records were not printed: the reader of stdout took nothing for 3 s", lost);
  server->status = EXIT_TROUBLE;
}

static void run(struct server *server) {
  server->began_ns = ioloop_time(server->loop);
  server_announce(server);
  int error = ioloop_start(server->loop);
  if (error < 0) {
    complain("the %s backend failed: %s", ioloop_backend_name(server->loop), strerror(-error));
    server->status = EXIT_TROUBLE;
  }
  finish(server);
}

static int serve(const struct options *options) {
  struct server server = {
      .options = *options,
      .format = {.print = options->print, .prefix = options->prefix},
      .descriptor_limit = descriptors_raise_limit(),
  };
  signal(SIGPIPE, SIG_IGN);
  server.status = backends_new_loop(options->backend, &server.loop);
  if (server.status)
    return server.status;
  ioloop_set_spin(server.loop, options->spin_us * 1000);
  server.status = make_parts(&server);
  if (!server.status)
    server.status = server_listen(&server);
  if (!server.status)
    run(&server);
  free_parts(&server);
  return server.status;
}

int main(int argc, char **argv) {
  struct options options;
  say_begin(argv[0]);
  int error = options_parse(argc, argv, &options);
  if (error)
    return error;
  if (options.help)
    return options_print_help();
  if (options.list_backends)
    return backends_print();
  if (options.version) {
    printf("%s (ioloop) %s\n", say_program(), IOLOOP_VERSION);
    return cli_finish_stdout();
  }
  return serve(&options);
}
