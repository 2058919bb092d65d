/* SPDX-License-Identifier: MIT */
/* stream_address.c - the addresses of a stream's two ends, and addresses as text. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "stream_internal.h"

int ioloop_stream_address(const struct ioloop_stream *stream, enum ioloop_stream_end end,
                          struct sockaddr_storage *ret, socklen_t *ret_size) {
  struct sockaddr_storage address = {0};
  struct sockaddr *any = (struct sockaddr *)&address;
  socklen_t size = sizeof address;
  if (ioloop__inherited(stream->loop))
    return -ECHILD;
  if (stream->life == STREAM_CLOSED)
    return -EPIPE;
  if (stream->fd < 0)
    return -ENOTCONN;
  int r = end == IOSTREAM_PEER ? getpeername(stream->fd, any, &size)
                               : getsockname(stream->fd, any, &size);
  if (r < 0)
    return -errno;
  /* Some systems say nothing of the unnamed address of an AF_UNIX socket, not even its family. */
  if (size < offsetof(struct sockaddr_un, sun_path)) {
    address.ss_family = AF_UNIX;
    size = offsetof(struct sockaddr_un, sun_path);
  }
  *ret = address;
  *ret_size = size;
  return 0;
}

int ioloop__unix_address(const char *path, struct sockaddr_un *ret) {
  size_t size = strlen(path);
  if (size == 0 || size >= sizeof ret->sun_path)
    return -EINVAL;
  *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
  memcpy(ret->sun_path, path, size);
  bool abstract = path[0] == '@';
  if (abstract)
    ret->sun_path[0] = '\0';
  return (int)(offsetof(struct sockaddr_un, sun_path) + size + !abstract);
}

/* As snprintf. An abstract name (Linux) begins with a zero, which is written as @, as others are. */
static int unix_text(const struct sockaddr *address, socklen_t size, char *text) {
  const size_t head = offsetof(struct sockaddr_un, sun_path);
  const char *path = (const char *)address + head;
  size_t length = size > head ? size - head : 0;
  if (length > sizeof((struct sockaddr_un *)0)->sun_path)
    length = sizeof((struct sockaddr_un *)0)->sun_path;
  if (length > 0 && path[0] != '\0')
    length = strnlen(path, length);
  memcpy(text, "unix:", 5);
  for (size_t i = 0; i < length; i++)
    text[5 + i] = path[i] ? path[i] : '@';
  text[5 + length] = '\0';
  return (int)(5 + length);
}

static int v4_text(const struct sockaddr_in *v4, char *text) {
  char host[INET_ADDRSTRLEN];
  inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
  return snprintf(text, IOSTREAM_ADDRESS_SIZE, "%s:%u", host, (unsigned)ntohs(v4->sin_port));
}

static int v6_text(const struct sockaddr_in6 *v6, char *text) {
  char host[INET6_ADDRSTRLEN], scope[16] = "";
  inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
  if (v6->sin6_scope_id)
    snprintf(scope, sizeof scope, "%%%u", (unsigned)v6->sin6_scope_id);
  return snprintf(text, IOSTREAM_ADDRESS_SIZE, "[%s%s]:%u", host, scope,
                  (unsigned)ntohs(v6->sin6_port));
}

int ioloop_stream_address_text(const struct sockaddr *address, socklen_t size,
                               char ret[IOSTREAM_ADDRESS_SIZE]) {
  if (size >= sizeof(struct sockaddr_in) && address->sa_family == AF_INET)
    return v4_text((const struct sockaddr_in *)(const void *)address, ret);
  if (size >= sizeof(struct sockaddr_in6) && address->sa_family == AF_INET6)
    return v6_text((const struct sockaddr_in6 *)(const void *)address, ret);
  if (size >= offsetof(struct sockaddr_un, sun_path) && address->sa_family == AF_UNIX)
    return unix_text(address, size, ret);
  return -EAFNOSUPPORT;
}
