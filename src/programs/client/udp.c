/* SPDX-License-Identifier: MIT */
/*
 * udp.c - a worker that sends datagrams.
 *
 * The socket is connected, so that only the server's datagrams are received and errors of the
 * network (port unreachable) are reported. UDP may lose a message or its echo without notice: an
 * echo that does not arrive within --timeout is missing. Only the first echo shows that a server
 * answers at an address at all. With --no-wait, which has no echoes, the first address that accepts
 * the message is used.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "common/clock.h"

#define RETRY_NS NS_PER_MS /* when the send queue is full */

static void on_datagram(struct ioloop_datagram *socket, const char *data, size_t size,
                        const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  struct attempt *attempt = arg;
  struct worker *worker = attempt->worker;
  (void)socket, (void)peer, (void)peer_size;
  if (!worker->busy || worker->client->options.no_wait)
    return;
  if (!worker->answered)
    race_won(attempt);
  if (!client_compare(worker, data, size))
    return;
  if (worker->received < worker->message.size)
    client_failed(worker, "different: it ends after %zu of %zu bytes", worker->received,
                  worker->message.size);
  else
    client_done(worker);
}

static void on_error(struct ioloop_datagram *socket, int error, void *arg) {
  struct attempt *attempt = arg;
  (void)socket;
  if (attempt->worker->busy)
    race_lost(attempt, error);
}

static void close_socket(struct attempt *attempt) {
  ioloop_datagram_close(attempt->socket);
  attempt->socket = NULL;
}

/* ---- sending -------------------------------------------------------------------------- */

static void on_retry(struct ioloop *loop, void *arg);

static void on_turn(struct ioloop *loop, void *arg) {
  struct attempt *attempt = arg;
  struct worker *worker = attempt->worker;
  (void)loop;
  if (!worker->busy || !attempt->socket)
    return;
  if (!worker->answered)
    race_won(attempt);
  client_done(worker);
}

/* With --no-wait the next message follows in the next iteration of the loop: datagrams sent in one
 * iteration leave together, and a burst of all of them would not fit the queue. */
static int send_to(struct attempt *attempt) {
  const struct client *client = attempt->worker->client;
  const struct message *message = &attempt->worker->message;
  int error = ioloop_datagram_send(attempt->socket, message->data, message->size, NULL, 0);
  if (error == -ENOBUFS)
    return ioloop_call_later(client->loop, RETRY_NS, on_retry, attempt, NULL);
  if (!error && client->options.no_wait)
    return ioloop_add_callback(client->loop, on_turn, attempt);
  return error;
}

static void on_retry(struct ioloop *loop, void *arg) {
  struct attempt *attempt = arg;
  (void)loop;
  int error = attempt->worker->busy && attempt->socket ? send_to(attempt) : 0;
  if (error)
    race_lost(attempt, error);
}

static void send_message(struct worker *worker) {
  int error = send_to(worker->answered);
  if (error)
    client_failed(worker, "missing: its message was not sent: %s", strerror(-error));
}

/* ---- the transport -------------------------------------------------------------------- */

static int connect_socket(int fd, const struct address *address) {
  if (connect(fd, &address->any, address_size(address)) < 0)
    return -errno;
  return address_same_ends(fd) ? -ELOOP : 0;
}

static int open_socket(struct attempt *attempt, const struct address *address) {
  struct ioloop *loop = attempt->worker->client->loop;
  int fd = socket(address->any.sa_family, SOCK_DGRAM, 0);
  if (fd < 0)
    return -errno;
  int error = connect_socket(fd, address);
  if (!error)
    error = ioloop_datagram_new(loop, fd, on_datagram, on_error, attempt, &attempt->socket);
  if (error) {
    close(fd);
    return error;
  }
  error = send_to(attempt);
  if (error)
    close_socket(attempt);
  return error;
}

/* With only one address, the server may well be there, and the echo lost. */
static void time_out(struct worker *worker) {
  if (!worker->answered && worker->last - worker->first > 1) {
    client_unreachable(worker);
    return;
  }
  client_failed(worker, "missing: nothing came within %g s",
                (double)worker->client->options.timeout_ns / 1e9);
  race_end(worker);
}

const struct transport transport_udp = {.name = "udp",
                                        .open = open_socket,
                                        .send = send_message,
                                        .time_out = time_out,
                                        .close = close_socket};
