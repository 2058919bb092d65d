/* SPDX-License-Identifier: MIT */
/* observer.c - conformance 86: the system calls and operations that an observer sees. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "echo.h"

struct heard {
  uint64_t received, sent; /* bytes */
  unsigned accepted, waits, submitted, completed;
  uint64_t last_ns; /* when the last call ended */
};

static bool is_any(const char *name, const char *const names[4]) {
  for (int i = 0; i < 4 && names[i]; i++)
    if (strcmp(name, names[i]) == 0)
      return true;
  return false;
}

static void hear(struct heard *heard, const char *name, ptrdiff_t result) {
  static const char *const receives[4] = {"recv", "recvfrom", "recvmsg"};
  static const char *const sends[4] = {"send", "sendto", "sendmsg"};
  if (result > 0 && is_any(name, receives))
    heard->received += (uint64_t)result;
  else if (result > 0 && is_any(name, sends))
    heard->sent += (uint64_t)result;
  else if (result >= 0 && strcmp(name, "accept") == 0)
    heard->accepted++;
}

static void on_system_call(void *arg, const char *name, int fd, ptrdiff_t result, uint64_t begun_ns,
                           uint64_t duration_ns) {
  struct heard *heard = arg;
  (void)fd;
  CHECK(begun_ns >= heard->last_ns); /* one after another */
  heard->last_ns = begun_ns + duration_ns;
  heard->waits += !is_any(name, (const char *const[4]){"recv", "send", "accept", "recvfrom"});
  hear(heard, name, result);
}

static void on_submitted(void *arg, const char *operation, int fd, size_t size) {
  struct heard *heard = arg;
  (void)operation, (void)size;
  CHECK(fd >= 0);
  heard->submitted++;
}

static void on_completed(void *arg, const char *operation, int fd, int result, bool more) {
  struct heard *heard = arg;
  (void)more;
  CHECK(fd >= 0);
  heard->completed++;
  hear(heard, operation, result);
}

static const struct ioloop_observer hooks = {.size = sizeof hooks,
                                             .system_call = on_system_call,
                                             .submitted = on_submitted,
                                             .completed = on_completed};

TEST(86, "an observer sees each byte of a stream, once, and the accept") {
  struct ioloop *loop = test_loop_new();
  struct heard heard = {0};
  struct echo echo;
  ioloop_set_observer(loop, &hooks, &heard);
  echo_open(&echo, loop, NULL);
  int client = client_connect(echo.port);
  for (int i = 0; i < 20; i++)
    ping(loop, client);
  CHECK_SYS(close(client));
  RUN_UNTIL(loop, echo.closed == 1);
  CHECK_IS(heard.accepted, ==, 1);
  CHECK_IS(heard.received, ==, 20);
  CHECK_IS(heard.sent, ==, 20);
  CHECK(!heard.submitted == !(ioloop_backend_features(loop) & IOLOOP_F_COMPLETION));
  if (strcmp(ioloop_backend_name(loop), "nonblocking") != 0) /* it makes no call to wait */
    CHECK_IS(heard.waits, >=, 20);
  echo_close(&echo);
  test_loop_free(loop);
}

TEST(86, "and of each datagram") {
  struct ioloop *loop = test_loop_new();
  struct heard heard = {0};
  struct udp_echo echo;
  char byte;
  ioloop_set_observer(loop, &hooks, &heard);
  udp_echo_open(&echo, loop);
  int client = udp_client(echo.port);
  for (int i = 0; i < 4; i++) { /* later ones may be made for many at once */
    client_send(client, "x", 1);
    CHECK_IS(receive_within(loop, client, &byte, 1), ==, 1);
  }
  CHECK_OK(ioloop_run_once(loop, 0)); /* the completion of a send may be reported late */
  CHECK_IS(heard.received, ==, 4);
  CHECK_IS(heard.sent, >=, 3);
  CHECK_IS(heard.sent, <=, 4);
  CHECK_SYS(close(client));
  ioloop_datagram_close(echo.socket);
  test_loop_free(loop);
}

TEST(86, "one that comes and goes in the middle disturbs no stream") {
  struct ioloop *loop = test_loop_new();
  struct heard heard = {0};
  struct echo echo;
  echo_open(&echo, loop, NULL);
  int clients[2] = {client_connect(echo.port)};
  ping(loop, clients[0]);
  ioloop_set_observer(loop, &hooks, &heard);
  clients[1] = client_connect(echo.port);
  for (int i = 0; i < 100; i++) {
    ping(loop, clients[i % 2]);
    ioloop_set_observer(loop, i % 3 ? &hooks : NULL, &heard);
  }
  ioloop_set_observer(loop, NULL, NULL);
  struct heard before = heard;
  ping(loop, clients[0]);
  ping(loop, clients[1]);
  CHECK(memcmp(&before, &heard, sizeof heard) == 0);
  CHECK_SYS(close(clients[0]));
  CHECK_SYS(close(clients[1]));
  RUN_UNTIL(loop, echo.closed == 2);
  echo_close(&echo);
  test_loop_free(loop);
}

TEST(86, "an observer set later sees the streams that exist") {
  struct ioloop *loop = test_loop_new();
  struct heard heard = {0};
  struct echo echo;
  echo_open(&echo, loop, NULL);
  int client = client_connect(echo.port);
  ping(loop, client);
  ioloop_set_observer(loop, &hooks, &heard);
  for (int i = 0; i < 4; i++)
    ping(loop, client);
  CHECK_IS(heard.sent, >=, 3); /* the completion of a send may be reported late */
  CHECK_IS(heard.sent, <=, 4);
  if (!(ioloop_backend_features(loop) & IOLOOP_F_COMPLETION)) /* by one that began before */
    CHECK_IS(heard.received, ==, 4);
  CHECK_SYS(close(client));
  RUN_UNTIL(loop, echo.closed == 1);
  echo_close(&echo);
  test_loop_free(loop);
}

TEST(86, "many streams under an observer: no byte lost, none reported twice") {
  enum {
    CLIENTS = 200
  };
  struct ioloop *loop = test_loop_new();
  struct heard heard = {0};
  struct echo echo;
  int clients[CLIENTS];
  ioloop_set_observer(loop, &hooks, &heard);
  echo_open(&echo, loop, NULL);
  for (int i = 0; i < CLIENTS; i++)
    clients[i] = client_connect(echo.port);
  for (int round = 0; round < 3; round++)
    for (int i = 0; i < CLIENTS; i++)
      ping(loop, clients[i]);
  for (int i = 0; i < CLIENTS; i++)
    CHECK_SYS(close(clients[i]));
  RUN_UNTIL(loop, echo.closed == CLIENTS);
  CHECK_IS(heard.accepted, ==, CLIENTS);
  CHECK_IS(heard.received, ==, 3 * CLIENTS);
  CHECK_IS(heard.sent, ==, 3 * CLIENTS);
  echo_close(&echo);
  test_loop_free(loop);
}
