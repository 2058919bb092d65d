/* SPDX-License-Identifier: MIT */
/*
 * generator_churn.c - a connection for each request: connect, request, echo, close.
 *
 * On loopback a connection is established before connect() returns, although it returns
 * EINPROGRESS. So the request is sent at once, and only if that fails is the descriptor watched.
 * Both sides close in order: ours first, when the echo is complete, so that we keep TIME_WAIT (see
 * generator__spread_source).
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "generator_internal.h"

static void send_request(struct client *client) {
  struct generator *generator = client->generator;
  size_t size = generator->options.size;
  message_build(generator->pattern, generator__number(client, client->unsent), generator->out,
                size);
  ssize_t sent = send(client->fd, generator->out + client->sent, size - client->sent, 0);
  if (sent < 0 && errno != EAGAIN && errno != EINTR && errno != ENOTCONN) {
    generator__fail_socket(client, "connect", errno);
    return;
  }
  client->sent += sent > 0 ? (size_t)sent : 0;
  client->writing = client->sent < size;
}

/* A planned request is under way from here on: latency is measured from before connect(). */
static void pump(struct client *client) {
  struct generator *generator = client->generator;
  client->fd = generator__connect(generator);
  if (client->fd < 0)
    return;
  client->sent = client->received = 0;
  send_request(client);
  if (generator__is_over(generator))
    return;
  int error = ioloop_add_handler(generator->loop, client->fd,
                                 client->writing ? IOLOOP_READ | IOLOOP_WRITE : IOLOOP_READ,
                                 generator->kind->on_event, client);
  if (error)
    generator__fail(generator, error, "cannot watch a connection: %s", strerror(-error));
}

static void finish(struct client *client) {
  struct generator *generator = client->generator;
  generator__echoed(generator, flight_pop(&client->flight));
  client->unsent++;
  ioloop_remove_handler(generator->loop, client->fd);
  close(client->fd);
  client->fd = -1;
  generator->now_ns = ioloop_time(generator->loop);
  if (generator__wants_more(generator) && generator__plan(client, generator->now_ns))
    pump(client);
}

static void receive(struct client *client) {
  struct generator *generator = client->generator;
  size_t size = generator->options.size;
  ssize_t got = recv(client->fd, generator->in, GENERATOR_IN_SIZE, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (got <= 0) {
    generator__fail_socket(client, "a connection", got == 0 ? 0 : errno);
    return;
  }
  generator__heard(generator);
  uint64_t number = client->flight.first;
  if (client->received + (size_t)got > client->sent)
    generator__fail(generator, -EBADMSG, "connection %u: more came back than was sent",
                    client->index);
  else if (!message_matches(generator->pattern, generator__number(client, number), client->received,
                            generator->in, (size_t)got))
    generator__fail_echo(client, number, client->received, generator->in, (size_t)got);
  client->received += (size_t)got;
  if (client->received == size && !generator__is_over(generator))
    finish(client);
}

static void on_event(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct client *client = arg;
  (void)loop;
  if (generator__is_over(client->generator))
    return;
  if (client->writing && (events & IOLOOP_WRITE)) {
    send_request(client);
    if (!client->writing)
      ioloop_update_handler(client->generator->loop, fd, IOLOOP_READ);
  }
  if ((events & IOLOOP_READ) && !generator__is_over(client->generator))
    receive(client);
}

const struct generator_kind generator__churn = {.pump = pump, .on_event = on_event};
