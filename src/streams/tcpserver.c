/* SPDX-License-Identifier: MIT */
/*
 * tcpserver.c - a TCP server from tcpserver_new to tcpserver_close, and the connections that it has.
 *
 * Its listeners are in tcpserver_listen.c, accepting in tcpserver_accept.c (by readiness) and
 * tcpserver_completion.c.
 *
 * All connections share one idle timeout. Traffic moves a stream to the young end of a list, so the
 * old end is always the next to expire. The timeout is armed for the oldest connection and not
 * touched by traffic: when it fires early, it is set again for the connection that is oldest then.
 * So traffic costs a clock read and four pointer writes, and an idle connection costs nothing.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "tcpserver_internal.h"

enum {
  MOST_LEFT = 64 * 1024 /* in a backlog, to be taken before the end */
};

/* ---- idle connections -------------------------------------------------------------------- */

static struct connection *oldest(const struct tcpserver *server) {
  return IOLOOP__LIST_ENTRY(server->activity.next, struct connection, activity);
}

static void mark_active(struct tcpserver *server, struct connection *connection) {
  connection->active_ns = ioloop_time(server->loop);
  ioloop__list_remove(&connection->activity);
  ioloop__list_insert(server->activity.prev, &connection->activity);
}

static void on_expiry(struct ioloop *loop, void *arg);

static void arm_expiry(struct tcpserver *server) {
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
  if (ioloop__gate_holds(&connection->stream.gate))
    mark_active(server, connection);
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
  arm_expiry(server);
  tcpserver__leave(server);
}

/* ---- connections ------------------------------------------------------------------------- */

/* A connection has ended: there is room for another. */
void tcpserver_release(struct tcpserver *server) {
  server->depth++;
  server->connections--;
  server->flags &= ~(unsigned)SERVER_SHORT;
  tcpserver__watch(server);
  tcpserver__leave(server);
}

static void on_traffic(struct iostream_owner *owner, struct iostream *stream) {
  mark_active((struct tcpserver *)(void *)owner, (struct connection *)(void *)stream);
}

static void unlink_connection(struct tcpserver *server, struct connection *connection) {
  for (struct visit *visit = server->visits; visit; visit = visit->outer)
    if (visit->next == &connection->open)
      visit->next = connection->open.next;
  ioloop__list_remove(&connection->open);
  ioloop__list_remove(&connection->activity);
}

static void on_closed(struct iostream_owner *owner, struct iostream *stream) {
  struct tcpserver *server = (struct tcpserver *)(void *)owner;
  unlink_connection(server, (struct connection *)(void *)stream);
  stream->owner = NULL;
  stream->timed = false;
  tcpserver_release(server);
}

/* `fd` is blocking by completion, non-blocking by readiness: as a stream needs it. */
static struct connection *new_connection(struct tcpserver *server, int fd) {
  struct connection *connection = malloc(sizeof *connection);
  if (!connection)
    return NULL;
  iostream__init(&connection->stream, server->loop, fd);
  iostream__use_completion(&connection->stream);
  connection->stream.owner = &server->owner;
  ioloop__list_insert(&server->open, &connection->open); /* at the front: visits do not meet it */
  ioloop__list_init(&connection->activity);
  if (server->options.idle_timeout_ns) {
    connection->stream.timed = true;
    mark_active(server, connection);
    arm_expiry(server);
  }
  return connection;
}

void tcpserver__admit(struct tcpserver *server, int fd, const struct sockaddr *peer,
                      socklen_t size) {
  struct connection *connection = NULL;
  int error = server->sets_nodelay ? iostream__nodelay(fd, true) : 0;
  if (server->options.on_connection) {
    connection = new_connection(server, fd);
    if (!connection) {
      close(fd);
      (void)tcpserver__run_short(server, -ENOMEM);
      return;
    }
  }
  server->accepted++;
  server->connections++;
  if (!connection) {
    server->options.on_accepted(server, fd, peer, size, server->options.arg);
    return;
  }
  iostream__enter(&connection->stream);
  if (error && error != -EOPNOTSUPP)
    iostream__fail(&connection->stream, error);
  server->options.on_connection(server, &connection->stream, peer, size, server->options.arg);
  if (server->flags & SERVER_STOPPING) /* perhaps from inside tcpserver_stop */
    iostream__leave_call(&connection->stream);
  else
    iostream__leave(&connection->stream);
}

/* ---- life -------------------------------------------------------------------------------- */

int tcpserver_new(struct ioloop *loop, const struct tcpserver_options *options,
                  struct tcpserver **ret) {
  if (ioloop__inherited(loop))
    return -ECHILD;
  if (!options->on_connection == !options->on_accepted)
    return -EINVAL;
  struct tcpserver *server = calloc(1, sizeof *server);
  if (!server)
    return -ENOMEM;
  server->owner = (struct iostream_owner){.traffic = on_traffic, .closed = on_closed};
  server->loop = loop;
  server->completer = ioloop__completer(loop);
  server->options = *options;
  server->flags = SERVER_WATCHING;
  ioloop__list_init(&server->open);
  ioloop__list_init(&server->activity);
  *ret = server;
  return 0;
}

static void drain_backlog(struct tcpserver *server) {
  server->flags &= ~(unsigned)SERVER_SHORT; /* the last chance to try */
  if (ioloop__inherited(server->loop)) {    /* the backlog is the parent's */
    tcpserver__close_listeners(server);
    return;
  }
  for (struct listener *it = server->listeners; it; it = it->next) {
    int r = it->by_completion ? tcpserver__collect_accepted(it) : 0;
    if (!r && !(server->flags & SERVER_CLOSED))
      (void)tcpserver__accept_some(it, MOST_LEFT);
    else if (r && server->options.on_trouble)
      server->options.on_trouble(server, r, server->options.arg);
    if (server->flags & SERVER_CLOSED)
      return; /* the listeners are gone */
  }
  tcpserver__close_listeners(server);
}

void tcpserver__leave(struct tcpserver *server) {
  if (server->depth == 1 && server->flags & SERVER_STOPPING && server->listeners)
    drain_backlog(server);
  if (--server->depth == 0 && server->flags & SERVER_CLOSED)
    free(server);
}

void tcpserver_stop(struct tcpserver *server) {
  server->flags |= SERVER_STOPPING;
  server->depth++;
  tcpserver__leave(server);
}

size_t tcpserver_connections(const struct tcpserver *server) {
  return server->connections;
}

uint64_t tcpserver_accepted_total(const struct tcpserver *server) {
  return server->accepted;
}

void tcpserver_each(struct tcpserver *server, iostream_callback *fn, void *arg) {
  struct visit visit = {.next = server->open.next, .outer = server->visits};
  server->visits = &visit;
  server->depth++;
  while (visit.next != &server->open) {
    struct connection *connection = IOLOOP__LIST_ENTRY(visit.next, struct connection, open);
    visit.next = visit.next->next;
    iostream__enter(&connection->stream);
    fn(&connection->stream, arg);
    iostream__leave_call(&connection->stream);
  }
  server->visits = visit.outer;
  tcpserver__leave(server);
}

void tcpserver_close(struct tcpserver *server) {
  if (!server || server->flags & SERVER_CLOSED)
    return;
  server->flags |= SERVER_CLOSED;
  server->depth++;
  tcpserver__close_listeners(server);
  while (!ioloop__list_is_empty(&server->open))
    iostream_close(&IOLOOP__LIST_ENTRY(server->open.next, struct connection, open)->stream);
  ioloop_remove_timeout(server->loop, server->expiry);
  tcpserver__leave(server);
}
