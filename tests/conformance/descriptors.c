/* SPDX-License-Identifier: MIT */
/* descriptors.c - descriptors of every portable kind for the tests; see support.h. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

const char *const kind_names[KINDS] = {
    [PIPE] = "pipe",
    [UNIX_STREAM] = "AF_UNIX stream",
    [UNIX_DGRAM] = "AF_UNIX datagram",
    [TCP] = "TCP",
    [UDP] = "UDP",
};

bool is_duplex(enum kind kind) {
  return kind != PIPE;
}

void set_nonblocking(int fd) {
  CHECK_SYS(fcntl(fd, F_SETFL, SYS(fcntl(fd, F_GETFL)) | O_NONBLOCK));
}

void set_buffers(int fd, int bytes) {
  CHECK_SYS(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes));
  CHECK_SYS(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes));
}

static struct sockaddr_in loopback(uint16_t port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET,
      .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
      .sin_port = htons(port),
  };
}

static int bound_socket(int type, uint16_t *port) {
  struct sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  int fd = SYS(socket(AF_INET, type, 0));
  CHECK_SYS(bind(fd, (struct sockaddr *)&address, sizeof address));
  CHECK_SYS(getsockname(fd, (struct sockaddr *)&address, &size));
  *port = ntohs(address.sin_port);
  return fd;
}

void await_arrival(int fd) {
  struct pollfd arrival = {.fd = fd, .events = POLLIN};
  CHECK_IS(poll(&arrival, 1, -1), ==, 1);
}

void make_tcp_listener(int *fd, uint16_t *port) {
  *fd = bound_socket(SOCK_STREAM, port);
  CHECK_SYS(listen(*fd, SOMAXCONN));
  set_nonblocking(*fd);
}

int connect_tcp(uint16_t port) {
  struct sockaddr_in address = loopback(port);
  int fd = SYS(socket(AF_INET, SOCK_STREAM, 0)), on = 1;
  set_nonblocking(fd);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)
    CHECK_SYS(-1);
  CHECK_SYS(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  return fd;
}

/* A blocking connect, so that both ends are established on return. */
static void make_tcp_pair(int pair[2]) {
  int listener, on = 1;
  uint16_t port;
  make_tcp_listener(&listener, &port);
  struct sockaddr_in address = loopback(port);
  pair[1] = SYS(socket(AF_INET, SOCK_STREAM, 0));
  CHECK_SYS(connect(pair[1], (struct sockaddr *)&address, sizeof address));
  await_arrival(listener);
  pair[0] = SYS(accept(listener, NULL, NULL));
  CHECK_SYS(close(listener));
  for (int i = 0; i < 2; i++)
    CHECK_SYS(setsockopt(pair[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
}

static void make_udp_pair(int pair[2]) {
  uint16_t ports[2];
  for (int i = 0; i < 2; i++)
    pair[i] = bound_socket(SOCK_DGRAM, &ports[i]);
  for (int i = 0; i < 2; i++) {
    struct sockaddr_in address = loopback(ports[!i]);
    CHECK_SYS(connect(pair[i], (struct sockaddr *)&address, sizeof address));
  }
}

void make_pair(enum kind kind, int pair[2]) {
  switch (kind) {
  case PIPE:
    CHECK_SYS(pipe(pair));
    break;
  case UNIX_STREAM:
    CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    break;
  case UNIX_DGRAM:
    CHECK_SYS(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    break;
  case TCP:
    make_tcp_pair(pair);
    break;
  case UDP:
  default:
    make_udp_pair(pair);
  }
  set_nonblocking(pair[0]);
  set_nonblocking(pair[1]);
}

void close_pair(const int pair[2]) {
  CHECK_SYS(close(pair[0]));
  CHECK_SYS(close(pair[1]));
}

void put(int fd, size_t bytes) {
  static const char data[65536];
  while (bytes > 0) {
    size_t part = bytes < sizeof data ? bytes : sizeof data;
    CHECK_IS(write(fd, data, part), ==, part);
    bytes -= part;
  }
}

size_t fill(int fd) {
  static const char data[1024];
  size_t sum = 0;
  for (;;) {
    ssize_t sent = write(fd, data, sizeof data);
    if (sent < 0 && errno == EINTR)
      continue;
    if (sent < 0) {
      CHECK(errno == EAGAIN || errno == ENOBUFS);
      return sum;
    }
    sum += (size_t)sent;
  }
}

size_t drain(int fd) {
  static _Thread_local char data[65536];
  size_t sum = 0;
  for (;;) {
    ssize_t got = read(fd, data, sizeof data);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      CHECK_IS(errno, ==, EAGAIN);
    if (got <= 0)
      return sum;
    sum += (size_t)got;
  }
}

void take(int fd, size_t bytes) {
  static _Thread_local char data[65536];
  while (bytes > 0) {
    ssize_t got = read(fd, data, bytes < sizeof data ? bytes : sizeof data);
    if (got < 0 && errno == EAGAIN) {
      await_arrival(fd);
      continue;
    }
    CHECK_SYS(got);
    CHECK_IS(got, >, 0);
    bytes -= (size_t)got;
  }
}

int move_fd_to(int fd, int number) {
  if (fd == number)
    return fd;
  CHECK_SYS(dup2(fd, number));
  CHECK_SYS(close(fd));
  return number;
}

int move_fd_above(int fd, int number) {
  int moved = SYS(fcntl(fd, F_DUPFD, number));
  CHECK_SYS(close(fd));
  return moved;
}

/* -ENOSPC: the number is too high for the model's interface. */
static void need_number(int number) {
  struct ioloop *loop = test_loop_new();
  int pair[2];
  make_pair(PIPE, pair);
  pair[0] = move_fd_to(pair[0], number);
  int r = ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_never, NULL);
  test_loop_free(loop);
  close_pair(pair);
  if (r == -ENOSPC)
    SKIP("the model's interface takes no descriptor beyond %d", FD_SETSIZE - 1);
  CHECK_OK(r);
}

void need_descriptors(size_t count) {
  struct rlimit limit;
  CHECK_SYS(getrlimit(RLIMIT_NOFILE, &limit));
  if (limit.rlim_cur < count) {
    if (limit.rlim_max < count)
      SKIP("needs %zu descriptors, the hard limit is %llu", count,
           (unsigned long long)limit.rlim_max);
    limit.rlim_cur = count;
    CHECK_SYS(setrlimit(RLIMIT_NOFILE, &limit));
  }
  need_number((int)count - 1);
}
