/* SPDX-License-Identifier: MIT */
/*
 * address.c - names and addresses; see address.h.
 */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static void append(struct address_list *list, const struct address *address) {
  for (size_t i = 0; i < list->count; i++)
    if (memcmp(&list->at[i], address, sizeof *address) == 0)
      return;
  if (list->count < ADDRESS_LIST_SIZE)
    list->at[list->count++] = *address;
}

static void append_pair(struct address_list *list, uint32_t v4, const struct in6_addr *v6,
                        uint16_t port) {
  struct address first = address_from(NULL, 0), second = first;
  first.v4.sin_family = AF_INET;
  first.v4.sin_addr.s_addr = htonl(v4);
  second.v6.sin6_family = AF_INET6;
  second.v6.sin6_addr = *v6;
  address_set_port(&first, port);
  address_set_port(&second, port);
  append(list, &first);
  append(list, &second);
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
  for (; found; found = found->ai_next) {
    if (found->ai_family != family)
      continue;
    struct address address = address_from(found->ai_addr, found->ai_addrlen);
    address_set_port(&address, port);
    append(list, &address);
  }
}

const char *address_resolve(const char *host, uint16_t port, struct address_list *ret) {
  *ret = (struct address_list){.named = true};
  if (strcasecmp(host, "localhost") == 0) {
    append_pair(ret, INADDR_LOOPBACK, &in6addr_loopback, port);
    return NULL;
  }
  if (strcmp(host, "*") == 0) {
    append_pair(ret, INADDR_ANY, &in6addr_any, port);
    return NULL;
  }
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
  int error = *host ? getaddrinfo(host, NULL, &hints, &found) : EAI_NONAME;
  if (error)
    return error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error);
  append_family(ret, found, AF_INET, port);
  append_family(ret, found, AF_INET6, port);
  freeaddrinfo(found);
  ret->named = !is_literal(host);
  return ret->count > 0 ? NULL : "it has neither an IPv4 nor an IPv6 address";
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
