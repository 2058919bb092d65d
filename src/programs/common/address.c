/* SPDX-License-Identifier: MIT */
/* address.c - names and addresses; see address.h. */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* There is room for one more. */
static void append(struct address_list *list, struct address address, uint16_t port) {
  address_set_port(&address, port);
  for (size_t i = 0; i < list->count; i++)
    if (memcmp(&list->at[i], &address, sizeof address) == 0)
      return;
  list->at[list->count++] = address;
}

/* A name that by definition has one address of each family. */
static const char *resolve_pair(uint32_t v4, const struct in6_addr *v6, uint16_t port,
                                struct address_list *ret) {
  struct address first = address_from(NULL, 0), second = first;
  first.v4.sin_family = AF_INET;
  first.v4.sin_addr.s_addr = htonl(v4);
  second.v6.sin6_family = AF_INET6;
  second.v6.sin6_addr = *v6;
  ret->at = calloc(2, sizeof *ret->at);
  if (!ret->at)
    return strerror(ENOMEM);
  append(ret, first, port);
  append(ret, second, port);
  return NULL;
}

static bool is_literal(const char *host) {
  struct addrinfo hints = {.ai_flags = AI_NUMERICHOST}, *found;
  if (getaddrinfo(host, NULL, &hints, &found) != 0)
    return false;
  freeaddrinfo(found);
  return true;
}

static void append_family(struct address_list *list, const struct addrinfo *found, int family,
                          uint16_t port) {
  for (; found; found = found->ai_next)
    if (found->ai_family == family)
      append(list, address_from(found->ai_addr, found->ai_addrlen), port);
}

static const char *take_all(const struct addrinfo *found, uint16_t port, struct address_list *ret) {
  size_t count = 0;
  for (const struct addrinfo *one = found; one; one = one->ai_next)
    count++;
  ret->at = calloc(count, sizeof *ret->at);
  if (!ret->at)
    return strerror(ENOMEM);
  append_family(ret, found, AF_INET, port);
  append_family(ret, found, AF_INET6, port);
  if (ret->count > 0)
    return NULL;
  address_list_free(ret);
  return "it has neither an IPv4 nor an IPv6 address";
}

const char *address_resolve(const char *host, uint16_t port, struct address_list *ret) {
  *ret = (struct address_list){.named = true};
  if (strcasecmp(host, "localhost") == 0)
    return resolve_pair(INADDR_LOOPBACK, &in6addr_loopback, port, ret);
  if (strcmp(host, "*") == 0)
    return resolve_pair(INADDR_ANY, &in6addr_any, port, ret);
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
  int error = *host ? getaddrinfo(host, NULL, &hints, &found) : EAI_NONAME;
  if (error)
    return error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error);
  ret->named = !is_literal(host);
  const char *reason = take_all(found, port, ret);
  freeaddrinfo(found);
  return reason;
}

static void swap(struct address *a, struct address *b) {
  struct address kept = *a;
  *a = *b;
  *b = kept;
}

/* The next address of the other family moves forward; those in between keep their order. */
void address_interleave(struct address_list *list) {
  for (size_t i = 1; i < list->count; i++) {
    size_t other = i;
    while (other < list->count && list->at[other].any.sa_family == list->at[i - 1].any.sa_family)
      other++;
    for (; other < list->count && other > i; other--)
      swap(&list->at[other], &list->at[other - 1]);
  }
}

void address_list_free(struct address_list *list) {
  free(list->at);
  *list = (struct address_list){.count = 0};
}

socklen_t address_size(const struct address *address) {
  return address->any.sa_family == AF_INET ? sizeof address->v4 : sizeof address->v6;
}

uint16_t address_port(const struct address *address) {
  return ntohs(address->any.sa_family == AF_INET ? address->v4.sin_port : address->v6.sin6_port);
}

void address_set_port(struct address *address, uint16_t port) {
  if (address->any.sa_family == AF_INET)
    address->v4.sin_port = htons(port);
  else
    address->v6.sin6_port = htons(port);
}

struct address address_from(const struct sockaddr *any, socklen_t size) {
  struct address address;
  memset(&address, 0, sizeof address);
  if (any && size <= sizeof address && (any->sa_family == AF_INET || any->sa_family == AF_INET6))
    memcpy(&address, any, size);
  return address;
}

struct address address_of_socket(int fd) {
  struct sockaddr_storage bound;
  socklen_t size = sizeof bound;
  bool known = getsockname(fd, (struct sockaddr *)&bound, &size) == 0;
  return address_from(known ? (struct sockaddr *)&bound : NULL, size);
}

bool address_same_ends(int fd) {
  struct sockaddr_storage ours, theirs;
  socklen_t ours_size = sizeof ours, theirs_size = sizeof theirs;
  memset(&ours, 0, sizeof ours);
  memset(&theirs, 0, sizeof theirs);
  return getsockname(fd, (struct sockaddr *)&ours, &ours_size) == 0 &&
         getpeername(fd, (struct sockaddr *)&theirs, &theirs_size) == 0 &&
         ours_size == theirs_size && memcmp(&ours, &theirs, ours_size) == 0;
}

static bool is_any(const struct address *address) {
  return address->any.sa_family == AF_INET ? address->v4.sin_addr.s_addr == htonl(INADDR_ANY)
                                           : IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
}

/* An address that a socket can be bound to is an address of this machine. */
static bool is_here(struct address address) {
  address_set_port(&address, 0);
  int fd = socket(address.any.sa_family, SOCK_DGRAM, 0);
  bool here = fd >= 0 && bind(fd, &address.any, address_size(&address)) == 0;
  if (fd >= 0)
    close(fd);
  return here;
}

bool address_leads_back(const struct address *peer, const struct address *own) {
  if (peer->any.sa_family != own->any.sa_family || address_port(peer) != address_port(own))
    return false;
  if (is_any(own))
    return is_here(*peer);
  return peer->any.sa_family == AF_INET
             ? peer->v4.sin_addr.s_addr == own->v4.sin_addr.s_addr
             : memcmp(&peer->v6.sin6_addr, &own->v6.sin6_addr, sizeof own->v6.sin6_addr) == 0;
}

static const char *v6_text(const struct sockaddr_in6 *v6, char *to) {
  char host[INET6_ADDRSTRLEN], scope[16] = "";
  if (!inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host))
    host[0] = '\0';
  if (v6->sin6_scope_id != 0)
    snprintf(scope, sizeof scope, "%%%u", (unsigned)v6->sin6_scope_id);
  snprintf(to, ADDRESS_TEXT_SIZE, "[%s%s]:%u", host, scope, (unsigned)ntohs(v6->sin6_port));
  return to;
}

const char *address_text(const struct address *address, char to[ADDRESS_TEXT_SIZE]) {
  char host[INET_ADDRSTRLEN];
  if (address->any.sa_family == AF_INET6)
    return v6_text(&address->v6, to);
  if (address->any.sa_family != AF_INET ||
      !inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof host))
    return memcpy(to, "?", 2);
  snprintf(to, ADDRESS_TEXT_SIZE, "%s:%u", host, (unsigned)address_port(address));
  return to;
}
