/* SPDX-License-Identifier: MIT */
/*
 * datagram_addresses.c - conformance 98: a datagram socket bound to all addresses answers from the
 * address that was used. A connected client accepts no other. All of 127.0.0.0/8 is this machine.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo.h"

static struct sockaddr_in v4(const char *host, uint16_t port) {
  struct sockaddr_in address = loopback_address(port);
  CHECK_IS(inet_pton(AF_INET, host, &address.sin_addr), ==, 1);
  return address;
}

static struct sockaddr_in6 v6(const char *host, uint16_t port) {
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  CHECK_IS(inet_pton(AF_INET6, host, &address.sin6_addr), ==, 1);
  return address;
}

static void need_second_loopback_address(void) {
  struct sockaddr_in second = v4("127.0.0.2", 0);
  int fd = SYS(socket(AF_INET, SOCK_DGRAM, 0));
  bool there = bind(fd, (struct sockaddr *)&second, sizeof second) == 0;
  CHECK_SYS(close(fd));
  if (!there)
    SKIP("127.0.0.2 is no address of this machine");
}

static void need_ipv6_loopback_address(void) {
  struct sockaddr_in6 one = v6("::1", 0);
  int fd = socket(AF_INET6, SOCK_DGRAM, 0);
  bool there = fd >= 0 && bind(fd, (struct sockaddr *)&one, sizeof one) == 0;
  if (fd >= 0)
    CHECK_SYS(close(fd));
  if (!there)
    SKIP("no IPv6");
}

struct answering {
  struct ioloop_datagram *socket;
  struct ioloop *loop;
  uint16_t port;
  unsigned received;
  bool later; /* the answer is sent after the callback has returned */
  struct sockaddr_storage local, peer;
  socklen_t local_size, peer_size;
  char data[70000];
  size_t size;
};

static void answer_later(struct ioloop *loop, void *arg) {
  struct answering *it = arg;
  struct sockaddr_storage none;
  socklen_t size;
  (void)loop;
  CHECK_ERROR(ioloop_datagram_local_address(it->socket, &none, &size), ENOENT);
  CHECK_OK(ioloop_datagram_send_from(it->socket, it->data, it->size, (struct sockaddr *)&it->peer,
                                     it->peer_size, (struct sockaddr *)&it->local, it->local_size));
}

static void on_question(struct ioloop_datagram *socket, const char *data, size_t size,
                        const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  struct answering *it = arg;
  it->received++;
  CHECK_OK(ioloop_datagram_local_address(socket, &it->local, &it->local_size));
  if (!it->later) {
    CHECK_OK(ioloop_datagram_send(socket, data, size, peer, peer_size));
    return;
  }
  memcpy(it->data, data, it->size = size);
  memcpy(&it->peer, peer, it->peer_size = peer_size);
  CHECK_OK(ioloop_add_callback(it->loop, answer_later, it));
}

static void answer_on(struct answering *it, struct ioloop *loop, int fd) {
  struct sockaddr_storage address;
  socklen_t size = sizeof address;
  it->loop = loop;
  CHECK_SYS(getsockname(fd, (struct sockaddr *)&address, &size));
  memcpy(&it->port,
         address.ss_family == AF_INET ? &((struct sockaddr_in *)(void *)&address)->sin_port
                                      : &((struct sockaddr_in6 *)(void *)&address)->sin6_port,
         sizeof it->port);
  it->port = ntohs(it->port);
  CHECK_OK(ioloop_datagram_new(loop, fd, on_question, NULL, it, &it->socket));
}

static void answer_on_all_v4(struct answering *it, struct ioloop *loop) {
  struct sockaddr_in any = {.sin_family = AF_INET};
  int fd = SYS(socket(AF_INET, SOCK_DGRAM, 0));
  CHECK_SYS(bind(fd, (struct sockaddr *)&any, sizeof any));
  answer_on(it, loop, fd);
}

static void answer_on_all_v6(struct answering *it, struct ioloop *loop) {
  struct sockaddr_in6 any = {.sin6_family = AF_INET6};
  int zero = 0, fd = socket(AF_INET6, SOCK_DGRAM, 0);
  if (fd < 0)
    SKIP("no IPv6");
  CHECK_SYS(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero));
  if (bind(fd, (struct sockaddr *)&any, sizeof any) < 0)
    SKIP("no IPv6");
  answer_on(it, loop, fd);
}

static int ask(const char *host, uint16_t port) {
  struct sockaddr_in address = v4(host, port);
  int fd = SYS(socket(AF_INET, SOCK_DGRAM, 0));
  set_nonblocking(fd);
  CHECK_SYS(connect(fd, (struct sockaddr *)&address, sizeof address));
  CHECK_IS(send(fd, host, strlen(host), 0), ==, strlen(host));
  return fd;
}

static void check_answer(struct ioloop *loop, int client, const char *host) {
  char back[100];
  CHECK_IS(receive_within(loop, client, back, sizeof back), ==, strlen(host));
  CHECK(memcmp(back, host, strlen(host)) == 0);
  CHECK_SYS(close(client));
}

static void check_local(const struct answering *it, const char *host) {
  char words[INET6_ADDRSTRLEN];
  const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&it->local;
  const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)&it->local;
  bool is_v4 = it->local.ss_family == AF_INET;
  CHECK_IS(ntohs(is_v4 ? in->sin_port : in6->sin6_port), ==, it->port);
  CHECK(inet_ntop(it->local.ss_family, is_v4 ? (const void *)&in->sin_addr : &in6->sin6_addr, words,
                  sizeof words));
  NOTE("%s", words);
  CHECK(strcmp(words, host) == 0);
}

TEST(98, "an answer leaves from the address that the request was sent to") {
  need_second_loopback_address();
  for (int later = 0; later < 2; later++) {
    struct ioloop *loop = test_loop_new();
    struct answering it = {.later = later};
    answer_on_all_v4(&it, loop);
    check_answer(loop, ask("127.0.0.2", it.port), "127.0.0.2");
    check_local(&it, "127.0.0.2");
    check_answer(loop, ask("127.0.0.1", it.port), "127.0.0.1");
    check_local(&it, "127.0.0.1");
    ioloop_datagram_close(it.socket);
    test_loop_free(loop);
  }
}

TEST(98, "and so do answers of a batch, and those to what a gate kept back") {
  enum {
    CLIENTS = 40
  };
  need_second_loopback_address();
  for (int gated = 0; gated < 2; gated++) {
    struct ioloop *loop = test_loop_new();
    struct answering it = {0};
    struct ioloop_gate *gate;
    int clients[CLIENTS];
    char hosts[CLIENTS][20];
    CHECK_OK(ioloop_gate_new(&gate));
    answer_on_all_v4(&it, loop);
    ioloop_datagram_set_gate(it.socket, gate);
    if (gated)
      ioloop_gate_close(gate);
    for (int i = 0; i < CLIENTS; i++) {
      snprintf(hosts[i], sizeof hosts[i], "127.0.0.%d", i + 1);
      clients[i] = ask(hosts[i], it.port);
    }
    run_turns(loop, 3);
    ioloop_gate_open(gate);
    for (int i = 0; i < CLIENTS; i++)
      check_answer(loop, clients[i], hosts[i]);
    ioloop_datagram_close(it.socket);
    ioloop_gate_free(gate);
    test_loop_free(loop);
  }
}

TEST(98, "a socket of both families answers from the address that the request was sent to") {
  need_second_loopback_address();
  need_ipv6_loopback_address();
  struct ioloop *loop = test_loop_new();
  struct answering it = {0};
  answer_on_all_v6(&it, loop);
  check_answer(loop, ask("127.0.0.2", it.port), "127.0.0.2");
  check_local(&it, "::ffff:127.0.0.2");
  struct sockaddr_in6 one = v6("::1", it.port);
  int client = SYS(socket(AF_INET6, SOCK_DGRAM, 0));
  set_nonblocking(client);
  CHECK_SYS(connect(client, (struct sockaddr *)&one, sizeof one));
  CHECK_IS(send(client, "::1", 3, 0), ==, 3);
  check_answer(loop, client, "::1");
  check_local(&it, "::1");
  ioloop_datagram_close(it.socket);
  test_loop_free(loop);
}

/* The kernel refuses a broadcast address as source. */
TEST(98, "a broadcast is answered, from an address that is no broadcast's") {
  need_second_loopback_address();
  for (int both = 0; both < 2; both++) {
    struct ioloop *loop = test_loop_new();
    struct answering it = {0};
    int one = 1, client = SYS(socket(AF_INET, SOCK_DGRAM, 0));
    char back[3];
    if (both)
      answer_on_all_v6(&it, loop);
    else
      answer_on_all_v4(&it, loop);
    struct sockaddr_in all = v4("127.255.255.255", it.port);
    set_nonblocking(client);
    CHECK_SYS(setsockopt(client, SOL_SOCKET, SO_BROADCAST, &one, sizeof one));
    if (sendto(client, "all", 3, 0, (struct sockaddr *)&all, sizeof all) < 0)
      SKIP("no broadcast on the loopback interface");
    CHECK_IS(receive_within(loop, client, back, 3), ==, 3);
    check_local(&it, both ? "::ffff:127.0.0.1" : "127.0.0.1");
    ioloop_datagram_close(it.socket);
    CHECK_SYS(close(client));
    test_loop_free(loop);
  }
}

TEST(98, "a socket of one address reports it; nothing leaves from an address that is not ours") {
  struct ioloop *loop = test_loop_new();
  struct answering it = {0};
  struct ioloop_datagram_metrics metrics;
  struct sockaddr_in address = loopback_address(0), far = v4("192.0.2.1", 0);
  int fd = SYS(socket(AF_INET, SOCK_DGRAM, 0));
  CHECK_SYS(bind(fd, (struct sockaddr *)&address, sizeof address));
  answer_on(&it, loop, fd);
  check_answer(loop, ask("127.0.0.1", it.port), "127.0.0.1");
  check_local(&it, "127.0.0.1");
  struct sockaddr_in self = loopback_address(it.port);
  CHECK_ERROR(ioloop_datagram_send_from(it.socket, "x", 1, (struct sockaddr *)&self, sizeof self,
                                        (struct sockaddr *)&far, 3),
              EINVAL);
  CHECK_OK(ioloop_datagram_send_from(it.socket, "x", 1, (struct sockaddr *)&self, sizeof self,
                                     (struct sockaddr *)&far, sizeof far));
  run_turns(loop, 20); /* it is retried, in case the error is that of another datagram */
  ioloop_datagram_get_metrics(it.socket, &metrics, sizeof metrics);
  CHECK_IS(metrics.send_dropped, ==, 1);
  CHECK_IS(metrics.errors, >=, 1);
  CHECK_IS(it.received, ==, 1);
  ioloop_datagram_close(it.socket);
  test_loop_free(loop);
}

TEST(99, "the longest datagram of IPv6 is echoed, and a longer one refused") {
  enum {
    LONGEST = 65527
  };
  static char data[LONGEST + 1];
  need_ipv6_loopback_address();
  struct ioloop *loop = test_loop_new();
  struct answering it = {0};
  answer_on_all_v6(&it, loop);
  struct sockaddr_in6 one = v6("::1", it.port);
  int client = SYS(socket(AF_INET6, SOCK_DGRAM, 0));
  set_buffers(client, 1 << 20);
  set_buffers(ioloop_datagram_fd(it.socket), 1 << 20);
  set_nonblocking(client);
  CHECK_SYS(connect(client, (struct sockaddr *)&one, sizeof one));
  for (size_t size = 65507; size <= LONGEST; size += 10) {
    fill_pattern(data, size, size);
    CHECK_IS(send(client, data, size, 0), ==, size);
    CHECK_IS(receive_within(loop, client, data, sizeof data), ==, size);
    check_pattern(data, size, size);
  }
  CHECK_ERROR(
      ioloop_datagram_send(it.socket, data, LONGEST + 1, (struct sockaddr *)&one, sizeof one),
      EMSGSIZE);
  ioloop_datagram_close(it.socket);
  CHECK_SYS(close(client));
  test_loop_free(loop);
}
