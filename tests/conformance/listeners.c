/* SPDX-License-Identifier: MIT */
/*
 * listeners.c - conformance 100, 101, 107 and 108: sockets that were made elsewhere and may be in
 * use there, how their state changes, and the files of AF_UNIX ones.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "echo.h"

/* ---- flags ------------------------------------------------------------------------------ */

static bool is_nonblocking(int fd) {
  return SYS(fcntl(fd, F_GETFL)) & O_NONBLOCK;
}

static void set_blocking(int fd) {
  CHECK_SYS(fcntl(fd, F_SETFL, SYS(fcntl(fd, F_GETFL)) & ~O_NONBLOCK));
}

static void hello(struct ioloop_tcpserver *server, struct ioloop_stream *stream,
                  const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  (void)server, (void)peer, (void)peer_size;
  ++*(unsigned *)arg;
  CHECK_OK(ioloop_stream_write(stream, "hello", 5));
  ioloop_stream_close_when_sent(stream);
}

TEST(100, "a listener that was made elsewhere is served, and O_NONBLOCK never taken off it") {
  for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
    struct ioloop *loop = test_loop_new();
    struct ioloop_tcpserver *server;
    unsigned opened = 0;
    struct ioloop_tcpserver_options options = {
        .size = sizeof options, .on_connection = hello, .arg = &opened};
    int listener;
    uint16_t port;
    make_tcp_listener(&listener, &port);
    if (nonblocking)
      set_nonblocking(listener);
    else
      set_blocking(listener);
    int elsewhere = SYS(dup(listener));
    CHECK_OK(ioloop_tcpserver_new(loop, &options, &server));
    CHECK_OK(ioloop_tcpserver_add_socket(server, listener));
    for (unsigned i = 1; i <= 3; i++) {
      char back[5];
      int client = client_connect(port);
      RUN_UNTIL(loop, opened == i);
      RUN_UNTIL(loop, recv(client, back, 5, MSG_DONTWAIT) == 5);
      CHECK(!nonblocking || is_nonblocking(elsewhere));
      CHECK_SYS(close(client));
    }
    ioloop_tcpserver_stop(server);
    CHECK(!nonblocking || is_nonblocking(elsewhere));
    ioloop_tcpserver_close(server);
    CHECK_SYS(close(elsewhere));
    test_loop_free(loop);
  }
}

static void on_one(struct ioloop_datagram *socket, const char *data, size_t size,
                   const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  ++*(unsigned *)arg;
  CHECK_OK(ioloop_datagram_send(socket, data, size, peer, peer_size));
}

TEST(100, "and so is a datagram socket") {
  for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
    struct ioloop *loop = test_loop_new();
    struct ioloop_datagram *socket;
    unsigned received = 0;
    int pair[2];
    make_pair(UDP, pair);
    if (!nonblocking)
      set_blocking(pair[0]);
    int elsewhere = SYS(dup(pair[0]));
    CHECK_OK(ioloop_datagram_new(loop, pair[0], on_one, NULL, &received, &socket));
    for (unsigned i = 1; i <= 3; i++) {
      CHECK_IS(send(pair[1], "x", 1, 0), ==, 1);
      RUN_UNTIL(loop, received == i);
      CHECK(!nonblocking || is_nonblocking(elsewhere));
    }
    CHECK_IS(ioloop_datagram_drain(socket, 100), ==, 0);
    ioloop_datagram_close(socket);
    CHECK(!nonblocking || is_nonblocking(elsewhere));
    CHECK_SYS(close(elsewhere));
    CHECK_SYS(close(pair[1]));
    test_loop_free(loop);
  }
}

/* ---- a listener that stops listening ----------------------------------------------------- */

static void count_trouble(struct ioloop_tcpserver *server, int error, void *arg) {
  (void)server;
  CHECK_IS(error, ==, -EINVAL);
  ++((unsigned *)arg)[1];
}

TEST(107, "a listener that another process shuts down is reported once, and the others go on") {
  for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
    struct ioloop *loop = test_loop_new();
    struct ioloop_tcpserver *server;
    unsigned counts[2] = {0};
    struct ioloop_tcpserver_options options = {
        .size = sizeof options, .on_connection = hello, .on_trouble = count_trouble, .arg = counts};
    int listeners[2];
    uint16_t ports[2];
    CHECK_OK(ioloop_tcpserver_new(loop, &options, &server));
    for (int i = 0; i < 2; i++) {
      make_tcp_listener(&listeners[i], &ports[i]);
      if (nonblocking)
        set_nonblocking(listeners[i]);
      else
        set_blocking(listeners[i]);
      CHECK_OK(ioloop_tcpserver_add_socket(server, listeners[i]));
    }
    run_turns(loop, 3);
    if (shutdown(listeners[0], SHUT_RDWR) < 0) { /* BSD: ENOTCONN */
      ioloop_tcpserver_close(server);
      test_loop_free(loop);
      SKIP("the system shuts no listener down");
    }
    run_turns(loop, 3);
    for (unsigned i = 1; i <= 4; i++) {
      int client = client_connect(ports[1]);
      RUN_UNTIL(loop, counts[0] == i);
      CHECK_SYS(close(client));
    }
    CHECK_IS(counts[1], <=, 1); /* the kernel sends no signal for it */
    RUN_UNTIL(loop, ioloop_tcpserver_connections(server) == 0);
    run_turns(loop, 3);
    CHECK_QUIET(loop, MS(120));
    ioloop_tcpserver_close(server);
    test_loop_free(loop);
  }
}

/* ---- AF_UNIX ---------------------------------------------------------------------------- */

struct place {
  char directory[64];
  struct sockaddr_un address;
};

static void make_place(struct place *place) {
  *place = (struct place){.directory = P_tmpdir "/ioloop-XXXXXX", .address.sun_family = AF_UNIX};
  CHECK(mkdtemp(place->directory));
  snprintf(place->address.sun_path, sizeof place->address.sun_path, "%s/socket", place->directory);
}

static bool is_there(const struct place *place) {
  return access(place->address.sun_path, F_OK) == 0;
}

static int listen_at(struct place *place, struct ioloop *loop, bool replace, unsigned *opened,
                     struct ioloop_tcpserver **ret) {
  struct ioloop_tcpserver_options options = {
      .size = sizeof options, .on_connection = hello, .arg = opened, .replace_stale_file = replace};
  CHECK_OK(ioloop_tcpserver_new(loop, &options, ret));
  return ioloop_tcpserver_listen(*ret, (struct sockaddr *)&place->address, sizeof place->address);
}

static void check_serves(struct place *place, struct ioloop *loop, unsigned *opened) {
  unsigned before = *opened;
  char back[5];
  int client = SYS(socket(AF_UNIX, SOCK_STREAM, 0));
  CHECK_SYS(connect(client, (struct sockaddr *)&place->address, sizeof place->address));
  RUN_UNTIL(loop, *opened > before); /* a probe of another server may arrive first */
  RUN_UNTIL(loop, recv(client, back, 5, MSG_DONTWAIT) == 5);
  CHECK_SYS(close(client));
}

/* As a killed server leaves it. */
static void leave_stale_file(const struct place *place) {
  int fd = SYS(socket(AF_UNIX, SOCK_STREAM, 0));
  CHECK_SYS(bind(fd, (const struct sockaddr *)&place->address, sizeof place->address));
  CHECK_SYS(close(fd));
}

TEST(101,
     "the file of a server's socket is removed with it, and a stale one is replaced on request") {
  struct ioloop *loop = test_loop_new();
  struct ioloop_tcpserver *server, *second;
  struct place place;
  unsigned opened = 0;
  make_place(&place);
  leave_stale_file(&place);
  CHECK_ERROR(listen_at(&place, loop, false, &opened, &server), EADDRINUSE);
  ioloop_tcpserver_close(server);
  CHECK(is_there(&place));
  CHECK_OK(listen_at(&place, loop, true, &opened, &server));
  check_serves(&place, loop, &opened);
  CHECK_ERROR(listen_at(&place, loop, true, &opened, &second),
              EADDRINUSE); /* that of a running server is not */
  ioloop_tcpserver_close(second);
  check_serves(&place, loop, &opened);
  ioloop_tcpserver_close(server);
  CHECK(!is_there(&place));
  CHECK_SYS(rmdir(place.directory));
  test_loop_free(loop);
}

TEST(101, "a file that is no socket, or has become another server's, stays") {
  struct ioloop *loop = test_loop_new();
  struct ioloop_tcpserver *server, *second;
  struct place place;
  unsigned opened = 0;
  make_place(&place);
  CHECK_SYS(close(SYS(open(place.address.sun_path, O_CREAT | O_WRONLY, 0600))));
  CHECK_ERROR(listen_at(&place, loop, true, &opened, &server), EADDRINUSE);
  ioloop_tcpserver_close(server);
  CHECK_SYS(unlink(place.address.sun_path));
  CHECK_OK(listen_at(&place, loop, true, &opened, &server));
  CHECK_SYS(unlink(place.address.sun_path));
  CHECK_OK(listen_at(&place, loop, true, &opened, &second));
  ioloop_tcpserver_close(server);
  CHECK(is_there(&place));
  check_serves(&place, loop, &opened);
  ioloop_tcpserver_close(second);
  CHECK(!is_there(&place));
  CHECK_SYS(rmdir(place.directory));
  test_loop_free(loop);
}

static void close_server(void *server) {
  ioloop_tcpserver_close(server);
}

TEST(101, "nor does a forked child remove its parent's") {
  struct ioloop *loop = test_loop_new();
  struct ioloop_tcpserver *server;
  struct place place;
  unsigned opened = 0;
  make_place(&place);
  CHECK_OK(listen_at(&place, loop, false, &opened, &server));
  wait_child(fork_child(close_server, server));
  CHECK(is_there(&place));
  ioloop_tcpserver_close(server);
  CHECK(!is_there(&place));
  CHECK_SYS(rmdir(place.directory));
  test_loop_free(loop);
}

static void no_datagram(struct ioloop_datagram *socket, const char *data, size_t size,
                        const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  (void)socket, (void)data, (void)size, (void)peer, (void)peer_size, (void)arg;
}

static int bind_at(struct place *place, struct ioloop *loop, struct ioloop_datagram **ret) {
  return ioloop_datagram_bind(loop, (struct sockaddr *)&place->address, sizeof place->address,
                              no_datagram, NULL, NULL, ret);
}

static void close_datagram(void *socket) {
  ioloop_datagram_close(socket);
}

TEST(108, "the file of a datagram socket goes with it, if it is still that, and not in a child") {
  struct ioloop *loop = test_loop_new();
  struct ioloop_datagram *socket, *second;
  struct place place;
  make_place(&place);
  CHECK_OK(bind_at(&place, loop, &socket));
  CHECK_ERROR(bind_at(&place, loop, &second), EADDRINUSE);
  CHECK(is_there(&place));
  wait_child(fork_child(close_datagram, socket));
  CHECK(is_there(&place));
  CHECK_SYS(unlink(place.address.sun_path));
  CHECK_OK(bind_at(&place, loop, &second));
  ioloop_datagram_close(socket);
  CHECK(is_there(&place));
  ioloop_datagram_close(second);
  CHECK(!is_there(&place));
  CHECK_SYS(rmdir(place.directory));
  test_loop_free(loop);
}

TEST(108, "the file of a socket goes with it when the program is in another directory") {
  struct ioloop *loop = test_loop_new();
  struct ioloop_tcpserver *server;
  struct ioloop_datagram *socket;
  struct place place, relative = {.address = {.sun_family = AF_UNIX, .sun_path = "socket"}};
  unsigned opened = 0;
  int before = SYS(open(".", O_RDONLY));
  make_place(&place);
  CHECK_SYS(chdir(place.directory));
  CHECK_OK(listen_at(&relative, loop, false, &opened, &server));
  CHECK_SYS(chdir("/"));
  CHECK(is_there(&place));
  ioloop_tcpserver_close(server);
  CHECK(!is_there(&place));
  CHECK_SYS(chdir(place.directory));
  CHECK_OK(bind_at(&relative, loop, &socket));
  CHECK_SYS(chdir("/"));
  ioloop_datagram_close(socket);
  CHECK(!is_there(&place));
  CHECK_SYS(rmdir(place.directory));
  CHECK_SYS(fchdir(before));
  CHECK_SYS(close(before));
  test_loop_free(loop);
}
