/* SPDX-License-Identifier: MIT */
/*
 * echo_udp.c - datagrams: print each, send it back to where it came from.
 *
 * The kernel's queue is asked to be long, because it is all that UDP has against a burst, or
 * against a stdout that stalls: while the gate is closed datagrams wait there, and those that no
 * longer fit are dropped and counted by the kernel.
 */
#include "../programs/address.h"
#include "server.h"

enum {
  RECEIVE_BUFFER_SIZE = 4 * 1024 * 1024, /* the kernel gives what net.core.rmem_max allows */
};

static void on_datagram(struct datagram *socket, const char *data, size_t size,
                        const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  struct server *server = arg;
  server->counts.udp_records++;
  server->counts.bytes += size;
  if (server->format.print != PRINT_NONE) {
    struct address from = address_from(peer, peer_size);
    server_print(server, "udp", &from, data, size);
  }
  if (!server->options.no_echo && datagram_send(socket, data, size, peer, peer_size) == 0)
    server->counts.echoed += size;
}

int server_add_udp(struct server *server, const struct address *address) {
  struct datagram *socket;
  int error = datagram_bind(server->loop, &address->any, address_size(address), on_datagram, NULL,
                            server, &socket);
  if (error)
    return error;
  int wanted = RECEIVE_BUFFER_SIZE;
  (void)setsockopt(datagram_fd(socket), SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
  datagram_set_gate(socket, server->gate);
  server->udp[server->udp_count++] = socket;
  return 0;
}
