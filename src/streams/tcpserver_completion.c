/* SPDX-License-Identifier: MIT */
/*
 * tcpserver_completion.c - accepting by completion (completion.h).
 *
 * One request accepts until something fails. A connection that it has accepted is ours: it cannot
 * wait in the backlog. So with a limit of connections, each accept is requested singly. A listener
 * that was made elsewhere and is non-blocking keeps using readiness: O_NONBLOCK belongs to all that
 * share the file, and makes some kernels fail instead of wait.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform.h"
#include "tcpserver_internal.h"

int ioloop__tcpserver_begin_accepting(struct listener *listener) {
  struct ioloop_tcpserver *server = listener->server;
  const struct ioloop__completer *completer = server->completer;
  if (listener->under_way || server->flags & SERVER_ENDING)
    return 0;
  if (listener->held_count) /* they are next, but not from here: the program is called */
    return server->retry ? 0
                         : ioloop_call_at(server->loop, 0, ioloop__tcpserver_on_retry, server,
                                          &server->retry);
  bool for_stream = server->options.on_connection, forever = !server->options.max_connections;
  int r = completer->table->accept(completer->state, &listener->accepting, listener->fd, for_stream,
                                   forever);
  listener->under_way = !r;
  return r;
}

void ioloop__tcpserver_stop_accepting(struct listener *listener) {
  const struct ioloop__completer *completer = listener->server->completer;
  if (listener->under_way && !listener->stopping)
    completer->table->stop(completer->state, &listener->accepting);
  listener->stopping = listener->under_way;
}

void ioloop__tcpserver_end_accepting(struct listener *listener) {
  const struct ioloop__completer *completer = listener->server->completer;
  listener->server->flags |= SERVER_ENDING;
  if (listener->under_way)
    completer->table->cancel(listener->server->loop, completer->state, &listener->accepting);
}

/* By completion a connection comes without its address. */
static void admit_bare(struct ioloop_tcpserver *server, int fd) {
  struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
  socklen_t size = sizeof peer;
  if (getpeername(fd, (struct sockaddr *)&peer, &size) < 0)
    size = sizeof peer.ss_family; /* reset already: reading reports it */
  server->flags &= ~(unsigned)SERVER_REPORTED;
  ioloop__tcpserver_admit(server, fd, (struct sockaddr *)&peer, size);
}

static void hold(struct listener *listener, int fd) {
  int *larger = realloc(listener->held, (listener->held_count + 1) * sizeof *larger);
  if (!larger) {
    close(fd);
    return;
  }
  larger[listener->held_count++] = fd;
  listener->held = larger;
}

void ioloop__tcpserver_admit_held(struct listener *listener) {
  struct ioloop_tcpserver *server = listener->server;
  while (!(server->flags & SERVER_CLOSED) && listener->held_count &&
         !ioloop__tcpserver_is_full(server) && !ioloop__inherited(server->loop)) {
    int fd = listener->held[0];
    listener->held_count--;
    memmove(listener->held, listener->held + 1, listener->held_count * sizeof fd);
    admit_bare(server, fd);
  }
}

int ioloop__tcpserver_collect_accepted(struct listener *listener) {
  ioloop__tcpserver_end_accepting(listener);
  int r = ioloop__set_blocking(listener->fd, false);
  ioloop__tcpserver_admit_held(
      listener); /* a callback may close the server, and the listener is gone */
  return r;
}

static void go_on_accepting(struct listener *listener) {
  struct ioloop_tcpserver *server = listener->server;
  ioloop__tcpserver_watch(server);
  int r = server->flags & SERVER_WATCHING ? ioloop__tcpserver_set_watched(listener, true) : 0;
  if (r)
    (void)ioloop__tcpserver_run_short(server, r);
}

static void on_accepted(struct ioloop *loop, struct ioloop__op *op, int result, void *data,
                        bool more) {
  struct listener *listener = IOLOOP__LIST_ENTRY(op, struct listener, accepting);
  struct ioloop_tcpserver *server = listener->server;
  (void)loop, (void)data;
  if (!more)
    listener->under_way = listener->stopping = false;
  server->depth++;
  if (result >= 0)
    listener->failures = 0;
  if (result == -EAGAIN) /* it has become non-blocking, and has to stay so: accept has no flag */
    listener->by_completion = ioloop__adopt(listener->fd, true) < 0;
  else if (result < 0 && result != -ECANCELED)
    (void)ioloop__tcpserver_accept_failed(listener, result);
  else if (result >= 0 &&
           (server->flags & (SERVER_ENDING | SERVER_CLOSED) || ioloop__tcpserver_is_full(server)))
    hold(listener, result);
  else if (result >= 0)
    admit_bare(server, result);
  if (!more && !(server->flags & (SERVER_CLOSED | SERVER_ENDING)))
    go_on_accepting(listener);
  ioloop__tcpserver_leave(server);
}

static int fd_of_accepting(const struct ioloop__op *op) {
  return IOLOOP__LIST_ENTRY(op, const struct listener, accepting)->fd;
}

const struct ioloop__op_kind ioloop__tcpserver_accepting = {
    .name = "accept", .fd = fd_of_accepting, .done = on_accepted};
