/* SPDX-License-Identifier: MIT */
/*
 * libev.c - an echo server on libev: two ev_io per connection. The one for writing runs only while
 * a slow reader has not taken everything, and then replaces the one for reading.
 */
#include <ev.h>
#include <stdlib.h>
#include <unistd.h>

#include "peer.h"

struct connection {
  ev_io reading, writing; /* `data` of both is the connection */
  struct rest rest;
};

static void drop(struct ev_loop *loop, struct connection *connection) {
  int fd = connection->reading.fd;
  ev_io_stop(loop, &connection->reading);
  ev_io_stop(loop, &connection->writing);
  free(connection->rest.memory);
  free(connection);
  close(fd);
}

static void go_on(struct ev_loop *loop, struct connection *connection, enum echo next) {
  if (next == ECHO_GO_ON)
    return;
  if (next == ECHO_OVER) {
    drop(loop, connection);
    return;
  }
  bool write = connection->rest.size > 0;
  ev_io_stop(loop, write ? &connection->reading : &connection->writing);
  ev_io_start(loop, write ? &connection->writing : &connection->reading);
}

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events) {
  (void)events;
  struct connection *connection = watcher->data;
  go_on(loop, connection, echo_input(watcher->fd, &connection->rest));
}

static void on_writable(struct ev_loop *loop, ev_io *watcher, int events) {
  (void)events;
  struct connection *connection = watcher->data;
  go_on(loop, connection, echo_rest(watcher->fd, &connection->rest));
}

static void on_connection(struct ev_loop *loop, ev_io *watcher, int events) {
  (void)events;
  int fd = peer_accept(watcher->fd);
  if (fd < 0)
    return;
  struct connection *connection = calloc(1, sizeof *connection);
  if (!connection) {
    close(fd);
    return;
  }
  ev_io_init(&connection->reading, on_readable, fd, EV_READ);
  ev_io_init(&connection->writing, on_writable, fd, EV_WRITE);
  connection->reading.data = connection->writing.data = connection;
  ev_io_start(loop, &connection->reading);
}

static void on_datagrams(struct ev_loop *loop, ev_io *watcher, int events) {
  (void)loop, (void)events;
  echo_datagrams(watcher->fd);
}

int main(int argc, char **argv) {
  struct peer peer = peer_begin(argc, argv);
  struct ev_loop *loop = ev_default_loop(0);
  if (!loop)
    peer_fail("libev");
  ev_io watcher;
  ev_io_init(&watcher, peer.udp ? on_datagrams : on_connection, peer.fd, EV_READ);
  ev_io_start(loop, &watcher);
  peer_announce(&peer);
  ev_run(loop, 0);
  peer_fail("ev_run");
}
