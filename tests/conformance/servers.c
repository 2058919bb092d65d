/* SPDX-License-Identifier: MIT */
/* servers.c - conformance 60 to 65, 68 and 69: situations that a server must survive. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "echo.h"

/* ---- 60: no descriptor for a connection --------------------------------------------------- */

enum {
  WAITING = 5
};

static rlim_t limit_descriptors(rlim_t limit) {
  struct rlimit limits;
  CHECK_SYS(getrlimit(RLIMIT_NOFILE, &limits));
  rlim_t old = limits.rlim_cur;
  limits.rlim_cur = limit;
  CHECK_SYS(setrlimit(RLIMIT_NOFILE, &limits));
  return old;
}

/* valgrind enforces the limit itself: it accepts, then closes the connection that exceeds it. */
static void skip_if_refusal_takes_connection(void) {
  int listener;
  uint16_t port;
  make_tcp_listener(&listener, &port);
  int client = client_connect(port);
  await_arrival(listener);
  int next = SYS(dup(0));
  CHECK_SYS(close(next));
  rlim_t old = limit_descriptors((rlim_t)next);
  CHECK(accept(listener, NULL, NULL) < 0 && errno == EMFILE);
  limit_descriptors(old);
  int accepted = accept(listener, NULL, NULL);
  if (accepted < 0)
    SKIP("an accept that is refused for lack of a descriptor takes the connection here (valgrind)");
  CHECK_SYS(close(accepted));
  CHECK_SYS(close(client));
  CHECK_SYS(close(listener));
}

/* Clients in the backlog of a server that has no descriptor left. */
static rlim_t starve(struct ioloop *loop, struct echo *echo, int *clients) {
  for (int i = 0; i < WAITING; i++)
    clients[i] = client_connect(echo->port);
  int next = SYS(dup(0));
  CHECK_SYS(close(next));
  rlim_t old = limit_descriptors((rlim_t)next);
  RUN_UNTIL(loop, echo->trouble);
  CHECK_IS(echo->error, ==, -EMFILE);
  CHECK_NO_SPIN(loop, MS(350));
  CHECK_IS(echo->trouble, ==, 1);
  CHECK_IS(echo->opened, ==, 0);
  return old;
}

TEST(60, "no descriptor for a connection: no spin, one report, recovery by itself") {
  skip_if_refusal_takes_connection();
  struct ioloop *loop = test_loop_new();
  struct echo echo;
  int clients[WAITING];
  echo_open(&echo, loop, NULL);
  rlim_t old = starve(loop, &echo, clients);
  limit_descriptors(old);
  for (int i = 0; i < WAITING; i++) {
    ping(loop, clients[i]);
    CHECK_SYS(close(clients[i]));
  }
  CHECK_IS(echo.trouble, ==, 1);
  echo_close(&echo);
  test_loop_free(loop);
}

TEST(60, "no descriptor for a connection: each one that closes lets one in") {
  skip_if_refusal_takes_connection();
  struct ioloop *loop = test_loop_new();
  struct echo echo;
  int clients[WAITING];
  echo_open(&echo, loop, NULL);
  rlim_t old = starve(loop, &echo, clients);
  /* One of their descriptors becomes free for us; from now on it is passed from one to the next. */
  CHECK_SYS(close(clients[0]));
  for (int i = 1; i < WAITING; i++) {
    ping(loop, clients[i]);
    CHECK_IS(ioloop_tcpserver_connections(echo.server), ==, 1);
    ioloop_stream_close(echo.last);
  }
  limit_descriptors(old);
  for (int i = 1; i < WAITING; i++)
    CHECK_SYS(close(clients[i]));
  echo_close(&echo);
  test_loop_free(loop);
}

/* ---- 61, 68, 69: many at once, silent ones, short ones -------------------------------------- */

TEST(61, "1,000 connects in a burst are all served") {
  size_t count = tap_count(1000);
  need_descriptors(2 * count + 50);
  struct ioloop *loop = test_loop_new();
  struct echo echo;
  echo_open(&echo, loop, NULL);
  int *clients = calloc(count, sizeof *clients);
  CHECK(clients);
  for (size_t i = 0; i < count; i++) {
    clients[i] = connect_tcp(echo.port);
    if (i % 256 == 255) /* the kernel's own limits of the backlog are not tested */
      run_turns(loop, 5);
  }
  RUN_UNTIL(loop, echo.opened == count);
  for (size_t i = 0; i < count; i++)
    client_send(clients[i], "x", 1);
  for (size_t i = 0; i < count; i++) {
    char byte;
    CHECK_IS(receive_within(loop, clients[i], &byte, 1), ==, 1);
    CHECK_SYS(close(clients[i]));
  }
  RUN_UNTIL(loop, echo.closed == count);
  CHECK_IS(ioloop_tcpserver_connections(echo.server), ==, 0);
  CHECK_IS(ioloop_tcpserver_accepted_total(echo.server), ==, count);
  free(clients);
  echo_close(&echo);
  test_loop_free(loop);
}

/* Also after a listener has come to expect single connections. */
TEST(61, "a backlog of 200 connections is accepted within a few turns") {
  need_descriptors(450);
  struct ioloop *loop = test_loop_new();
  struct echo echo;
  int clients[200];
  echo_open(&echo, loop, NULL);
  for (int i = 0; i < 20; i++) {
    int single = client_connect(echo.port);
    ping(loop, single);
    CHECK_SYS(close(single));
  }
  RUN_UNTIL(loop, echo.closed == 20);
  for (int i = 0; i < 200; i++)
    clients[i] = client_connect(echo.port);
  run_turns(loop, 16);
  CHECK_IS(ioloop_tcpserver_accepted_total(echo.server), ==, 220);
  for (int i = 0; i < 200; i++)
    CHECK_SYS(close(clients[i]));
  RUN_UNTIL(loop, echo.closed == 220);
  echo_close(&echo);
  test_loop_free(loop);
}

TEST(68, "clients that connect and stay silent delay no other") {
  struct ioloop *loop = test_loop_new();
  struct echo echo;
  int silent[20];
  echo_open(&echo, loop, NULL);
  for (int i = 0; i < 20; i++)
    silent[i] = client_connect(echo.port);
  int client = client_connect(echo.port);
  uint64_t begun = tap_now();
  for (int i = 0; i < 100; i++)
    ping(loop, client);
  CHECK_IS(tap_now() - begun, <, SECONDS(1) * tap_scale());
  for (int i = 0; i < 20; i++)
    CHECK_SYS(close(silent[i]));
  CHECK_SYS(close(client));
  RUN_UNTIL(loop, echo.closed == 21);
  echo_close(&echo);
  test_loop_free(loop);
}

static void send_and_close(bool mute) {
  static const char message[] =
      "{\"send_user\": \"a\", \"send_time\": \"now\", \"send_msg\": \"b\"}";
  struct ioloop *loop = test_loop_new();
  struct echo echo;
  echo_open(&echo, loop, NULL);
  echo.mute = mute;
  for (unsigned round = 1; round <= 5; round++) {
    for (int i = 0; i < 100; i++) {
      int client = client_connect(echo.port);
      client_send(client, message, sizeof message);
      CHECK_SYS(close(client));
    }
    RUN_UNTIL(loop, echo.closed == round * 100);
    CHECK_IS(echo.received, ==, round * 100 * sizeof message);
  }
  echo_close(&echo);
  test_loop_free(loop);
}

TEST(69, "100 clients that send and close at once: 100 messages") {
  send_and_close(true);
}

TEST(69, "100 clients that do not wait for the echo: 100 messages") {
  send_and_close(false);
}

/* ---- 62, 63: sizes of datagrams ------------------------------------------------------------- */

TEST(62, "a zero-length datagram is echoed") {
  struct ioloop *loop = test_loop_new();
  struct udp_echo echo;
  char data[10];
  udp_echo_open(&echo, loop);
  int client = udp_client(echo.port);
  for (unsigned i = 1; i <= 20; i++) {
    CHECK_IS(send(client, "", 0, 0), ==, 0);
    CHECK_IS(send(client, "abc", 3, 0), ==, 3);
    CHECK_IS(receive_within(loop, client, data, sizeof data), ==, 0);
    CHECK_IS(receive_within(loop, client, data, sizeof data), ==, 3);
    CHECK_IS(echo.received, ==, 2 * i);
  }
  ioloop_datagram_close(echo.socket);
  CHECK_SYS(close(client));
  test_loop_free(loop);
}

TEST(63, "datagrams of up to 65,507 bytes are echoed whole") {
  static char data[65536], back[65536];
  struct ioloop *loop = test_loop_new();
  struct udp_echo echo;
  udp_echo_open(&echo, loop);
  int client = udp_client(echo.port);
  const size_t sizes[] = {1, 1471, 1472, 1473, 9000, 32768, 65506, 65507};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    fill_pattern(data, sizes[i], i);
    CHECK_IS(send(client, data, sizes[i], 0), ==, sizes[i]);
    CHECK_IS(receive_within(loop, client, back, sizeof back), ==, sizes[i]);
    CHECK(memcmp(data, back, sizes[i]) == 0);
  }
  CHECK_ERROR(ioloop_datagram_send(echo.socket, data, 65508, NULL, 0), EMSGSIZE);
  ioloop_datagram_close(echo.socket);
  CHECK_SYS(close(client));
  test_loop_free(loop);
}

static void on_whole(struct ioloop_datagram *socket, const char *data, size_t size,
                     const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  size_t *sum = arg;
  (void)socket, (void)data, (void)peer, (void)peer_size;
  *sum += size;
}

TEST(63, "a datagram longer than the buffer is counted and never passed for a whole one") {
  static char data[70000];
  struct ioloop *loop = test_loop_new();
  struct ioloop_datagram *socket;
  struct ioloop_datagram_metrics metrics;
  size_t sum = 0;
  int pair[2];
  make_pair(UNIX_DGRAM, pair);
  CHECK_OK(ioloop_datagram_new(loop, pair[0], on_whole, NULL, &sum, &socket));
  CHECK_IS(send(pair[1], data, sizeof data, 0), ==, sizeof data);
  CHECK_IS(send(pair[1], data, 5, 0), ==, 5);
  RUN_UNTIL(loop, sum);
  CHECK_IS(sum, ==, 5);
  ioloop_datagram_get_metrics(socket, &metrics, sizeof metrics);
  CHECK_IS(metrics.truncated, ==, 1);
  CHECK_IS(metrics.received, ==, 1);
  ioloop_datagram_close(socket);
  CHECK_SYS(close(pair[1]));
  test_loop_free(loop);
}

/* ---- 64, 65: floods and errors -------------------------------------------------------------- */

struct flood {
  uint16_t port;
  uint64_t sent;
  bool stop;
};

static void *run_flood(void *arg) {
  struct flood *flood = arg;
  char data[100] = {0};
  int fd = udp_client(flood->port);
  while (!__atomic_load_n(&flood->stop, __ATOMIC_RELAXED))
    flood->sent += send(fd, data, sizeof data, 0) == sizeof data;
  CHECK_SYS(close(fd));
  return NULL;
}

/* Every Linux that we support does; an emulator of system calls, and other systems, may not. */
static bool counts_drops(void) {
#ifdef SO_MEMINFO
  uint32_t info[64];
  socklen_t size = sizeof info;
  int fd = SYS(socket(AF_INET, SOCK_DGRAM, 0));
  bool counts = getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size) == 0 &&
                size > 8 * sizeof info[0]; /* the ninth is SK_MEMINFO_DROPS */
  CHECK_SYS(close(fd));
  return counts;
#else
  return false;
#endif
}

TEST(64, "a UDP flood starves neither TCP nor timers, and every datagram is accounted for") {
  struct ioloop *loop = test_loop_new();
  struct echo tcp;
  struct udp_echo udp;
  struct flood flood = {0};
  unsigned ticks = 0;
  ioloop_timeout timer;
  pthread_t thread;
  echo_open(&tcp, loop, NULL);
  udp_echo_open(&udp, loop);
  flood.port = udp.port;
  int client = client_connect(tcp.port);
  CHECK_OK(ioloop_call_every(loop, MS(5), on_count, &ticks, &timer));
  CHECK_THREAD(pthread_create(&thread, NULL, run_flood, &flood));

  /* Speed is for benchmarks; a starved connection never gets there at all. */
  uint64_t deadline = tap_deadline(SECONDS(10));
  for (unsigned pings = 0; pings < 50 || ticks < 20 || udp.received <= 100; pings++) {
    CHECK(tap_left(deadline) > 0);
    ping(loop, client);
  }
  __atomic_store_n(&flood.stop, true, __ATOMIC_RELAXED);
  CHECK_THREAD(pthread_join(thread, NULL));

  struct ioloop_datagram_metrics metrics;
  ioloop_datagram_drain(udp.socket, SIZE_MAX);
  ioloop_datagram_get_metrics(udp.socket, &metrics, sizeof metrics);
  CHECK_IS(metrics.received, ==, udp.received);
  if (counts_drops())
    CHECK_IS(metrics.received + metrics.kernel_drops, ==, flood.sent);
  CHECK_IS(metrics.sent + metrics.send_dropped, ==, metrics.received);
  CHECK_OK(ioloop_remove_timeout(loop, timer));
  CHECK_SYS(close(client));
  ioloop_datagram_close(udp.socket);
  echo_close(&tcp);
  test_loop_free(loop);
}

TEST(65, "ICMP unreachable is reported and not spun upon") {
  struct ioloop *loop = test_loop_new();
  struct udp_echo echo;
  udp_echo_open(&echo, loop);
  int other = udp_client(echo.port);
  struct sockaddr_storage address;
  socklen_t size = sizeof address;
  CHECK_SYS(getsockname(other, (struct sockaddr *)&address, &size));
  CHECK_SYS(connect(ioloop_datagram_fd(echo.socket), (struct sockaddr *)&address, size));
  CHECK_SYS(close(other)); /* from now on no socket is bound there */

  CHECK_OK(ioloop_datagram_send(echo.socket, "a", 1, NULL, 0));
  RUN_UNTIL(loop, echo.errors == 1); /* taken by a receive */
  CHECK_IS(echo.error, ==, -ECONNREFUSED);
  CHECK_QUIET(loop, MS(100));
  CHECK_OK(ioloop_datagram_send(echo.socket, "b", 1, NULL, 0));
  CHECK_OK(
      ioloop_datagram_send(echo.socket, "c", 1, NULL, 0)); /* receives the error, and is sent */
  CHECK_IS(echo.errors, ==, 1); /* never reported from inside the program's call */
  RUN_UNTIL(loop, echo.errors >= 2);
  CHECK_NO_SPIN(loop, MS(100));
  struct ioloop_datagram_metrics metrics;
  ioloop_datagram_get_metrics(echo.socket, &metrics, sizeof metrics);
  CHECK_IS(metrics.sent, ==, 3);
  CHECK_IS(metrics.errors, ==, 3);
  CHECK_IS(metrics.send_dropped, ==, 0);
  ioloop_datagram_close(echo.socket);
  test_loop_free(loop);
}
