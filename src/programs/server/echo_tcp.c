/* SPDX-License-Identifier: MIT */
/*
 * echo_tcp.c - connections served on the loop: print what was read, write it back.
 *
 * A connection needs a record of its own only for --prefix, which prints its peer's address, and
 * for messages that arrive in parts (reply.h). Otherwise all connections share one record, and ten
 * thousand of them take no memory here. Slow readers are handled below this layer: the stream's
 * watermarks stop reading from a peer that does not read its echo, and the gate stops reading from
 * all peers while stdout is full.
 */
#include <errno.h>
#include <stdlib.h>

#include "reply.h"
#include "server.h"

struct target {
  struct ioloop_stream *stream;
  struct counts *counts;
};

static int send_reply(void *to, const char *data, size_t size) {
  struct target *target = to;
  int error = ioloop_stream_write(target->stream, data, size);
  if (error == 0)
    counts_add(target->counts, COUNT_ECHOED, size);
  return error;
}

static void reply(struct connection *connection, struct ioloop_stream *stream, const char *data,
                  size_t size) {
  struct server *server = connection->server;
  struct target target = {.stream = stream, .counts = server->counts};
  int error = reply_to_stream((enum reply_kind)server->options.reply, &connection->framing, data,
                              size, send_reply, &target);
  connection->malformed = error == -EPROTO;
  if (error == -EPROTO)
    ioloop_stream_close_when_sent(stream); /* with the replies to the messages before */
  if (error == -ENOMEM)
    ioloop_stream_close(stream); /* an echo with a gap would be worse */
}

static void on_read(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  struct connection *connection = arg;
  struct server *server = connection->server;
  if (size == 0) {
    ioloop_stream_close_when_sent(stream);
    return;
  }
  counts_add(server->counts, COUNT_TCP_RECORDS, 1);
  counts_add(server->counts, COUNT_BYTES, size);
  server_print(server, "tcp", &connection->peer, data, size);
  if (!server->options.no_echo)
    reply(connection, stream, data, size);
}

static void on_close(struct ioloop_stream *stream, int error, void *arg) {
  struct connection *connection = arg;
  struct server *server = connection->server;
  (void)stream;
  bool idle = error == -ETIMEDOUT && server->options.idle_timeout_ns > 0;
  if (connection->malformed || (error && !idle))
    counts_add(server->counts, COUNT_FAILED, 1);
  counts_add(server->counts, COUNT_CLOSED, 1);
  if (connection != &server->anyone)
    free(connection);
  server_check_shutdown(server);
}

void server_on_connection(struct ioloop_tcpserver *tcp, struct ioloop_stream *stream,
                          const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  struct server *server = arg;
  (void)tcp;
  struct connection *connection = &server->anyone;
  if (server->options.prefix || server->options.reply != REPLY_ECHO)
    connection = malloc(sizeof *connection);
  counts_add(server->counts, COUNT_ACCEPTED, 1);
  if (!connection) {
    counts_add(server->counts, COUNT_CLOSED, 1);
    ioloop_stream_close(stream);
    return;
  }
  *connection = (struct connection){.server = server, .peer = address_from(peer, peer_size)};
  ioloop_stream_set_close_callback(stream, on_close, connection);
  ioloop_stream_set_gate(stream, server->gate);
  if (ioloop_stream_read(stream, on_read, connection) < 0)
    ioloop_stream_close(stream);
}
