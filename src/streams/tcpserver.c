/* SPDX-License-Identifier: MIT */
/*
 * tcpserver.c - listeners, and the bookkeeping of their connections.
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
 *
 * Where the backend offers completion (completion.h), one request accepts until something fails. A
 * connection it has accepted is ours: it cannot wait in the backlog. So with a limit of
 * connections, each accept is requested singly. A listener that was made elsewhere and is
 * non-blocking keeps using readiness: O_NONBLOCK belongs to all that share the file, and makes some
 * kernels fail instead of wait.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend.h"
#include "observe.h"
#include "platform.h"
#include "socket_file.h"
#include "tcpserver_internal.h"

enum {
  MOST_ACCEPTS = 64, /* a wake-up */
  MOST_SINGLES = 7,
  MOST_FAILURES = 64,    /* of connections, one after the other */
  MOST_LEFT = 64 * 1024, /* in a backlog, to be taken before the end */
  RETRY_MS = 100
};

struct listener {
  struct tcpserver *server;
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

/* ---- to watch or not --------------------------------------------------------------------- */

static bool is_full(const struct tcpserver *server) {
  return server->options.max_connections && server->connections >= server->options.max_connections;
}

static void on_retry(struct ioloop *loop, void *arg);

/* Try later. false: there is no memory for that, so go on watching: better busy than deaf. */
static bool run_short(struct tcpserver *server, int error) {
  if (!server->retry && ioloop_call_later(server->loop, RETRY_MS * UINT64_C(1000000), on_retry,
                                          server, &server->retry) < 0)
    return false;
  server->flags |= SERVER_SHORT;
  if (server->flags & SERVER_REPORTED)
    return true;
  server->flags |= SERVER_REPORTED;
  if (server->options.on_trouble)
    server->options.on_trouble(server, error, server->options.arg);
  return true;
}

/* By completion. Without end, unless the number of connections has one. */
static int begin_accepting(struct listener *listener) {
  struct tcpserver *server = listener->server;
  const struct ioloop__completer *completer = server->completer;
  if (listener->under_way || server->flags & SERVER_ENDING)
    return 0;
  if (listener->held_count) /* it is next; not from here, for it calls the program */
    return server->retry ? 0 : ioloop_call_at(server->loop, 0, on_retry, server, &server->retry);
  bool for_stream = server->options.on_connection, forever = !server->options.max_connections;
  int r = completer->table->accept(completer->state, &listener->accepting, listener->fd, for_stream,
                                   forever);
  listener->under_way = !r;
  return r;
}

static void stop_accepting(struct listener *listener) {
  const struct ioloop__completer *completer = listener->server->completer;
  if (listener->under_way && !listener->stopping)
    completer->table->stop(completer->state, &listener->accepting);
  listener->stopping = listener->under_way;
}

static int set_watched(struct listener *listener, bool wanted) {
  wanted = wanted && !listener->retired;
  if (!listener->by_completion)
    return ioloop_update_handler(listener->server->loop, listener->fd, wanted ? IOLOOP_READ : 0);
  if (wanted)
    return begin_accepting(listener);
  stop_accepting(listener);
  return 0;
}

static void watch(struct tcpserver *server) {
  bool wanted = !(server->flags & (SERVER_SHORT | SERVER_CLOSED)) && !is_full(server);
  if (wanted == !!(server->flags & SERVER_WATCHING) || ioloop__inherited(server->loop))
    return;
  server->flags ^= SERVER_WATCHING;
  int error = 0;
  for (struct listener *it = server->listeners; it; it = it->next) {
    int r = set_watched(it, wanted);
    if (r && wanted)
      error = r;
  }
  if (error) {
    server->flags &= ~(unsigned)SERVER_WATCHING; /* not all of them: the retry watches all */
    (void)run_short(server, error);
  }
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
    connection->stream.flags |= STREAM_TIMED;
    tcpserver__mark_active(server, connection);
    tcpserver__arm_expiry(server);
  }
  return connection;
}

static void admit(struct tcpserver *server, int fd, const struct sockaddr *peer, socklen_t size) {
  struct connection *connection = NULL;
  int error = server->sets_nodelay ? iostream__nodelay(fd, true) : 0;
  if (server->options.on_connection) {
    connection = new_connection(server, fd);
    if (!connection) {
      close(fd);
      (void)run_short(server, -ENOMEM);
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
  iostream__leave(&connection->stream);
}

/* ---- accepting --------------------------------------------------------------------------- */

enum scope {
  CONNECTION,
  LISTENER,
  SERVER
};

/* What an error of accept(2) concerns. Most concern the connection that was to be accepted, and the
 * next may do: it passes on what the network, or a firewall, has already reported for that. One
 * that does not go away is more than that. */
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
  struct tcpserver *server = listener->server;
  listener->retired = true;
  (void)set_watched(listener, false);
  if (server->options.on_trouble)
    server->options.on_trouble(server, error, server->options.arg);
}

/* false: enough for this turn. */
static bool accept_failed(struct listener *listener, int error) {
  enum scope scope = scope_of(error, ++listener->failures >= MOST_FAILURES);
  if (scope == CONNECTION)
    return true;
  listener->failures = 0;
  if (scope == LISTENER)
    retire(listener, error);
  else if (!run_short(listener->server, error))
    ioloop__pause(); /* the whole loop rests: the listener stays ready */
  return false;
}

static int accept_one(struct tcpserver *server, int listener, struct sockaddr_storage *peer,
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

/* Returns how many there were, at most `max`. */
static int accept_some(struct listener *listener, int max) {
  const unsigned no_more = SERVER_SHORT | SERVER_CLOSED;
  struct tcpserver *server = listener->server;
  int found = 0;
  /* Any of them may fork, and the rest is the parent's; or close the server, and the listener is
   * gone. */
  for (; found < max && !(server->flags & no_more) && !listener->retired && !is_full(server) &&
         !ioloop__inherited(server->loop);
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
      admit(server, fd, (struct sockaddr *)&peer, size);
    } else if (!accept_failed(listener, fd)) {
      break;
    }
  }
  return found;
}

static void accept_ready(struct listener *listener) {
  struct tcpserver *server = listener->server;
  if (listener->singles_left > 0) {
    listener->singles_left--;
    (void)accept_some(listener, 1);
    return;
  }
  bool alone = accept_some(listener, MOST_ACCEPTS) <= 1;
  if (server->flags & SERVER_CLOSED)
    return; /* the listener is gone */
  int more = listener->singles < MOST_SINGLES ? listener->singles * 2 + 1 : MOST_SINGLES;
  listener->singles = listener->singles_left = alone ? more : 0;
}

static void on_listener_ready(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct listener *listener = arg;
  struct tcpserver *server = listener->server;
  (void)loop, (void)fd, (void)events;
  server->depth++;
  accept_ready(listener);
  watch(server);
  tcpserver__leave(server);
}

/* By completion one comes without its address. */
static void admit_bare(struct tcpserver *server, int fd) {
  struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
  socklen_t size = sizeof peer;
  if (getpeername(fd, (struct sockaddr *)&peer, &size) < 0)
    size = sizeof peer.ss_family; /* reset already: reading will tell */
  server->flags &= ~(unsigned)SERVER_REPORTED;
  admit(server, fd, (struct sockaddr *)&peer, size);
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

static void admit_held(struct listener *listener) {
  struct tcpserver *server = listener->server;
  while (!(server->flags & SERVER_CLOSED) && listener->held_count && !is_full(server) &&
         !ioloop__inherited(server->loop)) {
    int fd = listener->held[0];
    listener->held_count--;
    memmove(listener->held, listener->held + 1, listener->held_count * sizeof fd);
    admit_bare(server, fd);
  }
}

static void on_retry(struct ioloop *loop, void *arg) {
  struct tcpserver *server = arg;
  (void)loop;
  server->retry = 0;
  server->flags &= ~(unsigned)SERVER_SHORT;
  server->depth++;
  for (struct listener *it = server->listeners; it;) {
    admit_held(it);
    it = server->flags & SERVER_CLOSED ? NULL : it->next; /* the listeners are gone */
  }
  watch(server);
  tcpserver__leave(server);
}

static void go_on_accepting(struct listener *listener) {
  struct tcpserver *server = listener->server;
  watch(server);
  int r = server->flags & SERVER_WATCHING ? set_watched(listener, true) : 0;
  if (r)
    (void)run_short(server, r);
}

static void on_accepted(struct ioloop *loop, struct ioloop__op *op, int result, void *data,
                        bool more) {
  struct listener *listener = IOLOOP__LIST_ENTRY(op, struct listener, accepting);
  struct tcpserver *server = listener->server;
  (void)loop, (void)data;
  if (!more)
    listener->under_way = listener->stopping = false;
  server->depth++;
  if (result >= 0)
    listener->failures = 0;
  if (result == -EAGAIN) /* it has become non-blocking */
    listener->by_completion = false;
  else if (result < 0 && result != -ECANCELED)
    (void)accept_failed(listener, result);
  else if (result >= 0 && (server->flags & (SERVER_ENDING | SERVER_CLOSED) || is_full(server)))
    hold(listener, result);
  else if (result >= 0)
    admit_bare(server, result);
  if (!more && !(server->flags & (SERVER_CLOSED | SERVER_ENDING)))
    go_on_accepting(listener);
  tcpserver__leave(server);
}

/* ---- listeners --------------------------------------------------------------------------- */

static int fd_of_accepting(const struct ioloop__op *op) {
  return IOLOOP__LIST_ENTRY(op, const struct listener, accepting)->fd;
}

static const struct ioloop__op_kind accepting = {
    .name = "accept", .fd = fd_of_accepting, .done = on_accepted};

static void append_listener(struct tcpserver *server, struct listener *listener) {
  struct listener **end = &server->listeners;
  while (*end)
    end = &(*end)->next;
  *end = listener;
  listener->server->sets_nodelay |= iostream__lacks_nodelay(listener->fd);
}

static int begin_listening(struct listener *listener, bool ours) {
  struct tcpserver *server = listener->server;
  bool wanted = server->flags & SERVER_WATCHING, by_events = wanted && !listener->by_completion;
  listener->accepting.kind = &accepting;
  int r = 0;
  if (!listener->by_completion)
    r = ioloop__adopt(listener->fd);
  else
    r = ours ? ioloop__set_blocking(listener->fd, true) : ioloop__adopt_blocking(listener->fd);
  /* By completion it watches nothing, and has the loop know that the number is taken. */
  if (!r)
    r = ioloop_add_handler(server->loop, listener->fd, by_events ? IOLOOP_READ : 0,
                           on_listener_ready, listener);
  if (r || !wanted || !listener->by_completion)
    return r;
  r = begin_accepting(listener);
  if (r)
    ioloop_remove_handler(server->loop, listener->fd);
  return r;
}

/* `ours`: nothing else has the file. `socket_file` is the listener's if this succeeds. */
static int add_listener(struct tcpserver *server, int fd, bool ours, struct socket_file *file) {
  struct listener *listener = calloc(1, sizeof *listener);
  if (!listener)
    return -ENOMEM;
  bool by_completion = server->completer && (ours || ioloop__is_blocking(fd));
  *listener =
      (struct listener){.server = server, .fd = fd, .file = file, .by_completion = by_completion};
  int r = begin_listening(listener, ours);
  if (r)
    free(listener);
  else
    append_listener(server, listener);
  return r;
}

int tcpserver_add_socket(struct tcpserver *server, int fd) {
  if (ioloop__inherited(server->loop))
    return -ECHILD;
  if (server->flags & (SERVER_STOPPING | SERVER_CLOSED))
    return -EINVAL;
  int r = ioloop__check_socket(fd, SOCK_STREAM, true);
  return r ? r : add_listener(server, fd, false, NULL);
}

int tcpserver_listen(struct tcpserver *server, const struct sockaddr *address, socklen_t size) {
  if (ioloop__inherited(server->loop))
    return -ECHILD;
  if (server->flags & (SERVER_STOPPING | SERVER_CLOSED))
    return -EINVAL;
  int fd = tcpserver__open_listener(address, size, &server->options);
  if (fd < 0)
    return fd;
  (void)iostream__nodelay(fd, true); /* connections inherit it: saves a call for each */
  struct socket_file *file = ioloop__note_file(address, size);
  int r = add_listener(server, fd, true, file);
  if (r) {
    ioloop__remove_file(file);
    close(fd);
  }
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

static void end_accepting(struct listener *listener) {
  const struct ioloop__completer *completer = listener->server->completer;
  listener->server->flags |= SERVER_ENDING;
  if (listener->under_way)
    completer->table->cancel(listener->server->loop, completer->state, &listener->accepting);
}

static void free_listener(struct listener *listener) {
  if (listener->by_completion)
    end_accepting(listener);
  ioloop_remove_handler(listener->server->loop, listener->fd);
  ioloop__remove_file(listener->file);
  close(listener->fd);
  while (listener->held_count)
    close(listener->held[--listener->held_count]);
  free(listener->held);
  free(listener);
}

static void close_listeners(struct tcpserver *server) {
  while (server->listeners) {
    struct listener *listener = server->listeners;
    server->listeners = listener->next;
    free_listener(listener);
  }
  if (server->retry)
    ioloop_remove_timeout(server->loop, server->retry);
  server->retry = 0;
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

/* From here on connections are taken from the backlog one by one. -errno: they cannot be, as accept
 * would wait. */
static int collect_accepted(struct listener *listener) {
  end_accepting(listener);
  int r = ioloop__set_blocking(listener->fd, false);
  admit_held(listener); /* a callback may close the server, and the listener is gone */
  return r;
}

static void drain_backlog(struct tcpserver *server) {
  int max = server->options.backlog > 0 ? server->options.backlog : MOST_LEFT;
  server->flags &= ~(unsigned)SERVER_SHORT; /* the last chance to try */
  if (ioloop__inherited(server->loop)) {    /* the backlog is the parent's */
    close_listeners(server);
    return;
  }
  for (struct listener *it = server->listeners; it; it = it->next) {
    int r = it->by_completion ? collect_accepted(it) : 0;
    if (!r && !(server->flags & SERVER_CLOSED))
      (void)accept_some(it, max);
    else if (r && server->options.on_trouble)
      server->options.on_trouble(server, r, server->options.arg);
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
