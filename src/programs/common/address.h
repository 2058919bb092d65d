/* SPDX-License-Identifier: MIT */
/* address.h - from names to socket addresses and back to text. */
#ifndef PROGRAMS_ADDRESS_H
#define PROGRAMS_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* An IPv4 or IPv6 address in 28 bytes. A sockaddr_storage has 128, and a server keeps one for each
 * connection. */
struct address {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  };
};

enum {
  ADDRESS_TEXT_SIZE = 72, /* "[ffff:...:255.255.255.255%4294967295]:65535" and its NUL */
};

struct address_list {
  struct address *at; /* without duplicates */
  size_t count;
  bool named; /* from a name; false: from a literal address */
};

/*
 * Every address of `host`, IPv4 first. "localhost" is 127.0.0.1 and ::1 whatever the resolver
 * returns (RFC 6761, 6.3: many hosts files list only one of them); "*" is 0.0.0.0 and ::. NULL, or
 * the reason as text if there is none; then there is nothing to free.
 */
const char *address_resolve(const char *host, uint16_t port, struct address_list *ret);

/* Alternate between the two families, as a client tries them (RFC 8305, section 4): one whole
 * family may be unreachable. */
void address_interleave(struct address_list *list);

void address_list_free(struct address_list *list);

socklen_t address_size(const struct address *address);
uint16_t address_port(const struct address *address);
void address_set_port(struct address *address, uint16_t port);

/* A copy of the address that a callback received; all zero if it is of another family. */
struct address address_from(const struct sockaddr *any, socklen_t size);

/* The address that a socket is bound to; all zero if there is none. */
struct address address_of_socket(int fd);

/* Is the socket connected to itself? If no server listens, the kernel may give the socket the very
 * port that it connects to (RFC 9293, 3.5: a simultaneous open). */
bool address_same_ends(int fd);

/* Does data sent to `peer` come back to the socket that is bound to `own`? A datagram with such a
 * sender is forged, and its echo would be echoed forever. Makes system calls only if the ports are
 * equal and `own` is all addresses. */
bool address_leads_back(const struct address *peer, const struct address *own);

/* "127.0.0.1:8888", "[::1]:8888"; returns `to`. */
const char *address_text(const struct address *address, char to[ADDRESS_TEXT_SIZE]);

#endif
