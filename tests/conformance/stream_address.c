/* SPDX-License-Identifier: MIT */
/* stream_address.c - conformance 620: the addresses of both ends of a stream, and their text. */
#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "echo.h"

static void check_text(const struct ioloop_stream *stream, enum ioloop_stream_end end,
                       const char *expected) {
  struct sockaddr_storage address;
  socklen_t size;
  char text[IOSTREAM_ADDRESS_SIZE];
  CHECK_OK(ioloop_stream_address(stream, end, &address, &size));
  CHECK_IS(ioloop_stream_address_text((struct sockaddr *)&address, size, text), ==,
           strlen(expected));
  NOTE("%s, not %s", text, expected);
  CHECK(strcmp(text, expected) == 0);
}

static void on_end(struct ioloop_stream *stream, int error, void *arg) {
  struct sockaddr_storage address;
  socklen_t size;
  (void)error;
  CHECK_ERROR(ioloop_stream_address(stream, IOSTREAM_LOCAL, &address, &size), EPIPE);
  ++*(unsigned *)arg;
}

static uint16_t port_of(int fd) {
  struct sockaddr_in own;
  socklen_t size = sizeof own;
  CHECK_SYS(getsockname(fd, (struct sockaddr *)&own, &size));
  return ntohs(own.sin_port);
}

TEST(620, "a stream knows the addresses of both ends, until it is closed: TCP") {
  struct ioloop *loop = test_loop_new();
  struct ioloop_stream *stream;
  unsigned ends = 0;
  int pair[2];
  char local[IOSTREAM_ADDRESS_SIZE], peer[IOSTREAM_ADDRESS_SIZE];
  make_pair(TCP, pair);
  snprintf(local, sizeof local, "127.0.0.1:%u", (unsigned)port_of(pair[0]));
  snprintf(peer, sizeof peer, "127.0.0.1:%u", (unsigned)port_of(pair[1]));
  CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
  ioloop_stream_set_close_callback(stream, on_end, &ends);
  check_text(stream, IOSTREAM_LOCAL, local);
  check_text(stream, IOSTREAM_PEER, peer);
  ioloop_stream_close(stream);
  CHECK_IS(ends, ==, 1);
  CHECK_SYS(close(pair[1]));
  test_loop_free(loop);
}

TEST(620, "a stream knows the addresses of both ends: AF_UNIX without a name, a pipe") {
  struct ioloop *loop = test_loop_new();
  struct sockaddr_storage address;
  struct ioloop_stream *stream;
  socklen_t size;
  int pair[2];
  make_pair(UNIX_STREAM, pair);
  CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
  check_text(stream, IOSTREAM_LOCAL, "unix:");
  check_text(stream, IOSTREAM_PEER, "unix:");
  ioloop_stream_close(stream);
  CHECK_SYS(close(pair[1]));
  make_pair(PIPE, pair);
  CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
  CHECK_ERROR(ioloop_stream_address(stream, IOSTREAM_LOCAL, &address, &size), ENOTSOCK);
  ioloop_stream_close(stream);
  CHECK_SYS(close(pair[1]));
  test_loop_free(loop);
}

TEST(620, "a stream that is not connected has no peer's address") {
  struct ioloop *loop = test_loop_new();
  struct sockaddr_in refusing = loopback_address(1);
  struct sockaddr_storage address;
  struct ioloop_stream *stream;
  socklen_t size;
  unsigned ends = 0;
  CHECK_OK(ioloop_stream_connect(loop, (struct sockaddr *)&refusing, sizeof refusing, NULL, on_end,
                                 &ends, &stream));
  CHECK_ERROR(ioloop_stream_address(stream, IOSTREAM_PEER, &address, &size), ENOTCONN);
  RUN_UNTIL(loop, ends == 1);
  test_loop_free(loop);
}

static const char *text_of(const void *address, size_t size, char text[IOSTREAM_ADDRESS_SIZE]) {
  CHECK_IS(ioloop_stream_address_text(address, (socklen_t)size, text), ==, strlen(text));
  return text;
}

TEST(620, "the text of an address: each family, with a scope, a path, an abstract name") {
  char text[IOSTREAM_ADDRESS_SIZE];
  struct sockaddr_in v4 = loopback_address(8888);
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(8888)};
  struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "/run/socket"};
  struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0abstract"};
  struct sockaddr_un longest = {.sun_family = AF_UNIX};
  struct sockaddr other = {.sa_family = AF_UNSPEC};
  const size_t head = offsetof(struct sockaddr_un, sun_path);
  CHECK(strcmp(text_of(&v4, sizeof v4, text), "127.0.0.1:8888") == 0);
  v6.sin6_addr = in6addr_loopback;
  CHECK(strcmp(text_of(&v6, sizeof v6, text), "[::1]:8888") == 0);
  CHECK_IS(inet_pton(AF_INET6, "fe80::1", &v6.sin6_addr), ==, 1);
  v6.sin6_scope_id = 2;
  CHECK(strcmp(text_of(&v6, sizeof v6, text), "[fe80::1%2]:8888") == 0);
  CHECK(strcmp(text_of(&path, sizeof path, text), "unix:/run/socket") == 0);
  CHECK(strcmp(text_of(&path, head + 11, text), "unix:/run/socket") == 0); /* without its zero */
  CHECK(strcmp(text_of(&name, head + 9, text), "unix:@abstract") == 0);
  CHECK(strcmp(text_of(&name, head, text), "unix:") == 0);
  memset(longest.sun_path, 'x', sizeof longest.sun_path);
  CHECK_IS(strlen(text_of(&longest, sizeof longest, text)), ==, 5 + sizeof longest.sun_path);
  CHECK_ERROR(ioloop_stream_address_text(&other, sizeof other, text), EAFNOSUPPORT);
  CHECK_ERROR(ioloop_stream_address_text((struct sockaddr *)&v6, sizeof other, text), EAFNOSUPPORT);
}
