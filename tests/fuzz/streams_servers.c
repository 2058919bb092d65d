/* SPDX-License-Identifier: MIT */
/*
 * streams_servers.c - tcpserver, and connections made through one (or to an address where nothing
 * listens).
 *
 * A server accepts in the order in which it was dialed, so the model knows which connection is
 * next. "Connections in the backlog are accepted first, as far as the limits allow" holds for
 * ioloop_tcpserver_stop; ioloop_tcpserver_close resets them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "streams.h"

union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_un local;
  struct sockaddr_storage storage;
};

/* ---- accepting ------------------------------------------------------------------------------ */

static void check_count(const struct server *server) {
  FUZZ_CHECK(ioloop_tcpserver_connections(server->server) == server->open,
             "server %d: %zu connections, not %zu", server->index,
             ioloop_tcpserver_connections(server->server), server->open);
  FUZZ_CHECK(ioloop_tcpserver_accepted_total(server->server) == server->accepted,
             "server %d: %llu accepted, not %llu", server->index,
             (unsigned long long)ioloop_tcpserver_accepted_total(server->server),
             (unsigned long long)server->accepted);
  FUZZ_CHECK(!server->most || server->open <= server->most,
             "server %d: %zu connections of at most %zu", server->index, server->open,
             server->most);
}

static void on_connection(struct ioloop_tcpserver *it, struct ioloop_stream *stream,
                          const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  struct server *server = arg;
  (void)peer, (void)peer_size;
  const char *outer = enter_callback("ioloop_tcpserver_stop");
  FUZZ_CHECK(server->server == it, "server %d: a connection after its end", server->index);
  FUZZ_CHECK(!server->stopped || outer || server->stops_late,
             "server %d: a connection after it was stopped", server->index);
  FUZZ_CHECK(server->dial_count > 0, "server %d: a connection that was not made", server->index);
  struct end *end = &world.ends[2 * server->dials[0] + 1];
  server->dial_count--;
  memmove(server->dials, server->dials + 1, (size_t)server->dial_count * sizeof server->dials[0]);
  server->open++;
  server->accepted++;
  check_count(server);
  adopt_stream(end, stream);
  end->server = server;
  tell(end, " accepted");
  server->depth++;
  react(end->index, ON_CONNECT);
  server->depth--;
  leave_callback(outer);
}

static void on_trouble(struct ioloop_tcpserver *it, int error, void *arg) {
  const struct server *server = arg;
  (void)it;
  fuzz_fail("server %d: trouble %d", server->index, error);
}

/* Dropped from the backlog. */
static void drop_dials(struct server *server) {
  for (int i = 0; i < server->dial_count; i++) {
    struct end *end = &world.ends[2 * server->dials[i] + 1];
    end_is_gone(end, EITHER, 0, 0);
    leave_open(end);
  }
  server->dial_count = 0;
}

/* ---- operations ----------------------------------------------------------------------------- */

static socklen_t address_of(const struct server *server, union address *ret) {
  memset(ret, 0, sizeof *ret);
  if (server->tcp) {
    ret->v4 =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return sizeof ret->v4;
  }
  ret->local.sun_family = AF_UNIX; /* an abstract name: it leaves no file */
  int length = snprintf(ret->local.sun_path + 1, sizeof ret->local.sun_path - 1,
                        "ioloop-fuzz-%ld-%d", (long)getpid(), server->index);
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

/* The server, its kind, how many connections at most, an idle timeout. */
void op_server(const uint32_t *args) {
  struct server *server = pick_server(args[0]);
  if (server->server)
    return;
  bool idles = args[3] % 8 == 1 && !world.strict; /* whose story depends on time */
  *server = (struct server){.index = (int)(server - world.servers),
                            .tcp = args[1] % 2,
                            .most = args[2] % 2 ? 1 + args[2] / 2 % 4 : 0,
                            .idle_ns = idles ? (1 + args[3] / 8 % 16) * UINT64_C(1000000) : 0};
  struct ioloop_tcpserver_options options = {.size = sizeof options,
                                             .max_connections = server->most,
                                             .idle_timeout_ns = server->idle_ns,
                                             .on_connection = on_connection,
                                             .on_trouble = on_trouble,
                                             .arg = server};
  union address address;
  socklen_t size = address_of(server, &address);
  int r = ioloop_tcpserver_new(world.loop, &options, &server->server);
  FUZZ_CHECK(r == 0, "ioloop_tcpserver_new: %d", r);
  INSIDE("ioloop_tcpserver_listen",
         r = ioloop_tcpserver_listen(server->server, &address.any, size));
  FUZZ_CHECK(r == 0, "ioloop_tcpserver_listen: %d", r);
}

static bool dial(struct end *end, const union address *address, socklen_t size, uint32_t how,
                 int error) {
  if (how % 2) {
    struct ioloop_stream *stream;
    int r;
    INSIDE("ioloop_stream_connect", r = ioloop_stream_connect(world.loop, &address->any, size,
                                                              on_connect, on_close, end, &stream));
    FUZZ_CHECK(r == 0, "ioloop_stream_connect: %d", r);
    adopt_stream(end, stream);
    end->connecting = true;
    end->connect_error = error;
    return true;
  }
  int fd = socket(address->any.sa_family, SOCK_STREAM, 0);
  FUZZ_CHECK(fd >= 0, "socket: %s", strerror(errno));
  if (connect(fd, &address->any, size) < 0) {
    close(fd);
    return false;
  }
  adopt_raw(end, fd, how / 2 % 2);
  return true;
}

void op_dial(const uint32_t *args) {
  struct server *server = pick_server(args[0]);
  union address address;
  socklen_t size = sizeof address;
  if (!server->server || server->stopped ||
      ioloop_tcpserver_address(server->server, 0, &address.storage, &size) < 0)
    return;
  struct end *end = begin_connection(server->tcp);
  if (!end)
    return;
  FUZZ_CHECK(dial(end, &address, size, args[1], 0), "connect: %s", strerror(errno));
  server->dials[server->dial_count++] = end->index / 2;
}

/* To an address where nothing listens. */
void op_refused(const uint32_t *args) {
  struct server nowhere = {.index = SERVERS, .tcp = args[0] % 2};
  begin_operation();
  struct end *end = begin_connection(nowhere.tcp);
  if (!end)
    return;
  union address address;
  socklen_t size = address_of(&nowhere, &address);
  int fd = -1;
  if (end->tcp) { /* the port is bound, so that no other socket gets it */
    fd = socket(AF_INET, SOCK_STREAM, 0);
    FUZZ_CHECK(fd >= 0 && bind(fd, &address.any, size) == 0 &&
                   getsockname(fd, &address.any, &size) == 0,
               "bind: %s", strerror(errno));
  }
  end_is_gone(&end[1], RESET, 0, 0);
  (void)dial(end, &address, size, 1, -ECONNREFUSED);
  if (fd >= 0)
    close(fd);
}

void op_sstop(const uint32_t *args) {
  struct server *server = pick_server(args[0]);
  if (!server->server || server->stopped)
    return;
  /* "If called from that callback, the server stops once the callback has returned." How many the
   * limit lets in then is not known here. */
  if (server->depth && server->dial_count && server->most)
    return;
  server->stopped = true;
  server->stops_late = server->depth;
  INSIDE("ioloop_tcpserver_stop", ioloop_tcpserver_stop(server->server));
  if (!server->depth)
    drop_dials(server);
}

static void close_server(struct server *server) {
  struct ioloop_tcpserver *it = server->server;
  server->server = NULL;
  INSIDE("ioloop_tcpserver_close", ioloop_tcpserver_close(it));
  FUZZ_CHECK(server->open == 0, "server %d: %zu streams are left", server->index, server->open);
  drop_dials(server);
}

void op_sclose(const uint32_t *args) {
  struct server *server = pick_server(args[0]);
  if (server->server)
    close_server(server);
}

void close_servers(void) {
  for (int i = 0; i < SERVERS; i++)
    if (world.servers[i].server)
      close_server(&world.servers[i]);
}

struct walk {
  size_t visited;
  bool closes_others; /* the first visit does, that of the next in the walk among them */
};

static void close_others(const struct end *end) {
  const struct server *server = end->server;
  for (int i = 0; i < ENDS; i++)
    if (server && &world.ends[i] != end && world.ends[i].server == server)
      do_close(&world.ends[i]);
}

static void on_each(struct ioloop_stream *stream, void *arg) {
  struct walk *walk = arg;
  const char *outer = enter_callback("ioloop_tcpserver_each");
  int i = 0;
  while (i < ENDS && world.ends[i].stream != stream)
    i++;
  FUZZ_CHECK(i < ENDS, "a visit to a stream that is closed");
  walk->visited++;
  if (walk->closes_others)
    close_others(&world.ends[i]);
  walk->closes_others = false;
  react(i, ON_EACH);
  leave_callback(outer);
}

/* Rather one with two connections or more. */
static struct server *pick_for_each(uint32_t arg) {
  struct server *server = pick_server(arg);
  for (uint32_t i = 0; i < SERVERS; i++)
    if (world.servers[(arg + i) % SERVERS].open >= 2)
      return &world.servers[(arg + i) % SERVERS];
  return server;
}

void op_each(const uint32_t *args) {
  struct server *server = pick_for_each(args[0]);
  struct walk walk = {.closes_others = args[0] / SERVERS % 2 && !world.strict};
  size_t open = server->open;
  if (!server->server)
    return;
  check_count(server);
  server->depth++;
  INSIDE("ioloop_tcpserver_each", ioloop_tcpserver_each(server->server, on_each, &walk));
  server->depth--;
  FUZZ_CHECK(walk.visited <= open, "server %d: %zu visits to %zu streams", server->index,
             walk.visited, open);
  FUZZ_CHECK(walk.visited == open || !server->server || server->open < open,
             "server %d: %zu visits to %zu streams", server->index, walk.visited, open);
}

const char *owed_by_servers(void) {
  for (int i = 0; i < SERVERS; i++) {
    const struct server *server = &world.servers[i];
    if (!server->server)
      continue;
    check_count(server);
    bool room = !server->most || server->open < server->most;
    if (server->dial_count > 0 && room && !server->stopped)
      return "the connection callback of a server";
  }
  return NULL;
}
