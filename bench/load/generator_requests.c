/* SPDX-License-Identifier: MIT */
/*
 * generator_requests.c - requests and their echoes: on persistent TCP connections, on a connection
 * for each, and in datagrams.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "generator_internal.h"

enum {
  DRAIN = 16 /* datagrams per iteration */
};

/* ---- planned, echoed, lost ------------------------------------------------------------------- */

/* Closed loop: should another request be sent? */
static bool wants_more(const struct generator *generator) {
  const struct generator_options *options = &generator->options;
  return generator->issuing && generator->now_ns < generator->to_ns &&
         (options->requests == 0 || generator->result->sent < options->requests);
}

/* It is to be sent. False: no memory, and the run is over. */
static bool plan(struct client *client, uint64_t planned_ns) {
  struct generator *generator = client->generator;
  if (flight_push(&client->flight, planned_ns) < 0) {
    generator__fail(generator, -ENOMEM, "no memory");
    return false;
  }
  if (generator->under_way++ == 0 && !generator->silent)
    generator->progress_ns = generator->now_ns;
  generator->result->sent += generator__is_measured(generator, planned_ns);
  return true;
}

/* Its echo is complete, at now_ns. */
static void note_echo(struct generator *generator, uint64_t planned_ns) {
  generator->under_way--;
  if (!generator__is_measured(generator, planned_ns))
    return;
  generator->result->echoed++;
  histogram_record(generator->latency, generator->now_ns - planned_ns);
}

/* It is given up. */
static void note_loss(struct generator *generator) {
  generator->under_way--;
  generator->silent = true;
}

/* Something has just been received. */
static void note_receipt(struct generator *generator) {
  generator->now_ns = generator->progress_ns = ioloop_time(generator->loop);
  generator->silent = false;
}

static void watch_writing(struct client *client, bool on) {
  client->writing = on;
  generator__watch(client, on ? IOLOOP_READ | IOLOOP_WRITE : IOLOOP_READ, generator__on_event);
}

/*
 * ---- TCP ----------------------------------------------------------------------------------------
 *
 * A request costs at most one send and one recv; several that are due together share them. The next
 * request is sent before the echo is compared, so that the server works while we compare.
 *
 * With churn, each has a connection of its own: connect, request, echo, close. On loopback a
 * connection is established before connect() returns, although it returns EINPROGRESS. So the
 * request is sent at once, and the descriptor is watched afterwards. Both sides close in order: ours
 * first, when the echo is complete, so that we keep TIME_WAIT (see spread_source).
 */

/* As many whole messages as are planned and fit, starting with the beginning of the first one,
 * although part of it may have been sent. Returns the size. */
static size_t compose(const struct client *client) {
  const struct generator *generator = client->generator;
  size_t size = generator->options.size, used = 0;
  for (uint64_t n = client->unsent; n != client->flight.next && used + size <= GENERATOR_OUT_SIZE;
       n++, used += size)
    message_build(generator->pattern, generator__number(client, n), generator->out + used, size);
  return used;
}

static void count_sent(struct client *client, size_t sent) {
  size_t size = client->generator->options.size;
  client->sent += sent;
  if (client->sent == size) { /* usually true, which saves a division */
    client->unsent++;
    client->sent = 0;
  } else {
    client->unsent += client->sent / size;
    client->sent %= size;
  }
}

/* Send what is planned. False: the socket is full, or (with churn) not connected yet. */
static bool send_stream(struct client *client) {
  bool churn = client->generator->options.churn;
  while (client->unsent != client->flight.next) {
    size_t left = compose(client) - client->sent;
    ssize_t sent = send(client->fd, client->generator->out + client->sent, left, 0);
    if (sent < 0 && errno == EINTR)
      continue;
    bool connecting = errno == ENOTCONN && churn;
    if (sent < 0 && errno != EAGAIN && !connecting) {
      generator__fail_socket(client->generator, churn ? "connect" : "a connection", errno);
      return true;
    }
    if (sent > 0)
      count_sent(client, (size_t)sent);
    if (sent < 0 || (size_t)sent < left)
      return false;
  }
  return true;
}

static void pump_stream(struct client *client) {
  struct generator *generator = client->generator;
  bool opens = client->fd < 0;
  if (opens)
    client->fd = generator__connect(generator);
  if (client->fd < 0)
    return;
  bool full = !send_stream(client);
  if ((opens || full) && !generator__is_over(generator))
    watch_writing(client, full);
}

static void check(struct client *client, const unsigned char *bytes, size_t left) {
  struct generator *generator = client->generator;
  size_t size = generator->options.size;
  while (left && !generator__is_over(generator)) {
    size_t missing = size - client->received, part = left < missing ? left : missing;
    uint64_t number = client->flight.first;
    if (!message_matches(generator->pattern, generator__number(client, number), client->received,
                         bytes, part)) {
      generator__fail_echo(client, number, client->received, bytes, part);
      return;
    }
    bytes += part;
    left -= part;
    client->received += part;
    if (client->received == size) {
      client->received = 0;
      note_echo(generator, flight_pop(&client->flight));
    }
  }
}

static void close_stream(struct client *client) {
  struct generator *generator = client->generator;
  ioloop_remove_handler(generator->loop, client->fd);
  close(client->fd);
  client->fd = -1;
  generator->now_ns = ioloop_time(generator->loop);
}

static void receive_stream(struct client *client) {
  struct generator *generator = client->generator;
  bool churn = generator->options.churn;
  size_t got = generator__receive(client, GENERATOR_IN_SIZE, "a connection");
  if (got == 0)
    return;
  note_receipt(generator);
  size_t size = generator->options.size, bytes = client->received + got;
  size_t echoes = bytes == size ? 1 : bytes / size;
  if (bytes > (client->unsent - client->flight.first) * size + client->sent) {
    generator__fail(generator, -EBADMSG, "connection %u: more came back than was sent",
                    client->index);
    return;
  }
  if (!churn && !generator__is_open_loop(generator))
    generator__ask(client, echoes);
  check(client, generator->in, got);
  if (churn && echoes && !generator__is_over(generator)) {
    close_stream(client);
    generator__ask(client, echoes);
  }
}

/* ---- UDP: echoes are matched by their number, in any order or never ------------------------- */

static void pump_datagrams(struct client *client) {
  struct generator *generator = client->generator;
  size_t size = generator->options.size;
  while (!client->writing && client->unsent != client->flight.next) {
    message_build(generator->pattern, generator__number(client, client->unsent), generator->out,
                  size);
    ssize_t sent = send(client->fd, generator->out, size, 0);
    if (sent < 0 && errno == EINTR)
      continue;
    if (sent < 0 && errno == EAGAIN)
      watch_writing(client, true);
    else if (sent < 0 && errno != ENOBUFS) /* ENOBUFS is a datagram lost before the network */
      generator__fail_socket(client->generator, "a socket", errno);
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
  if (!generator__is_open_loop(generator))
    generator__ask(client, 1);
  if (!message_matches(generator->pattern, whole, 0, generator->in, size))
    generator__fail_echo(client, number, 0, generator->in, size);
  else
    note_echo(generator, planned_ns);
}

/* One recv per echo: a second one only if another echo is on its way. */
static void receive_datagrams(struct client *client) {
  struct generator *generator = client->generator;
  bool more = true;
  for (int n = 0; n < DRAIN && more && !generator__is_over(generator); n++) {
    more = client->unsent - client->flight.first > 1;
    ssize_t size = recv(client->fd, generator->in, GENERATOR_IN_SIZE, 0);
    if (size < 0 && errno != EAGAIN && errno != EINTR)
      generator__fail_socket(client->generator, "a socket", errno);
    if (size < 0)
      return;
    note_receipt(generator);
    take(client, (size_t)size);
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
    note_loss(generator);
    lost++;
  }
  generator__ask(client, lost);
}

void generator__sweep(struct generator *generator) {
  for (size_t i = 0; i < generator->options.connections && !generator__is_over(generator); i++)
    sweep_client(&generator->active[i]);
}

/* ---- both ----------------------------------------------------------------------------------- */

/* Send all planned requests, as far as possible. */
static void pump(struct client *client) {
  if (client->writing || client->unsent == client->flight.next)
    return;
  if (client->generator->options.udp)
    pump_datagrams(client);
  else
    pump_stream(client);
}

void generator__ask(struct client *client, size_t count) {
  struct generator *generator = client->generator;
  for (; count && wants_more(generator); count--)
    if (!plan(client, generator->now_ns))
      return;
  pump(client);
}

void generator__request(struct client *client, uint64_t planned_ns) {
  if (plan(client, planned_ns))
    pump(client);
}

static void send_rest(struct client *client, unsigned events) {
  if (!client->writing || !(events & IOLOOP_WRITE) || generator__is_over(client->generator))
    return;
  watch_writing(client, false);
  pump(client);
}

/* With churn first the request, if it could not be sent at once: why a connection has failed to
 * open is an error of connect, and not of a connection. */
void generator__on_event(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct client *client = arg;
  const struct generator *generator = client->generator;
  (void)loop, (void)fd;
  if (generator->options.churn)
    send_rest(client, events);
  if (events & IOLOOP_READ && !generator__is_over(generator)) {
    if (generator->options.udp)
      receive_datagrams(client);
    else
      receive_stream(client);
  }
  if (!generator->options.churn)
    send_rest(client, events);
}
