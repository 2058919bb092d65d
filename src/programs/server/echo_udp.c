/* SPDX-License-Identifier: MIT */
/*
 * echo_udp.c - datagrams: print each, reply to where it came from.
 *
 * While stdout stalls, the gate is closed and datagrams wait in the kernel's queue. The kernel
 * drops and counts those that do not fit.
 */
#include "common/address.h"
#include "reply.h"
#include "server.h"

/* Connections that have threads count at the same time. */
static void count(struct server *server, enum counter which, uint64_t more) {
  if (server->threads)
    counts_add_shared(server->counts, which, more);
  else
    counts_add(server->counts, which, more);
}

/* Is the sender this server itself? Only a forged sender can be. All sockets have one port, so for
 * any other sender comparing the port is enough. */
static bool leads_back(const struct server *server, const struct ioloop_datagram *socket,
                       const struct sockaddr *peer, socklen_t peer_size) {
  struct address from = address_from(peer, peer_size);
  if (address_port(&from) != server->udp_port)
    return false;
  struct address own = address_of_socket(ioloop_datagram_fd(socket));
  return address_leads_back(&from, &own);
}

static void reply(struct server *server, struct ioloop_datagram *socket, const char *data,
                  size_t size, const struct sockaddr *peer, socklen_t peer_size) {
  char room[REPLY_DATAGRAM_SIZE];
  data = reply_to_datagram((enum reply_kind)server->options.reply, data, size, room);
  if (!data || ioloop_datagram_send(socket, data, size, peer, peer_size) != 0)
    return;
  server->udp_replied += size;
  count(server, COUNT_ECHOED, size); /* stats.c takes it back where it is given up */
}

static void on_datagram(struct ioloop_datagram *socket, const char *data, size_t size,
                        const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  struct server *server = arg;
  count(server, COUNT_UDP_RECORDS, 1);
  count(server, COUNT_BYTES, size);
  if (server->options.print != PRINT_NONE) {
    struct address from = address_from(peer, peer_size);
    server_print(server, "udp", &from, data, size);
  }
  if (server->options.no_echo)
    return;
  if (leads_back(server, socket, peer, peer_size))
    server->udp_refused++;
  else
    reply(server, socket, data, size, peer, peer_size);
}

int server_add_udp(struct server *server, int fd) {
  struct ioloop_datagram *socket;
  int error = ioloop_datagram_new(server->loop, fd, on_datagram, NULL, server, &socket);
  if (error)
    return error;
  ioloop_datagram_set_gate(socket, server->gate);
  server->udp[server->udp_count++] = socket;
  struct address own = address_of_socket(fd);
  server->udp_port = address_port(&own);
  return 0;
}
