/* SPDX-License-Identifier: MIT */
/*
 * listen.c - gives the sockets to the loop, or to threads.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "blocking.h"
#include "common/say.h"
#include "server.h"
#include "sockets.h"

static int make_tcpserver(struct server *server) {
  bool threaded = server->options.handler == HANDLER_THREAD;
  const struct tcpserver_options options = {
      .backlog = (int)server->options.backlog,
      .max_connections = (size_t)server->options.max_connections,
      .idle_timeout_ns = threaded ? 0 : server->options.idle_timeout_ns,
      .on_connection = threaded ? NULL : server_on_connection,
      .on_accepted = threaded ? blocking_on_accepted : NULL,
      .on_trouble = server_on_trouble,
      .arg = server,
  };
  return server->options.tcp ? tcpserver_new(server->loop, &options, &server->tcp) : 0;
}

static int serve_on_loop(struct server *server, struct sockets *set) {
  server->udp = calloc(set->count, sizeof *server->udp);
  int error = server->udp ? make_tcpserver(server) : -ENOMEM;
  for (size_t i = 0; i < set->count && !error; i++) {
    struct bound_socket *bound = &set->at[i];
    error = bound->tcp ? tcpserver_add_socket(server->tcp, bound->fd)
                       : server_add_udp(server, bound->fd);
    if (!error)
      bound->fd = -1;
  }
  return error;
}

int server_listen(struct server *server, struct sockets *set) {
  int error = server->blocking ? blocking_start(server, set) : serve_on_loop(server, set);
  if (!error)
    return 0;
  complain("cannot start: %s (see the limits of this shell: ulimit -a)", strerror(-error));
  return EXIT_TROUBLE;
}
