/* SPDX-License-Identifier: MIT */
/*
 * listen.c - one port for TCP and UDP, on every address that the host's name has.
 *
 * Port 0 asks the kernel for a free port once, for the first socket; all others must get the same
 * number, and where it is taken for one of them the search begins anew. An address that this
 * machine lacks (::1 of localhost without IPv6) is left out as long as another one of the name
 * works; an address that was given as such must work.
 */
#include <errno.h>
#include <string.h>

#include "../programs/say.h"
#include "server.h"
#include "threads.h"

enum {
  PORT_SEARCHES = 100,
};

struct failure {
  int error;
  const char *protocol;
  struct address address;
};

static int make_tcpserver(struct server *server) {
  bool threaded = server->options.handler == HANDLER_THREAD;
  const struct tcpserver_options options = {
      .backlog = (int)server->options.backlog,
      .max_connections = (size_t)server->options.max_connections,
      .idle_timeout_ns = threaded ? 0 : server->options.idle_timeout_ns,
      .on_connection = threaded ? NULL : server_on_connection,
      .on_accepted = threaded ? threads_on_accepted : NULL,
      .on_trouble = server_on_trouble,
      .arg = server,
  };
  return server->options.tcp ? tcpserver_new(server->loop, &options, &server->tcp) : 0;
}

static void close_all(struct server *server) {
  tcpserver_close(server->tcp);
  server->tcp = NULL;
  while (server->udp_count > 0)
    datagram_close(server->udp[--server->udp_count]);
}

static uint16_t port_of_fd(int fd) {
  struct sockaddr_storage bound;
  socklen_t size = sizeof bound;
  if (getsockname(fd, (struct sockaddr *)&bound, &size) < 0)
    return 0;
  struct address address = address_from((struct sockaddr *)&bound, size);
  return address_port(&address);
}

static uint16_t port_of_tcp(const struct server *server) {
  struct sockaddr_storage bound;
  socklen_t size = sizeof bound;
  if (tcpserver_address(server->tcp, 0, &bound, &size) < 0)
    return 0;
  struct address address = address_from((struct sockaddr *)&bound, size);
  return address_port(&address);
}

/* Both protocols on one address. Fills in address' port where it was 0. */
static int listen_on(struct server *server, struct address *address, struct failure *failure) {
  *failure = (struct failure){.protocol = "tcp", .address = *address};
  if (server->options.tcp) {
    failure->error = tcpserver_listen(server->tcp, &address->any, address_size(address));
    if (failure->error == 0 && address_port(address) == 0)
      address_set_port(address, port_of_tcp(server));
  }
  if (failure->error || !server->options.udp)
    return failure->error;
  failure->protocol = "udp";
  failure->address = *address;
  failure->error = server_add_udp(server, address);
  if (failure->error == 0 && address_port(address) == 0)
    address_set_port(address, port_of_fd(datagram_fd(server->udp[server->udp_count - 1])));
  return failure->error;
}

static bool not_here(int error) {
  return error == -EADDRNOTAVAIL || error == -EAFNOSUPPORT;
}

/* Every address of the list with one port. */
static int listen_on_all(struct server *server, const struct address_list *list,
                         struct failure *failure) {
  uint16_t port = (uint16_t)server->options.port;
  size_t listening = 0;
  struct failure skipped = {.error = 0};
  int error = make_tcpserver(server);
  *failure = (struct failure){.error = error, .protocol = "tcp", .address = list->at[0]};
  for (size_t i = 0; i < list->count && !error; i++) {
    struct address address = list->at[i];
    address_set_port(&address, port);
    error = listen_on(server, &address, failure);
    if (error && list->named && not_here(error)) {
      skipped = *failure;
      error = 0;
      continue;
    }
    listening += !error;
    port = address_port(&address);
  }
  if (!error && listening == 0) {
    *failure = skipped;
    error = skipped.error;
  }
  if (error)
    close_all(server);
  return error;
}

static const char *remedy(int error) {
  switch (-error) {
  case EADDRINUSE:
    return "another program has this port; choose another with --port=N, a free one with --port=0";
  case EADDRNOTAVAIL:
    return "not an address of this machine; choose one of its own with --host=ADDR, or --host=*";
  case EAFNOSUPPORT:
    return "this machine has no such network; try --host=127.0.0.1";
  case EACCES:
    return "ports below 1024 are reserved; choose one from 1024 on with --port=N";
  case EMFILE:
  case ENFILE:
    return "too few descriptors; raise their limit: ulimit -n 1024";
  case EINVAL:
    return "a link-local address needs its interface, as in --host=fe80::1%eth0";
  default:
    return "see --help for --host and --port";
  }
}

static int refuse(const struct failure *failure) {
  char text[ADDRESS_TEXT_SIZE];
  complain("cannot listen on %s %s: %s (%s)", failure->protocol,
           address_text(&failure->address, text), strerror(-failure->error),
           remedy(failure->error));
  return EXIT_TROUBLE;
}

int server_listen(struct server *server) {
  struct address_list list;
  struct failure failure;
  const char *reason = address_resolve(server->options.host, (uint16_t)server->options.port, &list);
  if (reason) {
    complain("--host=%s: cannot find its address: %s (give a name or an address of this machine)",
             server->options.host, reason);
    return EXIT_TROUBLE;
  }
  int searches = server->options.port == 0 ? PORT_SEARCHES : 1;
  int error = -EADDRINUSE;
  while (error == -EADDRINUSE && searches-- > 0)
    error = listen_on_all(server, &list, &failure);
  return error ? refuse(&failure) : 0;
}

static void announce(const struct server *server, const char *protocol,
                     const struct sockaddr_storage *bound, socklen_t size) {
  char text[ADDRESS_TEXT_SIZE];
  struct address address = address_from((const struct sockaddr *)bound, size);
  say("listening %s %s backend=%s", protocol, address_text(&address, text),
      ioloop_backend_name(server->loop));
}

void server_announce(const struct server *server) {
  struct sockaddr_storage bound;
  socklen_t size = sizeof bound;
  for (size_t i = 0; server->tcp && tcpserver_address(server->tcp, i, &bound, &size) == 0; i++)
    announce(server, "tcp", &bound, size);
  for (size_t i = 0; i < server->udp_count; i++) {
    size = sizeof bound;
    if (getsockname(datagram_fd(server->udp[i]), (struct sockaddr *)&bound, &size) == 0)
      announce(server, "udp", &bound, size);
  }
}
