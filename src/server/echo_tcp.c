/* SPDX-License-Identifier: MIT */
/*
 * echo_tcp.c - connections served on the loop: print what was read, write it back.
 *
 * All that a connection needs of us is its peer's address, and that only for --prefix; without it
 * they all share one record, and ten thousand of them are no memory of ours. Slowness is handled
 * below: a peer that does not read its echo is not read from (the stream's watermarks), and nobody
 * is read from while stdout is full (the gate).
 */
#include <errno.h>
#include <stdlib.h>

#include "server.h"

static void on_read(struct iostream *stream, const char *data, size_t size, void *arg) {
  struct connection *connection = arg;
  struct server *server = connection->server;
  if (size == 0) {
    iostream_close_when_sent(stream);
    return;
  }
  counts_add(server->counts, COUNT_TCP_RECORDS, 1);
  counts_add(server->counts, COUNT_BYTES, size);
  server_print(server, "tcp", &connection->peer, data, size);
  if (server->options.no_echo)
    return;
  int error = iostream_write(stream, data, size);
  if (error == 0)
    counts_add(server->counts, COUNT_ECHOED, size);
  else if (error == -ENOMEM)
    iostream_close(stream); /* an echo with a hole in it would be worse */
}

static void on_close(struct iostream *stream, int error, void *arg) {
  struct connection *connection = arg;
  struct server *server = connection->server;
  (void)stream;
  bool idle = error == -ETIMEDOUT && server->options.idle_timeout_ns > 0;
  if (error && !idle)
    counts_add(server->counts, COUNT_FAILED, 1);
  counts_add(server->counts, COUNT_CLOSED, 1);
  if (connection != &server->anyone)
    free(connection);
  server_check_end(server);
}

void server_on_connection(struct tcpserver *tcp, struct iostream *stream,
                          const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  struct server *server = arg;
  (void)tcp;
  struct connection *connection = &server->anyone;
  if (server->options.prefix)
    connection = malloc(sizeof *connection);
  counts_add(server->counts, COUNT_ACCEPTED, 1);
  if (!connection) {
    counts_add(server->counts, COUNT_CLOSED, 1);
    iostream_close(stream);
    return;
  }
  *connection = (struct connection){.server = server, .peer = address_from(peer, peer_size)};
  iostream_set_close_callback(stream, on_close, connection);
  iostream_set_gate(stream, server->gate);
  if (iostream_read(stream, on_read, connection) < 0)
    iostream_close(stream);
}

void server_on_trouble(struct tcpserver *tcp, int error, void *arg) {
  (void)tcp;
  server_complain_of_accept(arg, error);
}
