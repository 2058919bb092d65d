/* SPDX-License-Identifier: MIT */
/*
 * stream_names.c - conformance 630 to 632: connecting to a name, and listening. The names are this
 * file's, as those of the system differ: getaddrinfo is replaced, for the library as well.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "echo.h"

static struct {
  int error; /* of getaddrinfo */
  int count;
  struct sockaddr_in addresses[4];
  bool numeric; /* "host" is an address */
  unsigned lookups;
  int gate[2];  /* getaddrinfo waits until something is written there; 0: it does not */
  int freed[2]; /* a byte for each freeaddrinfo; 0: none */
} names;

int getaddrinfo(const char *restrict host, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict ret) {
  char byte;
  (void)host, (void)service;
  if (hints->ai_flags & AI_NUMERICHOST && !names.numeric)
    return EAI_NONAME;
  names.lookups++;
  if (names.gate[0])
    CHECK_IS(read(names.gate[0], &byte, 1), ==, 1);
  if (names.error)
    return names.error;
  struct addrinfo *list = calloc((size_t)names.count, sizeof *list);
  for (int i = 0; i < names.count; i++)
    list[i] = (struct addrinfo){.ai_family = AF_INET,
                                .ai_socktype = SOCK_STREAM,
                                .ai_addr = (struct sockaddr *)&names.addresses[i],
                                .ai_addrlen = sizeof names.addresses[i],
                                .ai_next = i + 1 < names.count ? &list[i + 1] : NULL};
  *ret = list;
  return 0;
}

void freeaddrinfo(struct addrinfo *list) {
  free(list);
  if (names.freed[1])
    CHECK_IS(write(names.freed[1], "x", 1), ==, 1);
}

struct caller {
  struct ioloop_stream *stream;
  unsigned connected, closed;
  size_t received;
  int error;
};

static void on_answer(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  (void)stream, (void)data;
  ((struct caller *)arg)->received += size;
}

static void on_connected(struct ioloop_stream *stream, void *arg) {
  struct caller *caller = arg;
  CHECK(stream == caller->stream);
  CHECK_IS(ioloop_stream_fd(stream), >=, 0);
  caller->connected++;
  CHECK_OK(ioloop_stream_read(stream, on_answer, caller));
}

static void on_caller_closed(struct ioloop_stream *stream, int error, void *arg) {
  struct caller *caller = arg;
  (void)stream;
  caller->stream = NULL;
  caller->error = error;
  caller->closed++;
}

static void call(struct caller *caller, struct ioloop *loop) {
  *caller = (struct caller){0};
  CHECK_OK(ioloop_stream_connect_name(loop, "host", "service", on_connected, on_caller_closed,
                                      caller, &caller->stream));
  CHECK_IS(ioloop_stream_fd(caller->stream), ==, -1);
  CHECK_ERROR(ioloop_stream_set_nodelay(caller->stream, true), ENOTCONN);
  CHECK_OK(ioloop_stream_write(caller->stream, "early", 5));
}

TEST(630, "a name: the first address that accepts, what was written before is sent") {
  struct ioloop *loop = test_loop_new();
  struct caller caller;
  struct echo echo;
  echo_open(&echo, loop, NULL);
  for (int count = 1; count <= 3; count++) {
    names.count = count;
    for (int i = 0; i < count; i++)
      names.addresses[i] = loopback_address(i + 1 < count ? 1 : echo.port);
    call(&caller, loop);
    RUN_UNTIL(loop, caller.received == 5);
    CHECK_IS(caller.connected, ==, 1);
    CHECK_OK(ioloop_stream_write(caller.stream, "late", 4));
    RUN_UNTIL(loop, caller.received == 9);
    ioloop_stream_close(caller.stream);
    CHECK_IS(caller.error, ==, 0);
  }
  RUN_UNTIL(loop, echo.closed == 3);
  echo_close(&echo);
  test_loop_free(loop);
}

TEST(630, "a name: without an address that accepts, or without any, there is the error") {
  static const struct {
    int name_error, error;
  } cases[] = {{0, -ECONNREFUSED},
               {EAI_NONAME, -ENOENT},
               {EAI_AGAIN, -EAGAIN},
               {EAI_MEMORY, -ENOMEM},
               {EAI_FAIL, -EIO}};
  struct ioloop *loop = test_loop_new();
  struct caller caller;
  names.count = 2;
  names.addresses[0] = names.addresses[1] = loopback_address(1);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    names.error = cases[i].name_error;
    call(&caller, loop);
    RUN_UNTIL(loop, caller.closed);
    CHECK_IS(caller.error, ==, cases[i].error);
    CHECK_IS(caller.connected, ==, 0);
  }
  test_loop_free(loop);
}

TEST(630, "an address instead of a name needs no lookup by a thread; it may be refused") {
  struct ioloop *loop = test_loop_new();
  struct caller caller;
  struct echo echo;
  echo_open(&echo, loop, NULL);
  names.numeric = true;
  names.count = 1;
  for (unsigned refused = 0; refused < 2; refused++) {
    names.lookups = 0;
    names.addresses[0] = loopback_address(refused ? 1 : echo.port);
    call(&caller, loop);
    CHECK_IS(names.lookups, ==, 1);
    CHECK_IS(caller.closed, ==, 0);
    RUN_UNTIL(loop, refused ? caller.closed == 1 : caller.received == 5);
    CHECK_IS(names.lookups, ==, 1);
    CHECK_IS(caller.error, ==, refused ? -ECONNREFUSED : 0);
    if (caller.stream)
      ioloop_stream_close(caller.stream);
  }
  call(&caller, loop);
  ioloop_stream_close(caller.stream); /* during its attempt */
  CHECK_IS(caller.closed, ==, 1);
  names.numeric = false;
  RUN_UNTIL(loop, echo.closed == 1);
  echo_close(&echo);
  test_loop_free(loop);
}

TEST(630, "a name: an address that does not answer is not waited for longer than 250 ms") {
  struct ioloop *loop = test_loop_new();
  struct caller caller;
  struct echo echo;
  uint16_t port;
  int silent, others[8];
  echo_open(&echo, loop, NULL);
  make_tcp_listener(&silent, &port);
  CHECK_SYS(listen(silent, 0));
  for (int i = 0; i < 8; i++) /* its backlog is full */
    others[i] = connect_tcp(port);
  names.count = 2;
  names.addresses[0] = loopback_address(port);
  names.addresses[1] = loopback_address(echo.port);
  uint64_t begun = tap_now();
  call(&caller, loop);
  RUN_UNTIL(loop, caller.received == 5);
  CHECK_IS(tap_now() - begun, >=, MS(250));
  CHECK_IS(caller.connected, ==, 1);
  ioloop_stream_close(caller.stream);
  RUN_UNTIL(loop, echo.closed == 1);
  for (int i = 0; i < 8; i++)
    CHECK_SYS(close(others[i]));
  CHECK_SYS(close(silent));
  echo_close(&echo);
  test_loop_free(loop);
}

/* ---- 631: closing before it is connected ------------------------------------------------------ */

TEST(631, "a stream that is closed during the lookup leaves a thread that touches nothing") {
  char byte;
  CHECK_SYS(pipe(names.gate));
  CHECK_SYS(pipe(names.freed));
  names.count = 1;
  names.addresses[0] = loopback_address(1);
  for (int when_sent = 0; when_sent < 2; when_sent++) {
    struct ioloop *loop = test_loop_new();
    struct caller caller;
    call(&caller, loop);
    run_turns(loop, 3);
    if (when_sent) {
      ioloop_stream_close_when_sent(caller.stream); /* waits for the connection */
      run_turns(loop, 3);
      CHECK_IS(caller.closed, ==, 0);
    }
    ioloop_stream_close(caller.stream);
    CHECK_IS(caller.closed, ==, 1);
    CHECK_IS(caller.error, ==, 0);
    test_loop_free(loop);
    CHECK_IS(write(names.gate[1], "x", 1), ==, 1); /* only now is it found */
    CHECK_IS(read(names.freed[0], &byte, 1), ==, 1);
  }
  close_pair(names.gate);
  close_pair(names.freed);
}

TEST(631, "a forked child closes its copy during the lookup, and the parent is connected") {
  struct ioloop *loop = test_loop_new();
  struct caller caller;
  struct echo echo;
  echo_open(&echo, loop, NULL);
  CHECK_SYS(pipe(names.gate));
  names.count = 1;
  names.addresses[0] = loopback_address(echo.port);
  call(&caller, loop);
  pid_t child = fork();
  CHECK_SYS(child);
  if (child == 0) {
    ioloop_stream_close(caller.stream);
    CHECK_IS(caller.error, ==, -ECHILD);
    CHECK_OK(ioloop_free(loop));
    _exit(0);
  }
  wait_child(child);
  CHECK_IS(write(names.gate[1], "x", 1), ==, 1);
  RUN_UNTIL(loop, caller.received == 5);
  ioloop_stream_close(caller.stream);
  RUN_UNTIL(loop, echo.closed == 1);
  echo_close(&echo);
  close_pair(names.gate);
  test_loop_free(loop);
}

/* ---- 632: listening --------------------------------------------------------------------------- */

static void on_accepted(struct ioloop_tcpserver *server, int fd, const struct sockaddr *peer,
                        socklen_t size, void *arg) {
  (void)peer, (void)size;
  ++*(unsigned *)arg;
  CHECK_SYS(close(fd));
  ioloop_tcpserver_release(server);
}

TEST(632, "a server listens on a name's addresses, or on a path, to which a stream connects") {
  struct ioloop *loop = test_loop_new();
  struct ioloop_tcpserver *server;
  struct sockaddr_storage address;
  struct caller caller = {0};
  socklen_t size;
  char path[100], text[IOSTREAM_ADDRESS_SIZE];
  unsigned accepted = 0;
  struct ioloop_tcpserver_options options = {
      .size = sizeof options, .on_accepted = on_accepted, .arg = &accepted};
  CHECK_OK(ioloop_tcpserver_new(loop, &options, &server));
  names.error = EAI_NONAME;
  CHECK_ERROR(ioloop_tcpserver_listen_name(server, "host", "0"), ENOENT);
  names.error = 0;
  names.count = 2;
  names.addresses[0] = names.addresses[1] = loopback_address(0);
  CHECK_OK(ioloop_tcpserver_listen_name(server, "host", "0"));
  snprintf(path, sizeof path, "unix:" P_tmpdir "/ioloop-names-%d", (int)getpid());
  CHECK_OK(ioloop_tcpserver_listen_name(server, path, NULL));
  CHECK_ERROR(ioloop_tcpserver_listen_name(server, "unix:", NULL), EINVAL);
  CHECK_ERROR(ioloop_tcpserver_listen_name(server, "host", "65536"), EINVAL);
  CHECK_ERROR(ioloop_stream_connect_name(loop, "host", "99999", on_connected, on_caller_closed,
                                         &caller, &caller.stream),
              EINVAL);
  CHECK_ERROR(ioloop_stream_connect_name(loop, NULL, "80", on_connected, on_caller_closed, &caller,
                                         &caller.stream),
              EINVAL);
  CHECK_ERROR(ioloop_stream_connect_name(loop, "host", NULL, on_connected, on_caller_closed,
                                         &caller, &caller.stream),
              EINVAL);
  CHECK_OK(ioloop_tcpserver_address(server, 2, &address, &size));
  CHECK_OK(ioloop_stream_address_text((struct sockaddr *)&address, size, text));
  CHECK(strcmp(text, path) == 0);
  CHECK_ERROR(ioloop_tcpserver_address(server, 3, &address, &size), ENOENT);
  CHECK_OK(ioloop_stream_connect_name(loop, path, NULL, on_connected, on_caller_closed, &caller,
                                      &caller.stream));
  RUN_UNTIL(loop, caller.connected == 1 && accepted == 1);
  if (caller.stream)
    ioloop_stream_close(caller.stream);
  ioloop_tcpserver_close(server);
  test_loop_free(loop);
}
