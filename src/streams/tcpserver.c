/* SPDX-License-Identifier: MIT */
/*
 * tcpserver.c - a TCP server from ioloop_tcpserver_new to ioloop_tcpserver_close, and the connections that it has.
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
#include "version.h"

enum {
  MOST_LEFT = 64 * 1024 /* in a backlog, to be taken before the end */
};

/* ---- idle connections -------------------------------------------------------------------- */

static struct connection *oldest(const struct ioloop_tcpserver *server) {
  return IOLOOP__LIST_ENTRY(server->activity.next, struct connection, activity);
}

static void mark_active(struct ioloop_tcpserver *server, struct connection *connection) {
  connection->active_ns = ioloop_time(server->loop);
  ioloop__list_remove(&connection->activity);
  ioloop__list_insert(server->activity.prev, &connection->activity);
}

static void on_expiry(struct ioloop *loop, void *arg);

static void arm_expiry(struct ioloop_tcpserver *server) {
  if (server->expiry || ioloop__list_is_empty(&server->activity))
    return;
  uint64_t active = oldest(server)->active_ns, limit = server->options.idle_timeout_ns;
  uint64_t deadline = limit < UINT64_MAX - active ? active + limit : UINT64_MAX;
  /* Without memory for it, no connection expires until the next one tries again. */
  (void)ioloop_call_at(server->loop, deadline, on_expiry, server, &server->expiry);
}

static bool is_idle(const struct ioloop_tcpserver *server, const struct connection *connection,
                    uint64_t now) {
  /* Those that were found active in this very turn are younger than `now`. */
  return connection->active_ns <= now &&
         now - connection->active_ns >= server->options.idle_timeout_ns;
}

/* A stream held by its gate is not idle: we are the ones not reading. */
static void expire(struct ioloop_tcpserver *server, struct connection *connection) {
  if (ioloop__gate_holds(&connection->stream.gate))
    mark_active(server, connection);
  else
    ioloop__stream_finish(&connection->stream, -ETIMEDOUT);
}

static void on_expiry(struct ioloop *loop, void *arg) {
  struct ioloop_tcpserver *server = arg;
  server->expiry = 0;
  server->depth++;
  uint64_t now = ioloop_time(loop);
  while (!ioloop__list_is_empty(&server->activity) && is_idle(server, oldest(server), now))
    expire(server, oldest(server));
  arm_expiry(server);
  ioloop__tcpserver_leave(server);
}

/* ---- connections ------------------------------------------------------------------------- */

/* A connection has ended: there is room for another. */
void ioloop_tcpserver_release(struct ioloop_tcpserver *server) {
  server->depth++;
  server->connections--;
  server->flags &= ~(unsigned)SERVER_SHORT;
  ioloop__tcpserver_watch(server);
  ioloop__tcpserver_leave(server);
}

static void on_traffic(struct ioloop_stream_owner *owner, struct ioloop_stream *stream) {
  mark_active((struct ioloop_tcpserver *)(void *)owner, (struct connection *)(void *)stream);
}

static void unlink_connection(struct ioloop_tcpserver *server, struct connection *connection) {
  for (struct visit *visit = server->visits; visit; visit = visit->outer)
    if (visit->next == &connection->open)
      visit->next = connection->open.next;
  ioloop__list_remove(&connection->open);
  ioloop__list_remove(&connection->activity);
}

static void on_closed(struct ioloop_stream_owner *owner, struct ioloop_stream *stream) {
  struct ioloop_tcpserver *server = (struct ioloop_tcpserver *)(void *)owner;
  unlink_connection(server, (struct connection *)(void *)stream);
  stream->owner = NULL;
  stream->timed = false;
  ioloop_tcpserver_release(server);
}

/* `fd` is blocking by completion, non-blocking by readiness: as a stream needs it. */
static struct connection *new_connection(struct ioloop_tcpserver *server, int fd) {
  struct connection *connection = malloc(sizeof *connection);
  if (!connection)
    return NULL;
  ioloop__stream_init(&connection->stream, server->loop, fd);
  ioloop__stream_use_completion(&connection->stream);
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

void ioloop__tcpserver_admit(struct ioloop_tcpserver *server, int fd, const struct sockaddr *peer,
                             socklen_t size) {
  struct connection *connection = NULL;
  int error = server->sets_nodelay ? ioloop__stream_nodelay(fd, true) : 0;
  if (server->options.on_connection) {
    connection = new_connection(server, fd);
    if (!connection) {
      close(fd);
      (void)ioloop__tcpserver_run_short(server, -ENOMEM);
      return;
    }
  }
  server->accepted++;
  server->connections++;
  if (!connection) {
    server->options.on_accepted(server, fd, peer, size, server->options.arg);
    return;
  }
  ioloop__stream_enter(&connection->stream);
  if (error && error != -EOPNOTSUPP)
    ioloop__stream_fail(&connection->stream, error);
  server->options.on_connection(server, &connection->stream, peer, size, server->options.arg);
  if (server->flags & SERVER_STOPPING) /* perhaps from inside ioloop_tcpserver_stop */
    ioloop__stream_leave_call(&connection->stream);
  else
    ioloop__stream_leave(&connection->stream);
}

/* ---- life -------------------------------------------------------------------------------- */

int ioloop_tcpserver_new(struct ioloop *loop, const struct ioloop_tcpserver_options *options,
                         struct ioloop_tcpserver **ret) {
  struct ioloop_tcpserver_options known;
  if (ioloop__inherited(loop))
    return -ECHILD;
  int error = ioloop__copy_options(&known, sizeof known, options);
  if (error)
    return error;
  if (!known.on_connection == !known.on_accepted)
    return -EINVAL;
  struct ioloop_tcpserver *server = calloc(1, sizeof *server);
  if (!server)
    return -ENOMEM;
  server->owner = (struct ioloop_stream_owner){.traffic = on_traffic, .closed = on_closed};
  server->loop = loop;
  server->completer = ioloop__completer(loop);
  server->options = known;
  server->flags = SERVER_WATCHING;
  ioloop__list_init(&server->open);
  ioloop__list_init(&server->activity);
  *ret = server;
  return 0;
}

static void drain_backlog(struct ioloop_tcpserver *server) {
  server->flags &= ~(unsigned)SERVER_SHORT; /* the last chance to try */
  if (ioloop__inherited(server->loop)) {    /* the backlog is the parent's */
    ioloop__tcpserver_close_listeners(server);
    return;
  }
  for (struct listener *it = server->listeners; it; it = it->next) {
    int r = it->by_completion ? ioloop__tcpserver_collect_accepted(it) : 0;
    if (!r && !(server->flags & SERVER_CLOSED))
      (void)ioloop__tcpserver_accept_some(it, MOST_LEFT);
    else if (r && server->options.on_trouble)
      server->options.on_trouble(server, r, server->options.arg);
    if (server->flags & SERVER_CLOSED)
      return; /* the listeners are gone */
  }
  ioloop__tcpserver_close_listeners(server);
}

void ioloop__tcpserver_leave(struct ioloop_tcpserver *server) {
  if (server->depth == 1 && server->flags & SERVER_STOPPING && server->listeners)
    drain_backlog(server);
  if (--server->depth == 0 && server->flags & SERVER_CLOSED)
    free(server);
}

void ioloop_tcpserver_stop(struct ioloop_tcpserver *server) {
  server->flags |= SERVER_STOPPING;
  server->depth++;
  ioloop__tcpserver_leave(server);
}

size_t ioloop_tcpserver_connections(const struct ioloop_tcpserver *server) {
  return server->connections;
}

uint64_t ioloop_tcpserver_accepted_total(const struct ioloop_tcpserver *server) {
  return server->accepted;
}

void ioloop_tcpserver_each(struct ioloop_tcpserver *server, ioloop_stream_fn *fn, void *arg) {
  struct visit visit = {.next = server->open.next, .outer = server->visits};
  server->visits = &visit;
  server->depth++;
  while (visit.next != &server->open) {
    struct connection *connection = IOLOOP__LIST_ENTRY(visit.next, struct connection, open);
    visit.next = visit.next->next;
    ioloop__stream_enter(&connection->stream);
    fn(&connection->stream, arg);
    ioloop__stream_leave_call(&connection->stream);
  }
  server->visits = visit.outer;
  ioloop__tcpserver_leave(server);
}

void ioloop_tcpserver_close(struct ioloop_tcpserver *server) {
  if (!server || server->flags & SERVER_CLOSED)
    return;
  server->flags |= SERVER_CLOSED;
  server->depth++;
  ioloop__tcpserver_close_listeners(server);
  while (!ioloop__list_is_empty(&server->open))
    ioloop_stream_close(&IOLOOP__LIST_ENTRY(server->open.next, struct connection, open)->stream);
  ioloop_remove_timeout(server->loop, server->expiry);
  ioloop__tcpserver_leave(server);
}
