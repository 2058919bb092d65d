/* SPDX-License-Identifier: MIT */
/*
 * tcpserver_idle.c - one timeout for all the connections of a server.
 *
 * Traffic moves a stream to the young end of a list, so the old end is always the next to expire.
 * The timeout is armed for the oldest connection and not touched by traffic: when it fires early,
 * it is set again for the connection that is oldest then. So traffic costs a clock read and four
 * pointer writes, an idle connection costs nothing, and a server without an idle timeout never runs
 * this code.
 */
#include <errno.h>

#include "tcpserver_internal.h"

static struct connection *oldest(const struct tcpserver *server) {
  return IOLOOP__LIST_ENTRY(server->activity.next, struct connection, activity);
}

void tcpserver__mark_active(struct tcpserver *server, struct connection *connection) {
  connection->active_ns = ioloop_time(server->loop);
  ioloop__list_remove(&connection->activity);
  ioloop__list_insert(server->activity.prev, &connection->activity);
}

static void on_expiry(struct ioloop *loop, void *arg);

void tcpserver__arm_expiry(struct tcpserver *server) {
  if (server->expiry || ioloop__list_is_empty(&server->activity))
    return;
  uint64_t active = oldest(server)->active_ns, limit = server->options.idle_timeout_ns;
  uint64_t deadline = limit < UINT64_MAX - active ? active + limit : UINT64_MAX;
  /* Without memory for it, no connection expires until the next one tries again. */
  (void)ioloop_call_at(server->loop, deadline, on_expiry, server, &server->expiry);
}

static bool is_idle(const struct tcpserver *server, const struct connection *connection,
                    uint64_t now) {
  /* Those that were found active in this very turn are younger than `now`. */
  return connection->active_ns <= now &&
         now - connection->active_ns >= server->options.idle_timeout_ns;
}

/* A stream held by its gate is not idle: we are the ones not reading. */
static void expire(struct tcpserver *server, struct connection *connection) {
  if (connection->stream.held)
    tcpserver__mark_active(server, connection);
  else
    iostream__finish(&connection->stream, -ETIMEDOUT);
}

static void on_expiry(struct ioloop *loop, void *arg) {
  struct tcpserver *server = arg;
  server->expiry = 0;
  server->depth++;
  uint64_t now = ioloop_time(loop);
  while (!ioloop__list_is_empty(&server->activity) && is_idle(server, oldest(server), now))
    expire(server, oldest(server));
  tcpserver__arm_expiry(server);
  tcpserver__leave(server);
}
