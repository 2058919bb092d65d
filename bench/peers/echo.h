/* SPDX-License-Identifier: MIT */
/*
 * echo.h - the echo itself, for the peers that are notified when a socket is ready: epoll,
 * libevent's events, libev.
 *
 * One recv and one send per event. Data that a slow reader does not take is kept, and nothing more
 * is read from it until that data is sent. So there is never more than one rest, and end of input
 * comes last.
 */
#ifndef BENCH_ECHO_H
#define BENCH_ECHO_H

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
  ECHO_BUFFER_SIZE = 65536,
};

enum echo {
  ECHO_OVER,  /* end of input, or an error: close it */
  ECHO_GO_ON, /* watch it as before */
  ECHO_TURN,  /* watch it for writing instead of reading, or vice versa */
};

/* Data still to be sent; size 0: none, and `memory` is NULL. */
struct rest {
  char *memory, *at;
  size_t size;
};

static inline enum echo keep_rest(struct rest *rest, const char *data, size_t size) {
  rest->memory = rest->at = malloc(size);
  if (!rest->memory)
    return ECHO_OVER;
  memcpy(rest->memory, data, size);
  rest->size = size;
  return ECHO_TURN;
}

/* It is readable. */
static inline enum echo echo_input(int fd, struct rest *rest) {
  static char buffer[ECHO_BUFFER_SIZE];
  ssize_t size = recv(fd, buffer, sizeof buffer, 0);
  if (size <= 0)
    return size < 0 && errno == EAGAIN ? ECHO_GO_ON : ECHO_OVER;
  ssize_t sent = send(fd, buffer, (size_t)size, MSG_NOSIGNAL);
  if (sent == size)
    return ECHO_GO_ON;
  if (sent < 0 && errno != EAGAIN)
    return ECHO_OVER;
  size_t done = sent < 0 ? 0 : (size_t)sent;
  return keep_rest(rest, buffer + done, (size_t)size - done);
}

/* It is writable. */
static inline enum echo echo_rest(int fd, struct rest *rest) {
  ssize_t sent = send(fd, rest->at, rest->size, MSG_NOSIGNAL);
  if (sent < 0)
    return errno == EAGAIN ? ECHO_GO_ON : ECHO_OVER;
  rest->at += sent;
  rest->size -= (size_t)sent;
  if (rest->size)
    return ECHO_GO_ON;
  free(rest->memory);
  rest->memory = NULL;
  return ECHO_TURN;
}

/* Read datagrams until there are no more. One that cannot be sent is lost, as datagrams may be. */
static inline void echo_datagrams(int fd) {
  static char buffer[ECHO_BUFFER_SIZE];
  struct sockaddr_in from;
  struct sockaddr *any = (struct sockaddr *)&from;
  socklen_t length = sizeof from;
  ssize_t size;
  while ((size = recvfrom(fd, buffer, sizeof buffer, 0, any, &length)) >= 0) {
    sendto(fd, buffer, (size_t)size, 0, any, length);
    length = sizeof from;
  }
}

#endif
