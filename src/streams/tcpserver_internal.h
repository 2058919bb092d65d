/* SPDX-License-Identifier: MIT */
/* tcpserver_internal.h - what a TCP server is made of: tcpserver.c accepts and keeps account,
 * tcpserver_listen.c opens what listens, tcpserver_idle.c watches for connections without traffic.
 */
#ifndef IOLOOP_TCPSERVER_INTERNAL_H
#define IOLOOP_TCPSERVER_INTERNAL_H

#include "stream_internal.h"

enum {
  SERVER_SHORT = 1 << 0,    /* accept failed for lack of something: not watching */
  SERVER_REPORTED = 1 << 1, /* ... and the program knows */
  SERVER_STOPPING = 1 << 2,
  SERVER_CLOSED = 1 << 3,
  SERVER_WATCHING = 1 << 4,
  SERVER_ENDING = 1 << 5 /* by completion: what was accepted is being collected, the last of all */
};

struct connection {
  struct iostream stream;       /* first: its release() frees all of it */
  struct ioloop__list open;     /* place among the open ones */
  struct ioloop__list activity; /* place among those that may become idle */
  uint64_t active_ns;           /* when it last had traffic */
};

/* A walk over the open connections that stays valid whatever is closed during it. */
struct visit {
  struct ioloop__list *next;
  struct visit *outer;
};

struct tcpserver {
  struct iostream_owner owner; /* first */
  struct ioloop *loop;
  const struct ioloop__completer *completer; /* NULL: by readiness */
  struct tcpserver_options options;
  struct listener *listeners; /* of tcpserver.c */
  struct ioloop__list open;
  struct ioloop__list activity; /* oldest first */
  struct visit *visits;
  size_t connections;
  uint64_t accepted;
  ioloop_timeout retry;
  ioloop_timeout expiry;
  bool sets_nodelay; /* on each connection: some listener has no TCP_NODELAY to inherit */
  unsigned flags;
  unsigned depth; /* callbacks under way */
};

/* A callback has returned, or anything else that was counted in `depth`: if it was the outermost,
 * do what could not be done inside. May free the server. */
void tcpserver__leave(struct tcpserver *server);

/* ---- tcpserver_listen.c ------------------------------------------------------------------ */

/* A socket that listens, or -errno. */
int tcpserver__open_listener(const struct sockaddr *address, socklen_t size,
                             const struct tcpserver_options *options);

/* ---- tcpserver_idle.c -------------------------------------------------------------------- */

/* It had traffic just now: it is the last to expire. Reads the clock. */
void tcpserver__mark_active(struct tcpserver *server, struct connection *connection);

/* Have the oldest looked after, unless that is arranged already. */
void tcpserver__arm_expiry(struct tcpserver *server);

#endif
