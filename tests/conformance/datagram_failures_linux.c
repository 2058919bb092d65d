/* SPDX-License-Identifier: MIT */
/* datagram_failures_linux.c - conformance 103 and 106: sends and receives that fail, temporarily or
 * permanently. The sockets are non-blocking and made elsewhere, so that sendto and recvfrom are
 * called under every model. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "echo.h"

/* Of the library's calls in this process, the next ones fail. */
static struct { int error, left; } failing;

/* Defined by the name of its symbol: in glibc's header the address is a union. */
ssize_t fail_or_send(int fd, const void *data, size_t size, int flags,
                     const struct sockaddr *address, socklen_t address_size) __asm__("sendto");

ssize_t fail_or_send(int fd, const void *data, size_t size, int flags,
                     const struct sockaddr *address, socklen_t address_size) {
  if (failing.left <= 0)
    return syscall(SYS_sendto, fd, data, size, flags, address, address_size);
  failing.left--;
  errno = failing.error;
  return -1;
}

static struct { int error, left; } receiving;

ssize_t fail_or_receive(int fd, void *data, size_t size, int flags, struct sockaddr *address,
                        socklen_t *address_size) __asm__("recvfrom");

ssize_t fail_or_receive(int fd, void *data, size_t size, int flags, struct sockaddr *address,
                        socklen_t *address_size) {
  if (receiving.left <= 0)
    return syscall(SYS_recvfrom, fd, data, size, flags, address, address_size);
  receiving.left--;
  errno = receiving.error;
  return -1;
}

static const int transient[] = {ENOBUFS,      ENOMEM,      EPERM,    EHOSTUNREACH,
                                ECONNREFUSED, ENETUNREACH, EMSGSIZE, EINVAL};
enum {
  TRANSIENT = sizeof transient / sizeof transient[0]
};

struct reports {
  unsigned received, errors;
  int error;
};

static void on_datagram(struct ioloop_datagram *socket, const char *data, size_t size,
                        const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  struct reports *reports = arg;
  (void)socket, (void)data, (void)size, (void)peer, (void)peer_size;
  reports->received++;
}

static void on_error(struct ioloop_datagram *socket, int error, void *arg) {
  struct reports *reports = arg;
  (void)socket;
  reports->errors++;
  reports->error = error;
}

static struct ioloop_datagram *open_socket(struct ioloop *loop, struct reports *reports,
                                           int *peer) {
  struct ioloop_datagram *socket;
  int pair[2];
  make_pair(UDP, pair);
  CHECK_OK(ioloop_datagram_new(loop, pair[0], on_datagram, on_error, reports, &socket));
  *peer = pair[1];
  return socket;
}

TEST(103, "an error that belongs to an earlier datagram does not lose the one being sent") {
  struct ioloop *loop = test_loop_new();
  struct reports reports = {0};
  int peer;
  struct ioloop_datagram *socket = open_socket(loop, &reports, &peer);
  for (unsigned i = 0; i < TRANSIENT; i++) {
    char byte;
    failing.error = transient[i];
    failing.left = 1;
    CHECK_OK(ioloop_datagram_send(socket, "x", 1, NULL, 0));
    CHECK_IS(recv(peer, &byte, 1, MSG_DONTWAIT), ==, 1);
    RUN_UNTIL(loop, reports.errors == i + 1);
    CHECK_IS(reports.error, ==, -transient[i]);
  }
  ioloop_datagram_close(socket);
  CHECK_SYS(close(peer));
  test_loop_free(loop);
}

TEST(103, "a datagram that is refused is counted and reported, and the socket goes on") {
  struct ioloop *loop = test_loop_new();
  struct reports reports = {0};
  struct ioloop_datagram_metrics metrics;
  int peer;
  struct ioloop_datagram *socket = open_socket(loop, &reports, &peer);
  for (unsigned i = 0; i < TRANSIENT; i++) {
    char byte;
    failing.error = transient[i];
    failing.left = 2;
    NOTE("%s", strerror(transient[i]));
    CHECK_OK(ioloop_datagram_send(socket, "x", 1, NULL, 0));
    RUN_UNTIL(loop, reports.errors == i + 1);
    CHECK_IS(reports.error, ==, -transient[i]);
    ioloop_datagram_get_metrics(socket, &metrics, sizeof metrics);
    CHECK_IS(metrics.send_dropped, ==, i + 1);
    CHECK_QUIET(loop, MS(5));
    CHECK(recv(peer, &byte, 1, MSG_DONTWAIT) < 0);
    CHECK_OK(ioloop_datagram_send(socket, "y", 1, NULL, 0));
    CHECK_IS(recv(peer, &byte, 1, MSG_DONTWAIT), ==, 1);
    CHECK_IS(send(peer, "z", 1, 0), ==, 1);
    RUN_UNTIL(loop, reports.received == i + 1);
  }
  ioloop_datagram_close(socket);
  CHECK_SYS(close(peer));
  test_loop_free(loop);
}

/* Connected to a closed port: each datagram that arrives causes an error for a later one. */
TEST(103, "a burst to a port that refuses is sent whole, every model alike") {
  enum {
    BURST = 64
  };
  struct ioloop *loop = test_loop_new();
  struct reports reports = {0};
  struct ioloop_datagram_metrics metrics;
  struct ioloop_datagram *sender;
  struct sockaddr_in address = loopback_address(0), dead = loopback_address(0);
  socklen_t size = sizeof dead;
  int refusing = SYS(socket(AF_INET, SOCK_DGRAM, 0));
  CHECK_SYS(bind(refusing, (struct sockaddr *)&dead, size));
  CHECK_SYS(getsockname(refusing, (struct sockaddr *)&dead, &size));
  CHECK_SYS(close(refusing));
  CHECK_OK(ioloop_datagram_bind(loop, (struct sockaddr *)&address, sizeof address, on_datagram,
                                on_error, &reports, &sender));
  CHECK_SYS(connect(ioloop_datagram_fd(sender), (struct sockaddr *)&dead, sizeof dead));
  for (int i = 0; i < BURST; i++)
    CHECK_OK(ioloop_datagram_send(sender, "x", 1, NULL, 0));
  run_turns(loop, 20);
  CHECK_NO_SPIN(loop, MS(20));
  ioloop_datagram_get_metrics(sender, &metrics, sizeof metrics);
  CHECK_IS(metrics.sent, ==, BURST);
  CHECK_IS(metrics.send_dropped, ==, 0);
  CHECK_IS(reports.error, ==, -ECONNREFUSED);
  ioloop_datagram_close(sender);
  test_loop_free(loop);
}

enum {
  FOR_EVER = 1000000
};

TEST(106, "receives that fail forever are made and reported at intervals, until one does not") {
  static const int lasting[] = {ENOTCONN, ENOTSOCK, EBADF, EIO, EINTR};
  for (size_t i = 0; i < sizeof lasting / sizeof lasting[0]; i++) {
    struct ioloop *loop = test_loop_new();
    struct reports reports = {0};
    int peer;
    struct ioloop_datagram *socket = open_socket(loop, &reports, &peer);
    NOTE("%s", strerror(lasting[i]));
    receiving.error = lasting[i];
    receiving.left = FOR_EVER;
    CHECK_IS(send(peer, "x", 1, 0), ==, 1);
    run_turns(loop, 64); /* until it is found out */
    CHECK_NO_SPIN(loop, MS(60));
    CHECK_IS(FOR_EVER - receiving.left, <, 200);
    CHECK(reports.error == (lasting[i] == EINTR ? 0 : -lasting[i]));
    receiving.left = 0;
    RUN_UNTIL(loop, reports.received == 1);
    ioloop_datagram_close(socket);
    CHECK_SYS(close(peer));
    test_loop_free(loop);
  }
}

TEST(106, "a send that signals interrupt forever is made again in other turns") {
  struct ioloop *loop = test_loop_new();
  struct reports reports = {0};
  int peer;
  char byte;
  struct ioloop_datagram *socket = open_socket(loop, &reports, &peer);
  failing.error = EINTR;
  failing.left = FOR_EVER;
  CHECK_OK(ioloop_datagram_send(socket, "x", 1, NULL, 0));
  CHECK_IS(FOR_EVER - failing.left, <, 100);
  run_turns(loop, 10);
  CHECK_NO_SPIN(loop, MS(60));
  failing.left = 0;
  CHECK_IS(receive_within(loop, peer, &byte, 1), ==, 1);
  CHECK_IS(reports.errors, ==, 0);
  ioloop_datagram_close(socket);
  CHECK_SYS(close(peer));
  test_loop_free(loop);
}
