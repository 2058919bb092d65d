/* SPDX-License-Identifier: MIT */
/*
 * sockets.c - one port for TCP and UDP, on every address of the host's name.
 *
 * With port 0 the kernel chooses a free port for the first socket. All others must get the same
 * number; if it is taken for one of them, the search starts over. An address that this machine
 * lacks (::1 of localhost without IPv6) is skipped as long as another address of the name works. A
 * literal address must work.
 *
 * Each worker has its own sockets on the same port (SO_REUSEPORT, Linux 3.9: the kernel picks one
 * by a hash of the peer's address). The option would also let a second server of the same user take
 * part of the traffic unnoticed. So a probe first binds the port without it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/say.h"
#include "server.h"

/* FreeBSD's SO_REUSEPORT gives everything to the last socket; this one distributes. */
#ifdef SO_REUSEPORT_LB
#define SHARE_PORT SO_REUSEPORT_LB
#else
#define SHARE_PORT SO_REUSEPORT
#endif

enum {
  PORT_SEARCHES = 100,
  RECEIVE_BUFFER_SIZE = 4 * 1024 * 1024, /* the kernel grants up to net.core.rmem_max */
};

struct failure {
  int error;
  const char *protocol;
  struct address address;
};

/* ---- a socket ------------------------------------------------------------------------- */

static int set_option(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value) < 0 ? -errno : 0;
}

/* SO_REUSEADDR: without it, connections of the previous run in TIME_WAIT would block the port for a
 * minute. UDP has no such state, and there the option would share the port with other programs. */
static int prepare(int fd, bool tcp, bool share, int family) {
  int error = fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
  if (!error && tcp)
    error = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (!error && tcp) /* inherited by connections: saves one call each */
    error = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (!error && share)
    error = set_option(fd, SOL_SOCKET, SHARE_PORT, 1);
  if (!error && family == AF_INET6)
    error = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  return error;
}

/* Without --backlog the kernel's own limit applies: SOMAXCONN is a constant of the C library, in
 * some of them only 128, which a burst of a thousand connections fills. The receive queue is made
 * long because it is all that UDP has against a burst or a stalled stdout. */
static int make_ready(int fd, bool tcp, uint64_t backlog) {
  if (tcp)
    return listen(fd, backlog ? (int)backlog : INT_MAX) < 0 ? -errno : 0;
  (void)set_option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER_SIZE);
  return 0;
}

/* Returns the descriptor, or -errno. Fills in the port of `address` if it was 0. */
static int open_socket(struct address *address, bool tcp, bool share, uint64_t backlog) {
  int family = address->any.sa_family;
  int fd = socket(family, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
  if (fd < 0)
    return -errno;
  struct sockaddr_storage bound;
  socklen_t size = sizeof bound;
  int error = prepare(fd, tcp, share, family);
  if (!error && (bind(fd, &address->any, address_size(address)) < 0 ||
                 getsockname(fd, (struct sockaddr *)&bound, &size) < 0))
    error = -errno;
  if (!error)
    error = make_ready(fd, tcp, backlog);
  if (error) {
    close(fd);
    return error;
  }
  *address = address_from((struct sockaddr *)&bound, size);
  return fd;
}

/* ---- all sockets ---------------------------------------------------------------------- */

struct plan {
  const struct server_options *options;
  struct sockets *sets;
  size_t count;
};

static int open_one(const struct plan *plan, struct sockets *set, struct address *address,
                    bool tcp) {
  struct bound_socket *larger = realloc(set->at, (set->count + 1) * sizeof *set->at);
  if (!larger)
    return -ENOMEM;
  set->at = larger;
  int fd = open_socket(address, tcp, plan->options->workers > 0, plan->options->backlog);
  if (fd < 0)
    return fd;
  set->at[set->count++] = (struct bound_socket){.fd = fd, .tcp = tcp, .address = *address};
  return 0;
}

/* Can the port be shared, and only with ourselves? Gives port 0 its number. The probe must listen:
 * a socket that is only bound does not exclude another that has SO_REUSEADDR. */
static int probe(const struct plan *plan, struct address *address, bool tcp) {
  int fd = open_socket(address, tcp, false, plan->options->backlog);
  if (fd < 0)
    return fd;
  close(fd);
  return 0;
}

/* One protocol on one address, once for each set. */
static int open_each(const struct plan *plan, struct address *address, bool tcp,
                     struct failure *failure) {
  *failure = (struct failure){.protocol = tcp ? "tcp" : "udp", .address = *address};
  if (plan->options->workers > 0)
    failure->error = probe(plan, address, tcp);
  for (size_t i = 0; i < plan->count && !failure->error; i++)
    failure->error = open_one(plan, &plan->sets[i], address, tcp);
  return failure->error;
}

static int open_address(const struct plan *plan, struct address *address, struct failure *failure) {
  int error = plan->options->tcp ? open_each(plan, address, true, failure) : 0;
  if (!error && plan->options->udp)
    error = open_each(plan, address, false, failure);
  return error;
}

static void close_all(const struct plan *plan) {
  for (size_t i = 0; i < plan->count; i++)
    sockets_close(&plan->sets[i]);
}

static bool not_here(int error) {
  return error == -EADDRNOTAVAIL || error == -EAFNOSUPPORT;
}

/* Every address of the list on one port. */
static int open_all(const struct plan *plan, const struct address_list *list,
                    struct failure *failure) {
  uint16_t port = (uint16_t)plan->options->port;
  struct failure skipped = {.error = 0};
  for (size_t i = 0; i < list->count; i++) {
    struct address address = list->at[i];
    address_set_port(&address, port);
    int error = open_address(plan, &address, failure);
    if (error && list->named && not_here(error)) {
      skipped = *failure;
    } else if (error) {
      close_all(plan);
      return error;
    } else {
      port = address_port(&address);
    }
  }
  if (plan->sets->count == 0)
    *failure = skipped;
  return plan->sets->count == 0 ? skipped.error : 0;
}

/* An address that bind(2) rejects with EINVAL: of the other family, or without an interface. */
static const char *remedy_of_invalid(const struct address *address) {
  static char text[80];
  const unsigned char *at = address->v6.sin6_addr.s6_addr;
  if (address->any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr))
    return "a link-local address needs its interface, as in --host=fe80::1%eth0";
  snprintf(text, sizeof text, "this is an IPv4 address; write it as one: --host=%d.%d.%d.%d",
           at[12], at[13], at[14], at[15]);
  return text;
}

static const char *remedy(const struct failure *failure) {
  switch (-failure->error) {
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
    return remedy_of_invalid(&failure->address);
  default:
    return "see --help for --host and --port";
  }
}

static int refuse(const struct failure *failure) {
  char text[ADDRESS_TEXT_SIZE];
  return complain("cannot listen on %s %s: %s (%s)", failure->protocol,
                  address_text(&failure->address, text), strerror(-failure->error),
                  remedy(failure));
}

int sockets_open(const struct server_options *options, struct sockets *sets, size_t count) {
  const struct plan plan = {.options = options, .sets = sets, .count = count};
  struct address_list list;
  struct failure failure;
  const char *reason = address_resolve(options->host, (uint16_t)options->port, &list);
  if (reason)
    return complain(
        "--host=%s: cannot find its address: %s (give a name or an address of this machine)",
        options->host, reason);
  int searches = options->port == 0 ? PORT_SEARCHES : 1;
  int error = -EADDRINUSE;
  while (error == -EADDRINUSE && searches-- > 0)
    error = open_all(&plan, &list, &failure);
  address_list_free(&list);
  return error ? refuse(&failure) : 0;
}

void sockets_close(struct sockets *set) {
  while (set->count > 0) {
    int fd = set->at[--set->count].fd;
    if (fd >= 0)
      close(fd);
  }
  free(set->at);
  set->at = NULL;
}

void sockets_announce(const struct sockets *set, const char *backend) {
  static const char *const protocols[] = {"tcp", "udp"};
  char text[ADDRESS_TEXT_SIZE];
  for (int udp = 0; udp <= 1; udp++)
    for (size_t i = 0; i < set->count; i++)
      if (set->at[i].tcp == !udp)
        say("listening %s %s backend=%s", protocols[udp], address_text(&set->at[i].address, text),
            backend);
}
