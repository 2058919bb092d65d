/* SPDX-License-Identifier: MIT */
/*
 * tcpserver.c - listeners, and the account of the connections they bring.
 *
 * Accepting must neither starve what is connected already (so many a wake-up, the rest is reported
 * again) nor spin when there is nothing to accept with. A listener whose connection cannot be
 * taken for lack of descriptors or memory stays ready for ever, so it is not watched then: the
 * next try comes when a connection of ours closes, or after a while, for descriptors are not only
 * ours. The same switch serves the limit of connections. Whoever waits, waits in the backlog.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform.h"
#include "tcpserver_internal.h"

enum {
  ACCEPTS_PER_WAKE = 64,
  RETRY_MS = 100
};

struct listener {
  struct tcpserver *server;
  struct listener *next;
  int fd;
};

/* ---- to watch or not --------------------------------------------------------------------- */

static bool is_full(const struct tcpserver *server) {
  return server->options.max_connections && server->connections >= server->options.max_connections;
}

static void on_retry(struct ioloop *loop, void *arg);

/* Try later. Without memory for that, go on watching: better busy than deaf. */
static void run_short(struct tcpserver *server, int error) {
  if (!server->retry && ioloop_call_later(server->loop, RETRY_MS * UINT64_C(1000000), on_retry,
                                          server, &server->retry) < 0)
    return;
  server->flags |= SERVER_SHORT;
  if (server->flags & SERVER_REPORTED)
    return;
  server->flags |= SERVER_REPORTED;
  if (server->options.on_trouble)
    server->options.on_trouble(server, error, server->options.arg);
}

static void watch(struct tcpserver *server) {
  bool wanted = !(server->flags & (SERVER_SHORT | SERVER_CLOSED)) && !is_full(server);
  if (wanted == !!(server->flags & SERVER_WATCHING))
    return;
  server->flags ^= SERVER_WATCHING;
  int error = 0;
  for (struct listener *it = server->listeners; it; it = it->next) {
    int r = ioloop_update_handler(server->loop, it->fd, wanted ? IOLOOP_READ : 0);
    if (r && wanted)
      error = r;
  }
  if (error) {
    server->flags &= ~(unsigned)SERVER_WATCHING; /* not all of them: the retry watches all */
    run_short(server, error);
  }
}

static void on_retry(struct ioloop *loop, void *arg) {
  struct tcpserver *server = arg;
  (void)loop;
  server->retry = 0;
  server->flags &= ~(unsigned)SERVER_SHORT;
  server->depth++;
  watch(server);
  tcpserver__leave(server);
}

/* A connection has ended: there is room for another. */
static void released(struct tcpserver *server) {
  server->depth++;
  server->connections--;
  server->flags &= ~(unsigned)SERVER_SHORT;
  watch(server);
  tcpserver__leave(server);
}

/* ---- connections ------------------------------------------------------------------------- */

static void on_traffic(struct iostream_owner *owner, struct iostream *stream) {
  tcpserver__mark_active((struct tcpserver *)(void *)owner, (struct connection *)(void *)stream);
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
  stream->flags &= (uint16_t)~STREAM_TIMED;
  released(server);
}

static struct connection *new_connection(struct tcpserver *server, int fd) {
  struct connection *connection = malloc(sizeof *connection);
  if (!connection)
    return NULL;
  iostream__init(&connection->stream, server->loop, fd);
  connection->stream.owner = &server->owner;
  ioloop__list_insert(&server->open, &connection->open); /* at the front: visits do not meet it */
  ioloop__list_init(&connection->activity);
  if (server->options.idle_timeout_ns) {
    connection->stream.flags |= STREAM_TIMED;
    tcpserver__mark_active(server, connection);
    tcpserver__arm_expiry(server);
  }
  return connection;
}

static void admit(struct tcpserver *server, int fd, const struct sockaddr *peer, socklen_t size) {
  struct connection *connection = NULL;
  if (server->options.on_connection) {
    connection = new_connection(server, fd);
    if (!connection) {
      close(fd);
      run_short(server, -ENOMEM);
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
  server->options.on_connection(server, &connection->stream, peer, size, server->options.arg);
  iostream__leave(&connection->stream);
}

/* ---- accepting --------------------------------------------------------------------------- */

/* Errors that concern the connection that was to be accepted, or none: the next may do. accept(2)
 * passes on what the network already reported for it. */
static bool concerns_one(int error) {
  switch (-error) {
  case EINTR:
  case ECONNABORTED:
  case EPROTO:
  case ENETDOWN:
  case ENETUNREACH:
  case EHOSTDOWN:
  case EHOSTUNREACH:
  case ENOPROTOOPT:
  case EOPNOTSUPP:
  case ETIMEDOUT:
    return true;
  default:
    return false;
  }
}

static void accept_some(struct tcpserver *server, int listener, int max) {
  const unsigned no_more = SERVER_SHORT | SERVER_CLOSED;
  while (max-- > 0 && !(server->flags & no_more) && !is_full(server)) {
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    int fd = ioloop__accept(listener, (struct sockaddr *)&peer, &size);
    if (fd == -EAGAIN || fd == -EWOULDBLOCK)
      break;
    if (fd >= 0) {
      server->flags &= ~(unsigned)SERVER_REPORTED;
      admit(server, fd, (struct sockaddr *)&peer, size);
    } else if (!concerns_one(fd)) {
      run_short(server, fd);
    }
  }
}

static void on_listener_ready(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct tcpserver *server = ((struct listener *)arg)->server;
  (void)loop, (void)events;
  server->depth++;
  accept_some(server, fd, ACCEPTS_PER_WAKE);
  watch(server);
  tcpserver__leave(server);
}

/* ---- listeners --------------------------------------------------------------------------- */

static int open_listener(const struct sockaddr *address, socklen_t size, int backlog) {
  int fd = ioloop__socket(address->sa_family, SOCK_STREAM, 0);
  if (fd < 0)
    return fd;
  /* Else the connections of the last run, in TIME_WAIT, would keep the port for a minute. */
  int one = 1, r = 0;
  if (address->sa_family != AF_UNIX)
    r = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (!r && address->sa_family == AF_INET6)
    r = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  if (!r)
    r = bind(fd, address, size);
  if (!r)
    r = listen(fd, backlog);
  if (!r)
    return fd;
  r = -errno;
  close(fd);
  return r;
}

static void append_listener(struct tcpserver *server, struct listener *listener) {
  struct listener **end = &server->listeners;
  while (*end)
    end = &(*end)->next;
  *end = listener;
}

int tcpserver_add_socket(struct tcpserver *server, int fd) {
  if (server->flags & (SERVER_STOPPING | SERVER_CLOSED))
    return -EINVAL;
  struct listener *listener = calloc(1, sizeof *listener);
  if (!listener)
    return -ENOMEM;
  *listener = (struct listener){.server = server, .fd = fd};
  int r = ioloop__adopt(fd);
  if (!r)
    r = ioloop_add_handler(server->loop, fd, server->flags & SERVER_WATCHING ? IOLOOP_READ : 0,
                           on_listener_ready, listener);
  if (r)
    free(listener);
  else
    append_listener(server, listener);
  return r;
}

int tcpserver_listen(struct tcpserver *server, const struct sockaddr *address, socklen_t size) {
  if (server->flags & (SERVER_STOPPING | SERVER_CLOSED))
    return -EINVAL;
  int backlog = server->options.backlog > 0 ? server->options.backlog : SOMAXCONN;
  int fd = open_listener(address, size, backlog);
  if (fd < 0)
    return fd;
  int r = tcpserver_add_socket(server, fd);
  if (r)
    close(fd);
  return r;
}

int tcpserver_address(const struct tcpserver *server, size_t index, struct sockaddr_storage *ret,
                      socklen_t *ret_size) {
  const struct listener *listener = server->listeners;
  while (listener && index-- > 0)
    listener = listener->next;
  if (!listener)
    return -ENOENT;
  struct sockaddr_storage address = {0};
  socklen_t size = sizeof address;
  if (getsockname(listener->fd, (struct sockaddr *)&address, &size) < 0)
    return -errno;
  *ret = address;
  *ret_size = size;
  return 0;
}

static void close_listeners(struct tcpserver *server) {
  while (server->listeners) {
    struct listener *listener = server->listeners;
    server->listeners = listener->next;
    ioloop_remove_handler(server->loop, listener->fd);
    close(listener->fd);
    free(listener);
  }
  if (server->retry)
    ioloop_remove_timeout(server->loop, server->retry);
  server->retry = 0;
}

/* ---- life -------------------------------------------------------------------------------- */

int tcpserver_new(struct ioloop *loop, const struct tcpserver_options *options,
                  struct tcpserver **ret) {
  if (!options->on_connection == !options->on_accepted)
    return -EINVAL;
  struct tcpserver *server = calloc(1, sizeof *server);
  if (!server)
    return -ENOMEM;
  server->owner = (struct iostream_owner){.traffic = on_traffic, .closed = on_closed};
  server->loop = loop;
  server->options = *options;
  server->flags = SERVER_WATCHING;
  ioloop__list_init(&server->open);
  ioloop__list_init(&server->activity);
  *ret = server;
  return 0;
}

static void drain_backlog(struct tcpserver *server) {
  int max = server->options.backlog > 0 ? server->options.backlog : SOMAXCONN;
  server->flags &= ~(unsigned)SERVER_SHORT; /* the last chance to try */
  for (struct listener *it = server->listeners; it; it = it->next) {
    accept_some(server, it->fd, max);
    if (server->flags & SERVER_CLOSED)
      return; /* the listeners are gone */
  }
  close_listeners(server);
}

/* A callback has returned: if it was the outermost, do what could not be done inside. */
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

void tcpserver_release(struct tcpserver *server) {
  released(server);
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
    iostream__leave(&connection->stream);
  }
  server->visits = visit.outer;
  tcpserver__leave(server);
}

void tcpserver_close(struct tcpserver *server) {
  if (!server || server->flags & SERVER_CLOSED)
    return;
  server->flags |= SERVER_CLOSED;
  server->depth++;
  close_listeners(server);
  while (!ioloop__list_is_empty(&server->open))
    iostream_close(&IOLOOP__LIST_ENTRY(server->open.next, struct connection, open)->stream);
  if (server->expiry)
    ioloop_remove_timeout(server->loop, server->expiry);
  tcpserver__leave(server);
}
