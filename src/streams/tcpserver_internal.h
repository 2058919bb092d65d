/* SPDX-License-Identifier: MIT */
/* tcpserver_internal.h - what the files of a TCP server share; tcpserver.c has the list. */
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
  struct ioloop_stream stream;  /* first: its release() frees all of it */
  struct ioloop__list open;     /* place among the open ones */
  struct ioloop__list activity; /* place among those that may become idle */
  uint64_t active_ns;           /* when it last had traffic */
};

struct listener {
  struct ioloop_tcpserver *server;
  struct listener *next;
  int fd;
  int failures;             /* of connections, since one was accepted */
  struct socket_file *file; /* to be removed; NULL: none */
  bool by_completion;
  bool retired; /* it accepts no more, for good */

  /* Readiness only: wake-ups that accept a single connection; initial value, and how many
   * remain. */
  int singles, singles_left;

  /* By completion: */
  struct ioloop__op accepting;
  int *held; /* accepted when that could not be admitted: the server was full, or is ending */
  size_t held_count;
  bool under_way; /* the operation */
  bool stopping;  /* asked to end */
};

/* A walk over the open connections that stays valid whatever is closed during it. */
struct visit {
  struct ioloop__list *next;
  struct visit *outer;
};

struct ioloop_tcpserver {
  struct ioloop_stream_owner owner; /* first */
  struct ioloop *loop;
  const struct ioloop__completer *completer; /* NULL: by readiness */
  struct ioloop_tcpserver_options options;
  struct listener *listeners;
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

static inline bool ioloop__tcpserver_is_full(const struct ioloop_tcpserver *server) {
  return server->options.max_connections && server->connections >= server->options.max_connections;
}

/* ---- tcpserver.c ------------------------------------------------------------------------- */

/* A callback has returned, or anything else that was counted in `depth`: if it was the outermost,
 * do what could not be done inside. May free the server. */
void ioloop__tcpserver_leave(struct ioloop_tcpserver *server);

/* A connection was accepted: it is closed, or the program's. */
void ioloop__tcpserver_admit(struct ioloop_tcpserver *server, int fd, const struct sockaddr *peer,
                             socklen_t size);

/* ---- tcpserver_listen.c ------------------------------------------------------------------ */

void ioloop__tcpserver_close_listeners(struct ioloop_tcpserver *server);

/* ---- tcpserver_accept.c ------------------------------------------------------------------ */

/* Watch the listeners, or no longer: after each change of what that depends on. */
void ioloop__tcpserver_watch(struct ioloop_tcpserver *server);

/* The same for a single one. 0 or -errno. */
int ioloop__tcpserver_set_watched(struct listener *listener, bool wanted);

/* Try later. false: there is no memory for that, so keep watching: a busy loop is better than one
 * that accepts nothing. */
bool ioloop__tcpserver_run_short(struct ioloop_tcpserver *server, int error);
ioloop_callback_fn ioloop__tcpserver_on_retry;

/* Returns how many there were, at most `max`. */
int ioloop__tcpserver_accept_some(struct listener *listener, int max);

/* false: enough for this turn. */
bool ioloop__tcpserver_accept_failed(struct listener *listener, int error);
ioloop_handler_fn ioloop__tcpserver_on_listener_ready;

/* ---- tcpserver_completion.c -------------------------------------------------------------- */

extern const struct ioloop__op_kind ioloop__tcpserver_accepting;

/* Accept until stopped; with a limit of connections, up to it. 0 or -errno. */
int ioloop__tcpserver_begin_accepting(struct listener *listener);
void ioloop__tcpserver_stop_accepting(struct listener *listener);
void ioloop__tcpserver_end_accepting(struct listener *listener); /* at once */

/* Pass on the connections that were accepted when the server was full or ending. */
void ioloop__tcpserver_admit_held(struct listener *listener);

/* From here on connections are taken from the backlog one by one. -errno: they cannot be, as accept
 * would wait. */
int ioloop__tcpserver_collect_accepted(struct listener *listener);

#endif
