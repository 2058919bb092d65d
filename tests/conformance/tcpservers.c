/* SPDX-License-Identifier: MIT */
/* tcpservers.c - 78: limits, idle timeouts, and the ends of servers. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo.h"

TEST(78, "at the limit of connections the next one waits in the backlog") {
  struct ioloop_tcpserver_options options = {.size = sizeof options, .max_connections = 2};
  struct ioloop *loop = test_loop_new();
  struct echo echo;
  int clients[5];
  echo_open(&echo, loop, &options);
  for (int i = 0; i < 5; i++)
    clients[i] = client_connect(echo.port);
  ping(loop, clients[0]);
  ping(loop, clients[1]);
  CHECK_QUIET(loop, MS(50));
  CHECK_IS(ioloop_tcpserver_connections(echo.server), ==, 2);
  for (int i = 0; i < 5; i++) {
    ping(loop, clients[i]);
    CHECK_IS(ioloop_tcpserver_connections(echo.server), <=, 2);
    CHECK_SYS(close(clients[i]));
  }
  RUN_UNTIL(loop, echo.closed == 5);
  echo_close(&echo);
  test_loop_free(loop);
}

TEST(78, "connections without traffic are closed, never early; those with traffic are not") {
  const uint64_t limit = MS(300) * tap_scale(); /* longer than a stall of a busy machine */
  struct ioloop_tcpserver_options options = {.size = sizeof options, .idle_timeout_ns = limit};
  struct ioloop *loop = test_loop_new();
  struct echo echo;
  char byte;
  echo_open(&echo, loop, &options);
  int idle = client_connect(echo.port), busy = client_connect(echo.port);
  uint64_t begun = tap_now();
  ping(loop, idle); /* its last traffic, which is after `begun` */
  while (!echo.closed) {
    CHECK_IS(tap_now() - begun, <, SECONDS(5) * tap_scale());
    ping(loop, busy);
    CHECK_OK(ioloop_run_once(loop, MS(1)));
  }
  CHECK_IS(tap_now() - begun, >=, limit);
  CHECK_IS(echo.error, ==, -ETIMEDOUT);
  CHECK_IS(recv(idle, &byte, 1, 0), ==, 0);
  ping(loop, busy);
  begun = tap_now();
  RUN_UNTIL(loop, echo.closed == 2); /* and then it is idle, too */
  CHECK_IS(echo.error, ==, -ETIMEDOUT);
  CHECK_SYS(close(idle));
  CHECK_SYS(close(busy));
  CHECK_QUIET(loop, limit + MS(20)); /* with no connection to watch there is no timer */
  echo_close(&echo);
  test_loop_free(loop);
}

TEST(78, "a stopped server has accepted its backlog, refuses more, and serves on") {
  struct ioloop *loop = test_loop_new();
  struct echo echo;
  int clients[20];
  echo_open(&echo, loop, NULL);
  uint16_t port = echo.port;
  for (int i = 0; i < 20; i++) {
    clients[i] = client_connect(port);
    client_send(clients[i], "last words", 10);
  }
  ioloop_tcpserver_stop(echo.server);
  CHECK_IS(echo.opened, ==, 20);
  struct sockaddr_in address = loopback_address(port);
  int late = SYS(socket(AF_INET, SOCK_STREAM, 0));
  CHECK(connect(late, (struct sockaddr *)&address, sizeof address) < 0 && errno == ECONNREFUSED);
  CHECK_SYS(close(late));
  for (int i = 0; i < 20; i++) {
    char back[10];
    RUN_UNTIL(loop, recv(clients[i], back, 10, MSG_DONTWAIT | MSG_PEEK) == 10);
    CHECK_SYS(close(clients[i]));
  }
  RUN_UNTIL(loop, echo.closed == 20);
  struct sockaddr_storage none;
  socklen_t size;
  CHECK_ERROR(ioloop_tcpserver_address(echo.server, 0, &none, &size), ENOENT);
  CHECK_ERROR(ioloop_tcpserver_listen(echo.server, (struct sockaddr *)&address, sizeof address),
              EINVAL);
  echo_close(&echo);
  test_loop_free(loop);
}

TEST(78, "a stopped server has accepted its whole backlog, whatever its option says") {
  enum {
    WAITING = 20
  };
  struct ioloop_tcpserver_options options = {.size = sizeof options, .backlog = 1};
  struct ioloop *loop = test_loop_new();
  struct echo echo;
  int listener, clients[WAITING];
  uint16_t port;
  echo_open(&echo, loop, &options);
  make_tcp_listener(&listener, &port); /* its own is longer */
  CHECK_OK(ioloop_tcpserver_add_socket(echo.server, listener));
  for (int i = 0; i < WAITING; i++)
    clients[i] = client_connect(port);
  ioloop_tcpserver_stop(echo.server);
  CHECK_IS(ioloop_tcpserver_connections(echo.server), ==, WAITING);
  for (int i = 0; i < WAITING; i++) {
    ping(loop, clients[i]);
    CHECK_SYS(close(clients[i]));
  }
  echo_close(&echo);
  test_loop_free(loop);
}

struct visitor {
  struct ioloop_tcpserver *server;
  unsigned visited, close_every;
  struct ioloop_stream *streams[50];
  size_t opened, closed;
  bool stop_inside, close_inside;
};

static void on_visited(struct ioloop_stream *stream, void *arg) {
  struct visitor *visitor = arg;
  visitor->visited++;
  if (visitor->close_every && visitor->visited % visitor->close_every == 0)
    ioloop_stream_close(stream);
}

static void close_other(struct ioloop_stream *stream, void *arg) {
  struct visitor *visitor = arg;
  visitor->visited++;
  for (size_t i = 0; i < visitor->opened; i++)
    if (visitor->streams[i] && visitor->streams[i] != stream) {
      ioloop_stream_close(visitor->streams[i]);
      return;
    }
}

static void close_server(struct ioloop_stream *stream, void *arg) {
  struct visitor *visitor = arg;
  (void)stream;
  visitor->visited++;
  ioloop_tcpserver_close(visitor->server);
}

static void on_visitor_closed(struct ioloop_stream *stream, int error, void *arg) {
  struct visitor *visitor = arg;
  (void)error;
  visitor->closed++;
  for (size_t i = 0; i < visitor->opened; i++)
    if (visitor->streams[i] == stream)
      visitor->streams[i] = NULL;
}

static void on_visitor(struct ioloop_tcpserver *server, struct ioloop_stream *stream,
                       const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  struct visitor *visitor = arg;
  (void)peer, (void)peer_size;
  CHECK_IS(visitor->opened, <, 50);
  visitor->streams[visitor->opened++] = stream;
  ioloop_stream_set_close_callback(stream, on_visitor_closed, visitor);
  if (visitor->opened == 3 && visitor->stop_inside)
    ioloop_tcpserver_stop(server);
  if (visitor->opened == 3 && visitor->close_inside)
    ioloop_tcpserver_close(server);
  else if (visitor->opened % 5 == 0)
    ioloop_stream_close(stream);
}

static void visitor_open(struct visitor *visitor, struct ioloop *loop, int *clients, int count) {
  struct ioloop_tcpserver_options options = {
      .size = sizeof options, .on_connection = on_visitor, .arg = visitor};
  struct sockaddr_in address = loopback_address(0);
  struct sockaddr_storage bound;
  socklen_t size;
  CHECK_OK(ioloop_tcpserver_new(loop, &options, &visitor->server));
  CHECK_OK(ioloop_tcpserver_listen(visitor->server, (struct sockaddr *)&address, sizeof address));
  CHECK_OK(ioloop_tcpserver_address(visitor->server, 0, &bound, &size));
  for (int i = 0; i < count; i++)
    clients[i] = client_connect(ntohs(((struct sockaddr_in *)&bound)->sin_port));
  RUN_UNTIL(loop, visitor->opened == (visitor->close_inside ? 3 : (size_t)count));
  for (int i = 0; i < count; i++)
    CHECK_SYS(close(clients[i]));
}

TEST(78, "every stream is visited once, whatever the visits close") {
  struct ioloop *loop = test_loop_new();
  struct visitor visitor = {0};
  int clients[20];
  visitor_open(&visitor, loop, clients, 20);
  CHECK_IS(visitor.closed, ==, 4); /* in the connection callback */
  ioloop_tcpserver_each(visitor.server, on_visited, &visitor);
  CHECK_IS(visitor.visited, ==, 16);
  visitor.visited = 0;
  visitor.close_every = 2;
  ioloop_tcpserver_each(visitor.server, on_visited, &visitor);
  CHECK_IS(visitor.visited, ==, 16);
  CHECK_IS(ioloop_tcpserver_connections(visitor.server), ==, 8);
  visitor.visited = 0;
  ioloop_tcpserver_each(visitor.server, close_other, &visitor);
  CHECK_IS(visitor.visited + visitor.closed, >=, 20);
  CHECK_IS(ioloop_tcpserver_connections(visitor.server), ==, 20 - visitor.closed);
  visitor.visited = 0;
  ioloop_tcpserver_each(visitor.server, close_server, &visitor);
  CHECK_IS(visitor.visited, ==, 1);
  CHECK_IS(visitor.closed, ==, 20);
  test_loop_free(loop);
}

static void finish(struct ioloop_stream *stream, void *arg) {
  (void)arg;
  ioloop_stream_close_when_sent(stream);
}

static void on_finished(struct ioloop_tcpserver *server, struct ioloop_stream *stream,
                        const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  on_visitor(server, stream, peer, peer_size, arg);
  ioloop_stream_close_when_sent(stream);
}

TEST(78,
     "a close callback is not called from inside ioloop_tcpserver_each or ioloop_tcpserver_stop") {
  struct ioloop *loop = test_loop_new();
  struct visitor visitor = {0}, stopped = {0};
  int client;
  visitor_open(&visitor, loop, &client, 1);
  ioloop_tcpserver_each(visitor.server, finish, NULL);
  CHECK_IS(visitor.closed, ==, 0);
  RUN_UNTIL(loop, visitor.closed == 1);
  ioloop_tcpserver_close(visitor.server);

  struct ioloop_tcpserver_options options = {
      .size = sizeof options, .on_connection = on_finished, .arg = &stopped};
  struct sockaddr_in address = loopback_address(0);
  struct sockaddr_storage bound;
  socklen_t size;
  CHECK_OK(ioloop_tcpserver_new(loop, &options, &stopped.server));
  CHECK_OK(ioloop_tcpserver_listen(stopped.server, (struct sockaddr *)&address, sizeof address));
  CHECK_OK(ioloop_tcpserver_address(stopped.server, 0, &bound, &size));
  client = client_connect(ntohs(((struct sockaddr_in *)&bound)->sin_port));
  ioloop_tcpserver_stop(stopped.server);
  CHECK_IS(stopped.opened, ==, 1);
  CHECK_IS(stopped.closed, ==, 0);
  RUN_UNTIL(loop, stopped.closed == 1);
  ioloop_tcpserver_close(stopped.server);
  CHECK_SYS(close(client));
  test_loop_free(loop);
}

TEST(78, "a server may be stopped and closed in its connection callback") {
  struct ioloop *loop = test_loop_new();
  int clients[10];
  struct visitor stopped = {.stop_inside = true}, closed = {.close_inside = true};
  visitor_open(&stopped, loop, clients, 10);
  CHECK_IS(stopped.opened, ==, 10); /* the backlog was accepted */
  ioloop_tcpserver_close(stopped.server);
  CHECK_IS(stopped.closed, ==, 10);
  visitor_open(&closed, loop, clients, 10);
  CHECK_IS(closed.opened, ==, 3);
  CHECK_IS(closed.closed, ==, 3);
  test_loop_free(loop);
}

struct bare {
  struct ioloop_tcpserver *server;
  int fds[10];
  unsigned count;
};

static void on_bare(struct ioloop_tcpserver *server, int fd, const struct sockaddr *peer,
                    socklen_t peer_size, void *arg) {
  struct bare *bare = arg;
  (void)server, (void)peer, (void)peer_size;
  bare->fds[bare->count++] = fd;
}

TEST(78, "bare descriptors count until they are released") {
  struct ioloop *loop = test_loop_new();
  struct bare bare = {0};
  struct ioloop_tcpserver_options options = {
      .size = sizeof options, .max_connections = 2, .on_accepted = on_bare, .arg = &bare};
  struct ioloop_tcpserver_options neither = {.size = sizeof neither};
  CHECK_ERROR(ioloop_tcpserver_new(loop, &neither, &bare.server), EINVAL);
  CHECK_OK(ioloop_tcpserver_new(loop, &options, &bare.server));
  struct sockaddr_in address = loopback_address(0);
  struct sockaddr_storage bound;
  socklen_t size;
  CHECK_OK(ioloop_tcpserver_listen(bare.server, (struct sockaddr *)&address, sizeof address));
  CHECK_OK(ioloop_tcpserver_address(bare.server, 0, &bound, &size));
  CHECK_ERROR(ioloop_tcpserver_listen(bare.server, (struct sockaddr *)&bound, size), EADDRINUSE);
  int clients[4];
  for (int i = 0; i < 4; i++)
    clients[i] = client_connect(ntohs(((struct sockaddr_in *)&bound)->sin_port));
  for (unsigned i = 2; i <= 4; i++) {
    RUN_UNTIL(loop, bare.count == i);
    CHECK_QUIET(loop, MS(10));
    CHECK_IS(bare.count, ==, i);
    CHECK_IS(ioloop_tcpserver_connections(bare.server), ==, 2);
    CHECK_SYS(close(bare.fds[i - 2]));
    ioloop_tcpserver_release(bare.server);
  }
  CHECK_IS(ioloop_tcpserver_accepted_total(bare.server), ==, 4);
  ioloop_tcpserver_close(bare.server);
  CHECK_SYS(close(bare.fds[3])); /* the others were closed above */
  for (int i = 0; i < 4; i++)
    CHECK_SYS(close(clients[i]));
  test_loop_free(loop);
}

TEST(78,
     "a listening socket that was made elsewhere can be served, and is closed with the server") {
  struct ioloop *loop = test_loop_new();
  struct echo echo;
  echo_open(&echo, loop, NULL);
  struct sockaddr_in address = loopback_address(0);
  struct sockaddr_storage bound;
  socklen_t size;
  int fd = SYS(socket(AF_INET, SOCK_STREAM, 0)), pipe_end[2];
  CHECK_SYS(bind(fd, (struct sockaddr *)&address, sizeof address));
  CHECK_SYS(listen(fd, 8));
  CHECK_OK(ioloop_tcpserver_add_socket(echo.server, fd));
  CHECK_ERROR(ioloop_tcpserver_add_socket(echo.server, fd), EEXIST);
  CHECK_OK(ioloop_tcpserver_address(echo.server, 1, &bound, &size));
  int first = client_connect(echo.port);
  int second = client_connect(ntohs(((struct sockaddr_in *)&bound)->sin_port));
  ping(loop, second);
  ping(loop, first);
  CHECK_SYS(close(first));
  CHECK_SYS(close(second));
  RUN_UNTIL(loop, echo.closed == 2);
  ioloop_tcpserver_stop(echo.server);
  CHECK(fcntl(fd, F_GETFD) < 0 && errno == EBADF);
  CHECK_SYS(pipe(pipe_end));
  CHECK_ERROR(ioloop_tcpserver_add_socket(echo.server, pipe_end[0]), EINVAL); /* too late */
  CHECK(fcntl(pipe_end[0], F_GETFD) >= 0);
  CHECK_SYS(close(pipe_end[0]));
  CHECK_SYS(close(pipe_end[1]));
  echo_close(&echo);
  test_loop_free(loop);
}
