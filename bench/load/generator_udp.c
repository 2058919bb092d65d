/* SPDX-License-Identifier: MIT */
/*
 * generator_udp.c - requests and echoes in datagrams, matched by their number, in any order or
 * never.
 */
#include <errno.h>
#include <sys/socket.h>

#include "generator_internal.h"

enum {
  DRAIN = 16 /* datagrams per iteration */
};

static void pump(struct client *client) {
  struct generator *generator = client->generator;
  size_t size = generator->options.size;
  while (!client->writing && client->unsent != client->flight.next) {
    message_build(generator->pattern, generator__number(client, client->unsent), generator->out,
                  size);
    ssize_t sent = send(client->fd, generator->out, size, 0);
    if (sent < 0 && errno == EINTR)
      continue;
    if (sent < 0 && errno == EAGAIN)
      generator__watch_writing(client, true);
    else if (sent < 0 && errno != ENOBUFS) /* ENOBUFS is a datagram lost before the network */
      generator__fail_socket(client, "a socket", errno);
    else
      client->unsent++;
    if (generator__is_over(generator))
      return;
  }
}

/* An echo of a request that was given up, or a duplicate, is ignored: both are normal for
 * datagrams. */
static void take(struct client *client, size_t size) {
  struct generator *generator = client->generator;
  uint64_t mask = (UINT64_C(1) << GENERATOR_NUMBER_BITS) - 1;
  uint64_t whole = size >= GENERATOR_MIN_SIZE ? message_number(generator->in) : UINT64_MAX;
  uint64_t number = whole & mask;
  if (size != generator->options.size || whole >> GENERATOR_NUMBER_BITS != client->index ||
      number >= client->unsent) {
    generator->result->wrong++;
    generator__fail(generator, -EBADMSG,
                    "socket %u: a datagram of %zu bytes came that echoes none of its own (of %zu)",
                    client->index, size, generator->options.size);
    return;
  }
  uint64_t planned_ns = flight_take(&client->flight, number);
  if (planned_ns == 0)
    return;
  if (!generator__is_open_loop(generator) && generator__wants_more(generator) &&
      generator__plan(client, generator->now_ns))
    pump(client);
  if (!message_matches(generator->pattern, whole, 0, generator->in, size))
    generator__fail_echo(client, number, 0, generator->in, size);
  else
    generator__echoed(generator, planned_ns);
}

/* One recv per echo: a second one only if another echo is on its way. */
static void receive(struct client *client) {
  struct generator *generator = client->generator;
  bool more = true;
  for (int n = 0; n < DRAIN && more && !generator__is_over(generator); n++) {
    more = client->unsent - client->flight.first > 1;
    ssize_t size = recv(client->fd, generator->in, GENERATOR_IN_SIZE, 0);
    if (size < 0 && errno != EAGAIN && errno != EINTR)
      generator__fail_socket(client, "a socket", errno);
    if (size < 0)
      return;
    generator__heard(generator);
    take(client, (size_t)size);
  }
}

static void on_event(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct client *client = arg;
  (void)loop, (void)fd;
  if (generator__is_over(client->generator))
    return;
  if (events & IOLOOP_READ)
    receive(client);
  if (client->writing && (events & IOLOOP_WRITE) && !generator__is_over(client->generator)) {
    generator__watch_writing(client, false);
    pump(client);
  }
}

/* The first requests in flight are the oldest. */
static void sweep_client(struct client *client) {
  struct generator *generator = client->generator;
  struct flight *flight = &client->flight;
  size_t lost = 0;
  while (flight->first != client->unsent) {
    uint64_t planned_ns = flight->planned_ns[flight->first & flight->mask];
    if (planned_ns + generator->options.drain_ns > generator->now_ns)
      break;
    flight_take(flight, flight->first);
    generator__lost(generator);
    lost++;
  }
  for (; lost && generator__wants_more(generator); lost--)
    if (!generator__plan(client, generator->now_ns))
      return;
  pump(client);
}

void generator__sweep(struct generator *generator) {
  for (size_t i = 0; i < generator->options.connections && !generator__is_over(generator); i++)
    sweep_client(&generator->active[i]);
}

const struct generator_kind generator__udp = {.pump = pump, .on_event = on_event};
