/* SPDX-License-Identifier: MIT */
/*
 * tcpserver_accept.c - when to accept, and accepting by readiness.
 *
 * Accepting must neither starve existing connections (so each wake-up accepts a limited number; the
 * rest is reported again) nor spin when it cannot succeed. A listener whose connection cannot be
 * accepted for lack of descriptors or memory stays ready forever, so it is not watched in that
 * state: the next attempt is made when a connection of this server closes, or after a while,
 * because other code uses descriptors too. The same switch enforces the limit of connections.
 * Further connections wait in the backlog. A listener that no longer listens, because another
 * process that shares it has shut it down (shutdown(2)), is not watched again: otherwise it would
 * hold up the others.
 *
 * An accept() that finds no connection is expensive: Linux allocates a socket and a file before it
 * checks (net/socket.c, do_accept). Where connections arrive one by one, that would be every second
 * call. So after a wake-up that found a single connection, the next few accept one and do not ask
 * for more; a connection that is waiting is reported in the next turn.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend.h"
#include "observe.h"
#include "platform.h"
#include "tcpserver_internal.h"

enum {
  MOST_ACCEPTS = 64, /* per wake-up */
  MOST_SINGLES = 7,
  MOST_FAILURES = 64, /* of connections, one after the other */
  RETRY_MS = 100
};

/* ---- to watch or not --------------------------------------------------------------------- */

bool ioloop__tcpserver_run_short(struct ioloop_tcpserver *server, int error) {
  if (!server->retry && ioloop_call_later(server->loop, RETRY_MS * UINT64_C(1000000),
                                          ioloop__tcpserver_on_retry, server, &server->retry) < 0)
    return false;
  server->flags |= SERVER_SHORT;
  if (server->flags & SERVER_REPORTED)
    return true;
  server->flags |= SERVER_REPORTED;
  if (server->options.on_trouble)
    server->options.on_trouble(server, error, server->options.arg);
  return true;
}

int ioloop__tcpserver_set_watched(struct listener *listener, bool wanted) {
  wanted = wanted && !listener->retired;
  if (!listener->by_completion)
    return ioloop_update_handler(listener->server->loop, listener->fd, wanted ? IOLOOP_READ : 0);
  if (wanted)
    return ioloop__tcpserver_begin_accepting(listener);
  ioloop__tcpserver_stop_accepting(listener);
  return 0;
}

void ioloop__tcpserver_watch(struct ioloop_tcpserver *server) {
  bool wanted =
      !(server->flags & (SERVER_SHORT | SERVER_CLOSED)) && !ioloop__tcpserver_is_full(server);
  if (wanted == !!(server->flags & SERVER_WATCHING) || ioloop__inherited(server->loop))
    return;
  server->flags ^= SERVER_WATCHING;
  int error = 0;
  for (struct listener *it = server->listeners; it; it = it->next) {
    int r = ioloop__tcpserver_set_watched(it, wanted);
    if (r && wanted)
      error = r;
  }
  if (error) {
    server->flags &= ~(unsigned)SERVER_WATCHING; /* not all of them: the retry watches all */
    (void)ioloop__tcpserver_run_short(server, error);
  }
}

void ioloop__tcpserver_on_retry(struct ioloop *loop, void *arg) {
  struct ioloop_tcpserver *server = arg;
  (void)loop;
  server->retry = 0;
  server->flags &= ~(unsigned)SERVER_SHORT;
  server->depth++;
  for (struct listener *it = server->listeners; it;) {
    ioloop__tcpserver_admit_held(it);
    it = server->flags & SERVER_CLOSED ? NULL : it->next; /* the listeners are gone */
  }
  ioloop__tcpserver_watch(server);
  ioloop__tcpserver_leave(server);
}

/* ---- accepting --------------------------------------------------------------------------- */

enum scope {
  CONNECTION,
  LISTENER,
  SERVER
};

/* What an error of accept(2) concerns. Most errors concern only the connection that would have been
 * accepted, and the next one may succeed: accept reports what the network or a firewall has already
 * reported for that connection. An error that persists concerns more. */
static enum scope scope_of(int error, bool lasting) {
  switch (-error) {
  case EBADF:
  case EINVAL: /* it no longer listens */
  case ENOTSOCK:
    return LISTENER;
  case EMFILE:
  case ENFILE:
  case ENOBUFS:
  case ENOMEM:
  case EFAULT:
    return SERVER;
  case EOPNOTSUPP:
    return lasting ? LISTENER : CONNECTION;
  default:
    return lasting ? SERVER : CONNECTION;
  }
}

/* The other listeners continue. */
static void retire(struct listener *listener, int error) {
  struct ioloop_tcpserver *server = listener->server;
  listener->retired = true;
  (void)ioloop__tcpserver_set_watched(listener, false);
  if (server->options.on_trouble)
    server->options.on_trouble(server, error, server->options.arg);
}

bool ioloop__tcpserver_accept_failed(struct listener *listener, int error) {
  enum scope scope = scope_of(error, ++listener->failures >= MOST_FAILURES);
  if (scope == CONNECTION)
    return true;
  listener->failures = 0;
  if (scope == LISTENER)
    retire(listener, error);
  else if (!ioloop__tcpserver_run_short(listener->server, error))
    ioloop__pause(); /* the whole loop rests: the listener stays ready */
  return false;
}

static int accept_one(struct ioloop_tcpserver *server, int listener, struct sockaddr_storage *peer,
                      socklen_t *size) {
  uint64_t begun = ioloop__call_begins(server->loop);
  int fd = ioloop__accept(listener, (struct sockaddr *)peer, size);
  ioloop__call_ended(server->loop, "accept", listener, fd, begun);
  return fd;
}

/* As a stream by completion needs it. */
static int make_blocking(int fd) {
  int r = ioloop__set_blocking(fd, true);
  if (r)
    close(fd);
  return r ? r : fd;
}

int ioloop__tcpserver_accept_some(struct listener *listener, int max) {
  const unsigned no_more = SERVER_SHORT | SERVER_CLOSED;
  struct ioloop_tcpserver *server = listener->server;
  int found = 0;
  /* Any of them may fork, and the rest is the parent's; or close the server, and the listener is
   * gone. */
  for (; found < max && !(server->flags & no_more) && !listener->retired &&
         !ioloop__tcpserver_is_full(server) && !ioloop__inherited(server->loop);
       found++) {
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    int fd = accept_one(server, listener->fd, &peer, &size);
    if (fd == -EAGAIN || fd == -EWOULDBLOCK)
      break;
    if (fd >= 0 && server->completer && server->options.on_connection)
      fd = make_blocking(fd);
    if (fd >= 0) {
      listener->failures = 0;
      server->flags &= ~(unsigned)SERVER_REPORTED;
      ioloop__tcpserver_admit(server, fd, (struct sockaddr *)&peer, size);
    } else if (!ioloop__tcpserver_accept_failed(listener, fd)) {
      break;
    }
  }
  return found;
}

static void accept_ready(struct listener *listener) {
  struct ioloop_tcpserver *server = listener->server;
  if (listener->singles_left > 0) {
    listener->singles_left--;
    (void)ioloop__tcpserver_accept_some(listener, 1);
    return;
  }
  bool alone = ioloop__tcpserver_accept_some(listener, MOST_ACCEPTS) <= 1;
  if (server->flags & SERVER_CLOSED)
    return; /* the listener is gone */
  int more = listener->singles < MOST_SINGLES ? listener->singles * 2 + 1 : MOST_SINGLES;
  listener->singles = listener->singles_left = alone ? more : 0;
}

void ioloop__tcpserver_on_listener_ready(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct listener *listener = arg;
  struct ioloop_tcpserver *server = listener->server;
  (void)loop, (void)fd, (void)events;
  server->depth++;
  accept_ready(listener);
  ioloop__tcpserver_watch(server);
  ioloop__tcpserver_leave(server);
}
