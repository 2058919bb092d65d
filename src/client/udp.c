/* SPDX-License-Identifier: MIT */
/*
 * udp.c - a worker that sends datagrams.
 *
 * The socket is connected, so that only the server's datagrams come in and the network's errors
 * (port unreachable) come back. UDP may lose a message or its echo and nobody tells: an echo that
 * does not come within --timeout is missing.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"

enum {
  RETRY_NS = 1000 * 1000, /* when the way out is full */
};

static void send_message(struct worker *worker);

static void on_datagram(struct datagram *socket, const char *data, size_t size,
                        const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  struct worker *worker = arg;
  (void)socket;
  (void)peer;
  (void)peer_size;
  if (!worker->busy || worker->client->options.no_wait || !client_compare(worker, data, size))
    return;
  if (worker->received < worker->message.size)
    client_failed(worker, "different: it ends after %zu of %zu bytes", worker->received,
                  worker->message.size);
  else
    client_done(worker);
}

static void close_socket(struct worker *worker) {
  datagram_close(worker->socket);
  worker->socket = NULL;
}

static void on_error(struct datagram *socket, int error, void *arg) {
  struct worker *worker = arg;
  (void)socket;
  if (error == -EMSGSIZE && worker->busy) {
    client_failed(worker, "missing: the network takes no datagram of %zu bytes",
                  worker->message.size);
  } else if (worker->busy) {
    close_socket(worker);
    client_unreachable(worker, error);
  }
}

static int open_socket(struct worker *worker) {
  struct client *client = worker->client;
  const struct address *address = &client->targets.at[client->target];
  worker->target = client->target;
  int fd = socket(address->any.sa_family, SOCK_DGRAM, 0);
  if (fd < 0)
    return -errno;
  int error = connect(fd, &address->any, address_size(address)) < 0 ? -errno : 0;
  if (!error)
    error = datagram_new(client->loop, fd, on_datagram, on_error, worker, &worker->socket);
  if (error)
    close(fd);
  return error;
}

static void on_retry(struct ioloop *loop, void *arg) {
  (void)loop;
  send_message(arg);
}

static void on_turn(struct ioloop *loop, void *arg) {
  struct worker *worker = arg;
  (void)loop;
  if (worker->busy)
    client_done(worker);
}

/* Without waiting the next message follows in the next turn of the loop: what is sent in one turn
 * goes out together, and a burst that is given in all at once would not fit the queue. */
static void send_message(struct worker *worker) {
  struct client *client = worker->client;
  if (!worker->busy || !worker->socket)
    return;
  int error = datagram_send(worker->socket, worker->message.data, worker->message.size, NULL, 0);
  if (error == -ENOBUFS)
    error = ioloop_call_later(client->loop, RETRY_NS, on_retry, worker, NULL);
  else if (!error && client->options.no_wait)
    error = ioloop_add_callback(client->loop, on_turn, worker);
  if (error)
    client_failed(worker, "missing: its message was not sent: %s", strerror(-error));
}

static void start(struct worker *worker) {
  int error = worker->socket ? 0 : open_socket(worker);
  if (error)
    client_unreachable(worker, error);
  else
    send_message(worker);
}

static void time_out(struct worker *worker) {
  client_failed(worker, "missing: nothing came within %g s",
                (double)worker->client->options.timeout_ns / 1e9);
}

const struct transport transport_udp = {
    .name = "udp", .start = start, .time_out = time_out, .close = close_socket};
