/* SPDX-License-Identifier: MIT */
/*
 * error_queue_linux.c - conformance 97: a socket's error queue (IP_RECVERR in ip(7),
 * SO_TIMESTAMPING in the kernel's timestamping.rst). While it is not empty, the socket is reported
 * as failed, and no receive or send empties it.
 */
#include <errno.h>
#include <linux/net_tstamp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo.h"

/* A model that does not report errors reads the queue only after 32 wake-ups. */
enum {
  ENOUGH_TURNS = 3 * 33
};

/* Each send leaves an entry. */
static int try_to_stamp(int fd) {
  int flags = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID |
              SOF_TIMESTAMPING_OPT_TSONLY;
  return setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags);
}

static void stamp_sends(int fd) {
  CHECK_SYS(try_to_stamp(fd));
}

/* Every kernel does; an emulator of system calls has no such option. */
static void skip_without_stamps(void) {
  int fd = SYS(socket(AF_INET, SOCK_DGRAM, 0));
  bool unknown = try_to_stamp(fd) < 0 && errno == ENOPROTOOPT;
  CHECK_SYS(close(fd));
  if (unknown)
    SKIP("this system has no SO_TIMESTAMPING");
}

static void on_data(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  (void)stream, (void)data;
  *(size_t *)arg += size;
}

static void on_close_never(struct ioloop_stream *stream, int error, void *arg) {
  (void)stream, (void)arg;
  CHECK_OK(error);
}

TEST(97, "timestamps of what a stream sent keep no loop awake, and end no stream") {
  skip_without_stamps();
  for (int reads = 0; reads < 2; reads++) {
    struct ioloop *loop = test_loop_new();
    struct ioloop_stream *stream;
    size_t received = 0;
    int pair[2];
    make_pair(TCP, pair);
    stamp_sends(pair[0]);
    CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
    ioloop_stream_set_close_callback(stream, on_close_never, NULL);
    if (reads)
      CHECK_OK(ioloop_stream_read(stream, on_data, &received));
    for (int i = 0; i < 200; i++)
      CHECK_OK(ioloop_stream_write(stream, "ping", 4));
    run_turns(loop, ENOUGH_TURNS);
    CHECK_NO_SPIN(loop, MS(50));
    if (!reads)
      CHECK_OK(ioloop_stream_read(stream, on_data, &received));
    put(pair[1], 4);
    RUN_UNTIL(loop, received == 4);
    ioloop_stream_set_close_callback(stream, NULL, NULL);
    ioloop_stream_close(stream);
    CHECK_SYS(close(pair[1]));
    test_loop_free(loop);
  }
}

TEST(97, "nor while a stream waits for room and does not read") {
  skip_without_stamps();
  static char data[1024 * 1024];
  struct ioloop *loop = test_loop_new();
  struct ioloop_stream *stream;
  int pair[2];
  make_pair(TCP, pair);
  set_buffers(pair[0], 4096);
  set_buffers(pair[1], 4096);
  stamp_sends(pair[0]);
  CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
  CHECK_OK(ioloop_stream_write(stream, data, sizeof data));
  run_turns(loop, ENOUGH_TURNS);
  CHECK_NO_SPIN(loop, MS(50));
  CHECK_IS(ioloop_stream_pending(stream), >, 0);
  ioloop_stream_close(stream);
  CHECK_SYS(close(pair[1]));
  test_loop_free(loop);
}

struct reports {
  struct ioloop_datagram *socket;
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

static uint16_t open_reports(struct reports *reports, struct ioloop *loop) {
  struct sockaddr_in address = loopback_address(0);
  socklen_t size = sizeof address;
  CHECK_OK(ioloop_datagram_bind(loop, (struct sockaddr *)&address, size, on_datagram, on_error,
                                reports, &reports->socket));
  CHECK_SYS(getsockname(ioloop_datagram_fd(reports->socket), (struct sockaddr *)&address, &size));
  return ntohs(address.sin_port);
}

static void check_alive(struct ioloop *loop, struct reports *reports, uint16_t port) {
  int client = udp_client(port);
  unsigned before = reports->received;
  run_turns(loop, ENOUGH_TURNS);
  CHECK_NO_SPIN(loop, MS(50));
  CHECK_IS(send(client, "x", 1, 0), ==, 1);
  RUN_UNTIL(loop, reports->received == before + 1);
  CHECK_SYS(close(client));
}

/* A port without a listener. */
static struct sockaddr_in closed_port(void) {
  struct sockaddr_in address = loopback_address(0);
  socklen_t size = sizeof address;
  int fd = SYS(socket(AF_INET, SOCK_DGRAM, 0));
  CHECK_SYS(bind(fd, (struct sockaddr *)&address, size));
  CHECK_SYS(getsockname(fd, (struct sockaddr *)&address, &size));
  CHECK_SYS(close(fd));
  return address;
}

TEST(97, "an extended error of a datagram socket is reported once, and then it is quiet") {
  struct ioloop *loop = test_loop_new();
  struct reports reports = {0};
  uint16_t port = open_reports(&reports, loop);
  struct sockaddr_in dead = closed_port();
  int one = 1;
  CHECK_SYS(
      setsockopt(ioloop_datagram_fd(reports.socket), IPPROTO_IP, IP_RECVERR, &one, sizeof one));
  for (unsigned i = 1; i <= 3; i++) {
    struct ioloop_datagram_metrics metrics;
    CHECK_OK(ioloop_datagram_send(reports.socket, "x", 1, (struct sockaddr *)&dead, sizeof dead));
    RUN_UNTIL(loop, reports.errors == i);
    CHECK_IS(reports.error, ==, -ECONNREFUSED);
    check_alive(loop, &reports, port);
    CHECK_IS(reports.errors, ==, i);
    ioloop_datagram_get_metrics(reports.socket, &metrics, sizeof metrics);
    CHECK_IS(metrics.errors, ==, i);
  }
  ioloop_datagram_close(reports.socket);
  test_loop_free(loop);
}

TEST(97, "timestamps of datagrams are no errors, and keep no loop awake") {
  skip_without_stamps();
  struct ioloop *loop = test_loop_new();
  struct reports reports = {0};
  uint16_t port = open_reports(&reports, loop);
  struct sockaddr_in self = loopback_address(port);
  stamp_sends(ioloop_datagram_fd(reports.socket));
  for (int i = 0; i < 50; i++)
    CHECK_OK(ioloop_datagram_send(reports.socket, "x", 1, (struct sockaddr *)&self, sizeof self));
  RUN_UNTIL(loop, reports.received == 50);
  check_alive(loop, &reports, port);
  CHECK_IS(reports.errors, ==, 0);
  ioloop_datagram_close(reports.socket);
  test_loop_free(loop);
}
