/* SPDX-License-Identifier: MIT */
/*
 * event.c - an echo server on libevent's event API: two persistent events per connection. The one
 * for writing is added only while a slow reader has not taken everything, and then replaces the one
 * for reading.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

#include "peer.h"

struct connection {
  struct event *reading, *writing;
  struct rest rest;
};

static void drop(struct connection *connection, int fd) {
  if (connection->reading)
    event_free(connection->reading);
  if (connection->writing)
    event_free(connection->writing);
  free(connection->rest.memory);
  free(connection);
  close(fd);
}

static void go_on(struct connection *connection, int fd, enum echo next) {
  if (next == ECHO_GO_ON)
    return;
  bool write = connection->rest.size > 0;
  struct event *old = write ? connection->reading : connection->writing;
  struct event *now = write ? connection->writing : connection->reading;
  if (next == ECHO_OVER || event_del(old) < 0 || event_add(now, NULL) < 0)
    drop(connection, fd);
}

static void on_readable(evutil_socket_t fd, short what, void *arg) {
  (void)what;
  struct connection *connection = arg;
  go_on(connection, fd, echo_input(fd, &connection->rest));
}

static void on_writable(evutil_socket_t fd, short what, void *arg) {
  (void)what;
  struct connection *connection = arg;
  go_on(connection, fd, echo_rest(fd, &connection->rest));
}

static void on_connection(evutil_socket_t listener, short what, void *base) {
  (void)what;
  int fd = peer_accept(listener);
  if (fd < 0)
    return;
  struct connection *connection = calloc(1, sizeof *connection);
  if (!connection) {
    close(fd);
    return;
  }
  connection->reading = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, connection);
  connection->writing = event_new(base, fd, EV_WRITE | EV_PERSIST, on_writable, connection);
  if (!connection->reading || !connection->writing || event_add(connection->reading, NULL) < 0)
    drop(connection, fd);
}

static void on_datagrams(evutil_socket_t fd, short what, void *arg) {
  (void)what, (void)arg;
  echo_datagrams(fd);
}

int main(int argc, char **argv) {
  struct peer peer = peer_begin(argc, argv);
  struct event_base *base = event_base_new();
  struct event *event = base ? event_new(base, peer.fd, EV_READ | EV_PERSIST,
                                         peer.udp ? on_datagrams : on_connection, base)
                             : NULL;
  if (!event || event_add(event, NULL) < 0)
    peer_fail("libevent");
  peer_announce(&peer);
  event_base_dispatch(base);
  peer_fail("event_base_dispatch");
}
