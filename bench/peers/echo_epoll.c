/* SPDX-License-Identifier: MIT */
/*
 * echo_epoll.c - a TCP echo server as one writes it by hand on epoll: level-triggered, a read and a
 * write an event. The peer that our own server is measured against under --backend=epoll. A bound,
 * not a server: it does not know slow readers.
 *
 *   echo_epoll PORT    (0: any; says which on stdout)
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  EVENTS = 256,
  BUFFER_SIZE = 65536,
};

static int watch(int set, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
}

static void accept_one(int set, int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0 && watch(set, fd) < 0)
    close(fd);
}

static void echo(int fd) {
  static char buffer[BUFFER_SIZE];
  ssize_t size = recv(fd, buffer, sizeof buffer, 0);
  if (size > 0)
    size = send(fd, buffer, (size_t)size, MSG_NOSIGNAL);
  if (size <= 0)
    close(fd);
}

static void serve(int set, int listener) {
  struct epoll_event events[EVENTS];
  int count;
  while ((count = epoll_wait(set, events, EVENTS, -1)) >= 0)
    for (int i = 0; i < count; i++) {
      if (events[i].data.fd == listener)
        accept_one(set, listener);
      else
        echo(events[i].data.fd);
    }
}

static int listen_on(uint16_t port) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, SOMAXCONN) < 0 ||
      getsockname(fd, (struct sockaddr *)&address, &size) < 0)
    return -1;
  printf("%u\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

int main(int argc, char **argv) {
  int set = epoll_create1(EPOLL_CLOEXEC);
  int listener = argc == 2 ? listen_on((uint16_t)atoi(argv[1])) : -1;
  if (listener < 0 || set < 0 || watch(set, listener) < 0)
    return 1;
  serve(set, listener);
  return 1;
}
