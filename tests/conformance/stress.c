/* SPDX-License-Identifier: MIT */
/*
 * stress.c - a workload in which every byte is accounted for.
 *
 * Connections of all kinds do, in random order, everything a program does with them: the peer
 * writes bursts, the handler reads too little, masks change, registrations are removed and made
 * again, buffers fill up, connections are replaced. If readiness is lost anywhere, bytes remain at
 * the end, when the program only waits.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

/* So few datagrams under way that no kernel queue drops one. */
#define MAX_UNREAD 32

struct connection {
  enum kind kind;
  int pair[2];   /* [0] is the loop's, [1] the peer's, which the test serves */
  unsigned mask; /* READ unless reading is paused, WRITE while to_send > 0 */
  bool registered;
  size_t unread;    /* bytes the peer wrote and we have not read */
  unsigned writes;  /* at most the number of writes they came in; 0 if unread is */
  size_t to_send;   /* bytes still to be written by us */
  size_t to_arrive; /* bytes we wrote and the peer has not read */
};

static bool is_datagram(const struct connection *connection) {
  return connection->kind == UNIX_DGRAM || connection->kind == UDP;
}

static void read_a_little(struct connection *connection) {
  static _Thread_local char buffer[4096];
  size_t size = is_datagram(connection) ? sizeof buffer : 1 + (size_t)tap_random_below(200);
  ssize_t got = read(connection->pair[0], buffer, size);
  if (got < 0) {
    CHECK_IS(errno, ==, EAGAIN);
    return;
  }
  CHECK_IS(got, >, 0);
  connection->unread -= (size_t)got;
  connection->writes -= is_datagram(connection);
  if (connection->unread == 0)
    connection->writes = 0;
}

static void set_mask(struct ioloop *loop, struct connection *connection, unsigned mask) {
  connection->mask = mask;
  if (connection->registered)
    CHECK_OK(ioloop_update_handler(loop, connection->pair[0], mask));
}

static void write_a_little(struct ioloop *loop, struct connection *connection) {
  static const char data[700];
  size_t size = connection->to_send < sizeof data ? connection->to_send : sizeof data;
  ssize_t sent = size ? write(connection->pair[0], data, size) : 0;
  if (sent < 0)
    CHECK(errno == EAGAIN || errno == ENOBUFS);
  else {
    connection->to_send -= (size_t)sent;
    connection->to_arrive += (size_t)sent;
  }
  if (connection->to_send == 0)
    set_mask(loop, connection, connection->mask & ~(unsigned)IOLOOP_WRITE);
}

static void on_ready(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct connection *connection = arg;
  CHECK_IS(fd, ==, connection->pair[0]);
  CHECK_IS(events & ~connection->mask & (IOLOOP_READ | IOLOOP_WRITE), ==, 0);
  if (events & IOLOOP_READ)
    read_a_little(connection);
  if (events & IOLOOP_WRITE)
    write_a_little(loop, connection);
}

static void drain_peer(struct connection *connection) {
  if (is_duplex(connection->kind))
    connection->to_arrive -= drain(connection->pair[1]);
}

static void peer_writes(struct connection *connection) {
  for (uint64_t burst = 1 + tap_random_below(4); burst > 0; burst--) {
    char data[300] = {0};
    if (connection->writes >= MAX_UNREAD || connection->unread > 3000)
      return;
    ssize_t sent = write(connection->pair[1], data, 1 + (size_t)tap_random_below(sizeof data));
    if (sent < 0)
      CHECK_IS(errno, ==, EAGAIN); /* an AF_UNIX datagram queue holds ten */
    else {
      connection->unread += (size_t)sent;
      connection->writes++;
    }
  }
}

static void registration(struct ioloop *loop, struct connection *connection, bool wanted) {
  if (wanted == connection->registered)
    return;
  connection->registered = wanted;
  if (wanted)
    CHECK_OK(ioloop_add_handler(loop, connection->pair[0], connection->mask, on_ready, connection));
  else
    CHECK_OK(ioloop_remove_handler(loop, connection->pair[0]));
}

static void open_connection(struct connection *connection) {
  *connection =
      (struct connection){.kind = (enum kind)tap_random_below(KINDS), .mask = IOLOOP_READ};
  make_pair(connection->kind, connection->pair);
  /* A handler that tries to write all the time fills a small TCP buffer with tiny segments, of
   * which the kernel drops those that do not fit: retransmission then takes a while, longer each
   * time. */
  bool small = connection->kind == TCP && !presumes_readiness();
  if (small || connection->kind == UNIX_STREAM) {
    set_buffers(connection->pair[0], 4096);
    set_buffers(connection->pair[1], 4096);
  }
}

/* Its contents are discarded with it, and its numbers go to the next one. */
static void replace(struct ioloop *loop, struct connection *connection) {
  registration(loop, connection, false);
  close_pair(connection->pair);
  open_connection(connection);
  registration(loop, connection, true);
}

static void step(struct ioloop *loop, struct connection *connection) {
  switch (tap_random_below(12)) {
  case 0:
    set_mask(loop, connection, connection->mask ^ IOLOOP_READ);
    break;
  case 1:
    registration(loop, connection, !connection->registered);
    break;
  case 2:
    if (tap_random_below(4) == 0)
      replace(loop, connection);
    break;
  case 3:
  case 4:
    drain_peer(connection);
    break;
  case 5:
    if (connection->kind != PIPE && connection->kind != UDP) {
      connection->to_send += (size_t)tap_random_below(20000);
      if (connection->to_send)
        set_mask(loop, connection, connection->mask | IOLOOP_WRITE);
    }
    break;
  default:
    peer_writes(connection);
  }
}

static bool all_arrived(struct connection *connections, size_t count) {
  bool arrived = true;
  for (size_t i = 0; i < count; i++) {
    drain_peer(&connections[i]);
    arrived &= !connections[i].unread && !connections[i].to_send && !connections[i].to_arrive;
  }
  return arrived;
}

/* For the diagnostics: which one was forgotten, and would poll() have reported it? */
static void describe_rest(const struct connection *connections, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const struct connection *c = &connections[i];
    struct pollfd now = {.fd = c->pair[0], .events = POLLIN | POLLOUT};
    if (!c->unread && !c->to_send && !c->to_arrive)
      continue;
    poll(&now, 1, 0);
    NOTE("%s, descriptor %d: %zu unread, %zu to send, %zu to arrive; mask %#x, poll says %#x",
         kind_names[c->kind], c->pair[0], c->unread, c->to_send, c->to_arrive, c->mask,
         (unsigned)now.revents);
  }
}

static void finish(struct ioloop *loop, struct connection *connections, size_t count) {
  uint64_t deadline = tap_deadline(SECONDS(10));
  for (size_t i = 0; i < count; i++) {
    registration(loop, &connections[i], true);
    set_mask(loop, &connections[i], connections[i].mask | IOLOOP_READ);
  }
  while (!all_arrived(connections, count)) {
    if (tap_left(deadline) == 0) {
      describe_rest(connections, count);
      tap_fail(__FILE__, __LINE__, "bytes were left behind");
    }
    CHECK_OK(ioloop_run_once(loop, tap_left(deadline)));
  }
  CHECK_QUIET(loop, MS(10));
}

void event_stress(struct ioloop *loop, size_t count, size_t steps) {
  struct connection *connections = calloc(count, sizeof *connections);
  CHECK(connections);
  for (size_t i = 0; i < count; i++) {
    open_connection(&connections[i]);
    registration(loop, &connections[i], true);
  }
  for (size_t i = 0; i < steps; i++) {
    step(loop, &connections[tap_random_below(count)]);
    if (tap_random_below(8) == 0)
      CHECK_OK(ioloop_run_once(loop, tap_random_below(3) ? 0 : tap_random_below(US(100))));
  }
  finish(loop, connections, count);
  for (size_t i = 0; i < count; i++) {
    registration(loop, &connections[i], false);
    close_pair(connections[i].pair);
  }
  free(connections);
}
