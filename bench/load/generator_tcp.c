/* SPDX-License-Identifier: MIT */
/*
 * generator_tcp.c - requests and echoes on persistent TCP connections.
 *
 * A request costs at most one send and one recv; several that are due together share them. The next
 * request is sent before the echo is compared, so that the server works while we compare.
 */
#include <errno.h>
#include <sys/socket.h>

#include "generator_internal.h"

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

static void pump(struct client *client) {
  while (!client->writing && client->unsent != client->flight.next) {
    size_t left = compose(client) - client->sent;
    ssize_t sent = send(client->fd, client->generator->out + client->sent, left, 0);
    if (sent < 0 && errno == EINTR)
      continue;
    if (sent < 0 && errno != EAGAIN) {
      generator__fail_socket(client, "a connection", errno);
      return;
    }
    if (sent > 0)
      count_sent(client, (size_t)sent);
    if (sent < 0 || (size_t)sent < left)
      generator__watch_writing(client, true);
  }
}

/* Closed loop: one new request for each echo. */
static void ask_again(struct client *client, size_t echoes) {
  struct generator *generator = client->generator;
  for (; echoes && generator__wants_more(generator); echoes--)
    if (!generator__plan(client, generator->now_ns))
      return;
  pump(client);
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
      generator__echoed(generator, flight_pop(&client->flight));
    }
  }
}

static void receive(struct client *client) {
  struct generator *generator = client->generator;
  ssize_t got = recv(client->fd, generator->in, GENERATOR_IN_SIZE, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (got <= 0) {
    generator__fail_socket(client, "a connection", got == 0 ? 0 : errno);
    return;
  }
  generator__heard(generator);
  size_t size = generator->options.size, bytes = client->received + (size_t)got;
  size_t echoes = bytes == size ? 1 : bytes / size;
  if (bytes > (client->unsent - client->flight.first) * size + client->sent) {
    generator__fail(generator, -EBADMSG, "connection %u: more came back than was sent",
                    client->index);
    return;
  }
  if (!generator__is_open_loop(generator))
    ask_again(client, echoes);
  check(client, generator->in, (size_t)got);
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

const struct generator_kind generator__tcp = {.pump = pump, .on_event = on_event};
