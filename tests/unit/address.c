/* SPDX-License-Identifier: MIT */
/*
 * address.c - names, the order of their addresses, and a socket that is its own peer.
 */
#include "common/address.h"

#include <string.h>
#include <unistd.h>

#include "tap.h"

static struct address address_of(int family, unsigned number) {
  struct address address = address_from(NULL, 0);
  address.any.sa_family = (sa_family_t)family;
  address_set_port(&address, (uint16_t)number);
  return address;
}

/* The ports number the addresses in their original order. */
static void check_interleaved(const char *families, const char *expected) {
  struct address at[8];
  struct address_list list = {.at = at};
  for (const char *one = families; *one; one++, list.count++)
    at[list.count] = address_of(*one == '4' ? AF_INET : AF_INET6, (unsigned)list.count);
  address_interleave(&list);
  for (size_t i = 0; i < list.count; i++)
    CHECK_IS(address_port(&list.at[i]), ==, expected[i] - '0');
}

TEST(1, "the families come by turns, each in its own order") {
  check_interleaved("4", "0");
  check_interleaved("444", "012");
  check_interleaved("46", "01");
  check_interleaved("4466", "0213");
  check_interleaved("44446", "04123");
  check_interleaved("46666", "01234");
  check_interleaved("4446666", "0314256");
}

TEST(2, "localhost and * have one address of each family, whatever the resolver returns") {
  static const char *const names[] = {"localhost", "LocalHost", "*"};
  for (size_t i = 0; i < 3; i++) {
    struct address_list list;
    CHECK(!address_resolve(names[i], 4711, &list));
    CHECK_IS(list.count, ==, 2u);
    CHECK(list.named);
    CHECK_IS(list.at[0].any.sa_family, ==, AF_INET);
    CHECK_IS(list.at[1].any.sa_family, ==, AF_INET6);
    CHECK_IS(address_port(&list.at[1]), ==, 4711);
    address_list_free(&list);
    CHECK_IS(list.count, ==, 0u);
  }
}

TEST(3, "a literal is one address, and no name") {
  struct address_list list;
  CHECK(!address_resolve("127.0.0.1", 1, &list));
  CHECK_IS(list.count, ==, 1u);
  CHECK(!list.named);
  address_list_free(&list);
  CHECK(address_resolve("", 1, &list) != NULL);
}

TEST(4, "a socket that is its own peer is recognized") {
  struct address_list list;
  CHECK(!address_resolve("127.0.0.1", 0, &list));
  struct address own = list.at[0];
  socklen_t size = sizeof own;
  int fd = socket(AF_INET, SOCK_DGRAM, 0), other = socket(AF_INET, SOCK_DGRAM, 0);
  CHECK(bind(fd, &own.any, size) == 0 && getsockname(fd, &own.any, &size) == 0);
  CHECK(!address_same_ends(fd)); /* it has no peer */
  CHECK(connect(other, &own.any, size) == 0 && !address_same_ends(other));
  CHECK(connect(fd, &own.any, size) == 0 && address_same_ends(fd));
  close(fd);
  close(other);
  address_list_free(&list);
}

static struct address resolved(const char *host, uint16_t port) {
  struct address_list list;
  CHECK(!address_resolve(host, port, &list));
  struct address address = list.at[0];
  address_list_free(&list);
  return address;
}

TEST(5, "datagrams to one's own address come back, and no others") {
  const struct {
    const char *peer;
    uint16_t peer_port;
    const char *own;
    bool back;
  } cases[] = {{"127.0.0.1", 7, "127.0.0.1", true},    {"127.0.0.2", 7, "127.0.0.1", false},
               {"127.0.0.1", 8, "127.0.0.1", false},   {"127.0.0.1", 7, "0.0.0.0", true},
               {"127.9.9.9", 7, "0.0.0.0", true},      {"127.0.0.1", 8, "0.0.0.0", false},
               {"198.51.100.1", 7, "0.0.0.0", false},  {"::1", 7, "::1", true},
               {"2001:db8::1", 7, "::", false},        {"::1", 7, "127.0.0.1", false},
               {"2001:db8::1", 7, "2001:db8::1", true}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct address peer = resolved(cases[i].peer, cases[i].peer_port);
    struct address own = resolved(cases[i].own, 7);
    CHECK_IS(address_leads_back(&peer, &own), ==, cases[i].back);
  }
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
