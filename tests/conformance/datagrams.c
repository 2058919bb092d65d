/* SPDX-License-Identifier: MIT */
/* datagrams.c - 79: batches, gates, queues and ends of datagram sockets. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "echo.h"

static struct ioloop_datagram_metrics of(struct ioloop_datagram *socket) {
  struct ioloop_datagram_metrics metrics;
  ioloop_datagram_get_metrics(socket, &metrics, sizeof metrics);
  return metrics;
}

TEST(79, "a burst is answered whole, in order, to its senders") {
  enum {
    CLIENTS = 3,
    ROUNDS = 25
  };
  struct ioloop *loop = test_loop_new();
  struct udp_echo echo;
  int clients[CLIENTS];
  udp_echo_open(&echo, loop);
  for (int i = 0; i < CLIENTS; i++)
    clients[i] = udp_client(echo.port);
  for (unsigned size = 1; size <= 1000; size *= 10) {
    for (int round = 0; round < ROUNDS; round++)
      for (int i = 0; i < CLIENTS; i++) {
        char data[1000];
        memset(data, round * CLIENTS + i, size);
        CHECK_IS(send(clients[i], data, size, 0), ==, size);
      }
    for (int i = 0; i < CLIENTS; i++)
      for (int round = 0; round < ROUNDS; round++) {
        char back[2000];
        CHECK_IS(receive_within(loop, clients[i], back, sizeof back), ==, size);
        CHECK_IS(back[size - 1], ==, (char)(round * CLIENTS + i));
      }
  }
  CHECK_IS(of(echo.socket).sent, ==, 4 * ROUNDS * CLIENTS);
  CHECK_IS(of(echo.socket).sent_bytes, ==, 1111 * ROUNDS * CLIENTS);
  for (int i = 0; i < CLIENTS; i++)
    CHECK_SYS(close(clients[i]));
  ioloop_datagram_close(echo.socket);
  test_loop_free(loop);
}

TEST(79, "a closed gate stops receiving, without spinning, until it opens") {
  struct ioloop *loop = test_loop_new();
  struct ioloop_gate *gate;
  struct udp_echo echo;
  CHECK_OK(ioloop_gate_new(&gate));
  udp_echo_open(&echo, loop);
  int client = udp_client(echo.port);
  ioloop_datagram_set_gate(echo.socket, gate);
  ioloop_gate_close(gate);
  for (int i = 0; i < 100; i++)
    CHECK_IS(send(client, "x", 1, 0), ==, 1);
  CHECK_NO_SPIN(loop, MS(50));
  CHECK_IS(echo.received, ==, 0);
  ioloop_gate_open(gate);
  RUN_UNTIL(loop, echo.received == 100);
  ioloop_datagram_close(echo.socket);
  ioloop_gate_free(gate);
  CHECK_SYS(close(client));
  test_loop_free(loop);
}

TEST(79, "what a closed gate holds back comes when another one, closed as well, opens") {
  struct ioloop *loop = test_loop_new();
  struct ioloop_gate *gates[2];
  struct udp_echo echo;
  udp_echo_open(&echo, loop);
  int client = udp_client(echo.port);
  for (int i = 0; i < 2; i++) {
    CHECK_OK(ioloop_gate_new(&gates[i]));
    ioloop_gate_close(gates[i]);
  }
  ioloop_datagram_set_gate(echo.socket, gates[0]);
  CHECK_IS(send(client, "x", 1, 0), ==, 1);
  run_turns(loop, 3);
  ioloop_datagram_set_gate(echo.socket, gates[1]);
  run_turns(loop, 3);
  CHECK_IS(echo.received, ==, 0);
  ioloop_gate_open(gates[1]);
  RUN_UNTIL(loop, echo.received == 1);
  ioloop_datagram_close(echo.socket);
  ioloop_gate_free(gates[0]);
  ioloop_gate_free(gates[1]);
  CHECK_SYS(close(client));
  test_loop_free(loop);
}

/* AF_UNIX: sent data waits in the peer's queue, so that it fills. */
TEST(79, "what the kernel does not take waits, up to 256 KiB, and is then dropped and counted") {
  enum {
    SIZE = 5000
  };
  static char data[SIZE], back[SIZE];
  struct ioloop *loop = test_loop_new();
  struct udp_echo echo = {0};
  struct ioloop_datagram *socket;
  unsigned sent = 0;
  int pair[2], r;
  make_pair(UNIX_DGRAM, pair);
  CHECK_OK(ioloop_datagram_new(loop, pair[0], NULL, NULL, &echo, &socket));
  do {
    memset(data, (int)sent, SIZE);
    r = ioloop_datagram_send(socket, data, SIZE, NULL, 0);
    sent += r == 0;
    CHECK_IS(sent, <, 1000);
  } while (r == 0);
  CHECK_IS(r, ==, -ENOBUFS);
  uint64_t in_kernel = of(socket).sent;
  CHECK_IS((sent - in_kernel) * SIZE, >, 240 * 1024);
  CHECK_IS((sent - in_kernel) * SIZE, <=, 256 * 1024);
  CHECK_IS(of(socket).send_dropped, ==, 1);
  CHECK_NO_SPIN(loop, MS(50));
  for (unsigned i = 0; i < sent; i++) {
    CHECK_IS(receive_within(loop, pair[1], back, sizeof back), ==, SIZE);
    CHECK_IS(back[SIZE - 1], ==, (char)i);
  }
  CHECK_IS(of(socket).sent, ==, sent);
  CHECK_QUIET(loop, MS(10));
  ioloop_datagram_close(socket);
  CHECK_SYS(close(pair[1]));
  test_loop_free(loop);
}

/* The kernel reports the socket as writable, but send fails with EAGAIN: it is the peer's queue
 * that is full. */
TEST(79, "a peer whose queue is full is waited for without spinning") {
  struct ioloop *loop = test_loop_new();
  struct ioloop_datagram *sender;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  socklen_t size = sizeof address;
  int peer = SYS(socket(AF_UNIX, SOCK_DGRAM, 0)), fd = SYS(socket(AF_UNIX, SOCK_DGRAM, 0));
  char directory[] = P_tmpdir "/ioloop-XXXXXX", byte;
  CHECK(mkdtemp(directory));
  snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", directory);
  CHECK_SYS(bind(peer, (struct sockaddr *)&address, size));
  CHECK_OK(ioloop_datagram_new(loop, fd, NULL, NULL, NULL, &sender));
  unsigned sent = 0;
  for (; of(sender).sent == sent; sent++)
    CHECK_OK(ioloop_datagram_send(sender, "x", 1, (struct sockaddr *)&address, size));
  struct ioloop_metrics before = metrics_of(loop);
  uint64_t begun = tap_now();
  while (tap_now() - begun < MS(100))
    CHECK_OK(ioloop_run_once(loop, MS(20)));
  if (!presumes_readiness())
    CHECK_IS(metrics_of(loop).iterations - before.iterations, <, 60);
  for (unsigned i = 0; i < sent; i++)
    CHECK_IS(receive_within(loop, peer, &byte, 1), ==, 1);
  CHECK_IS(of(sender).sent, ==, sent);
  ioloop_datagram_close(sender);
  CHECK_SYS(unlink(address.sun_path));
  CHECK_SYS(rmdir(directory));
  CHECK_SYS(close(peer));
  test_loop_free(loop);
}

TEST(79, "draining delivers what has arrived and sends what that queued, gate or not") {
  struct ioloop *loop = test_loop_new();
  struct udp_echo echo;
  char byte;
  udp_echo_open(&echo, loop);
  int client = udp_client(echo.port);
  for (int i = 0; i < 100; i++)
    CHECK_IS(send(client, "x", 1, 0), ==, 1);
  CHECK_IS(ioloop_datagram_drain(echo.socket, 30), ==, 30);
  CHECK_IS(echo.received, ==, 30);
  CHECK_IS(ioloop_datagram_drain(echo.socket, 1000), ==, 70);
  CHECK_IS(ioloop_datagram_drain(echo.socket, 1000), ==, 0);
  for (int i = 0; i < 100; i++)
    CHECK_IS(recv(client, &byte, 1, 0), ==, 1);
  ioloop_datagram_close(echo.socket);
  CHECK_SYS(close(client));
  test_loop_free(loop);
}

struct once {
  unsigned received, errors;
  bool drain;
};

static void on_once(struct ioloop_datagram *socket, const char *data, size_t size,
                    const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  struct once *once = arg;
  (void)peer, (void)peer_size;
  CHECK_IS(size, ==, 3);
  if (++once->received == 1 && once->drain)
    CHECK_IS(ioloop_datagram_drain(socket, 5), ==, 5);
  CHECK(memcmp(data, "abc", 3) == 0); /* still there */
  if (once->received < 10)
    return;
  CHECK_OK(ioloop_datagram_send(socket, data, size, NULL, 0));
  ioloop_datagram_close(socket);
  CHECK_ERROR(ioloop_datagram_send(socket, data, size, NULL, 0), EPIPE);
}

TEST(79, "a socket may be drained and closed in its callback, in the middle of a batch") {
  struct ioloop *loop = test_loop_new();
  for (int i = 0; i < 2; i++) {
    struct once once = {.drain = i == 1};
    struct ioloop_datagram *socket;
    int pair[2];
    char back[3];
    make_pair(UDP, pair);
    CHECK_OK(ioloop_datagram_new(loop, pair[0], on_once, NULL, &once, &socket));
    for (int n = 0; n < 30; n++)
      CHECK_IS(send(pair[1], "abc", 3, 0), ==, 3);
    RUN_UNTIL(loop, once.received == 10);
    run_turns(loop, 3);
    CHECK_IS(once.received, ==, 10);
    CHECK_IS(recv(pair[1], back, 3, 0), ==, 3);
    CHECK_SYS(close(pair[1]));
  }
  test_loop_free(loop);
}

static void close_on_error(struct ioloop_datagram *socket, int error, void *arg) {
  struct once *once = arg;
  CHECK_IS(error, ==, -ECONNREFUSED);
  once->errors++;
  ioloop_datagram_close(socket);
}

TEST(79, "a socket may be closed in its error callback") {
  struct ioloop *loop = test_loop_new();
  struct once once = {0};
  struct ioloop_datagram *socket;
  int pair[2];
  make_pair(UDP, pair);
  CHECK_SYS(close(pair[1]));
  CHECK_OK(ioloop_datagram_new(loop, pair[0], on_once, close_on_error, &once, &socket));
  CHECK_OK(ioloop_datagram_send(socket, "x", 1, NULL, 0));
  RUN_UNTIL(loop, once.errors);
  CHECK_QUIET(loop, MS(5));
  test_loop_free(loop);
}
