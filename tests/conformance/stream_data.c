/* SPDX-License-Identifier: MIT */
/* stream_data.c - conformance 600: a pointer of the program's on each stream. */
#include <unistd.h>

#include "echo.h"

struct user {
  unsigned reads, visits, closed;
};

static void on_user_data(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  struct user *user = ioloop_stream_data(stream);
  (void)data, (void)arg;
  user->reads += size > 0;
}

static void on_user_closed(struct ioloop_stream *stream, int error, void *arg) {
  struct user *user = ioloop_stream_data(stream);
  (void)arg;
  CHECK_IS(error, ==, 0);
  user->closed++;
}

static void on_user(struct ioloop_tcpserver *server, struct ioloop_stream *stream,
                    const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  struct user **next = arg;
  (void)server, (void)peer, (void)peer_size;
  CHECK(!ioloop_stream_data(stream));
  ioloop_stream_set_data(stream, (*next)++);
  ioloop_stream_set_close_callback(stream, on_user_closed, NULL);
  CHECK_OK(ioloop_stream_read(stream, on_user_data, NULL));
}

static void visit_user(struct ioloop_stream *stream, void *arg) {
  struct user *user = ioloop_stream_data(stream);
  (void)arg;
  user->visits++;
}

TEST(600, "a stream keeps a pointer of the program's, for each callback and each visit") {
  enum {
    USERS = 3
  };
  struct user users[USERS] = {{0}}, *next = users;
  struct ioloop_tcpserver_options options = {
      .size = sizeof options, .on_connection = on_user, .arg = &next};
  struct sockaddr_in address = loopback_address(0);
  struct sockaddr_storage bound;
  struct ioloop *loop = test_loop_new();
  struct ioloop_tcpserver *server;
  socklen_t size;
  int clients[USERS];
  CHECK_OK(ioloop_tcpserver_new(loop, &options, &server));
  CHECK_OK(ioloop_tcpserver_listen(server, (struct sockaddr *)&address, sizeof address));
  CHECK_OK(ioloop_tcpserver_address(server, 0, &bound, &size));
  for (int i = 0; i < USERS; i++) {
    clients[i] = client_connect(ntohs(((struct sockaddr_in *)&bound)->sin_port));
    client_send(clients[i], "x", 1);
    RUN_UNTIL(loop, users[i].reads == 1);
  }
  ioloop_tcpserver_each(server, visit_user, NULL);
  ioloop_tcpserver_close(server);
  for (int i = 0; i < USERS; i++) {
    CHECK_IS(users[i].reads, ==, 1);
    CHECK_IS(users[i].visits, ==, 1);
    CHECK_IS(users[i].closed, ==, 1);
    CHECK_SYS(close(clients[i]));
  }
  test_loop_free(loop);
}

TEST(600, "the pointer of a stream can be replaced, and is there before it is connected") {
  struct ioloop *loop = test_loop_new();
  struct sockaddr_in address = loopback_address(1);
  struct ioloop_stream *stream;
  struct user first = {0}, second = {0};
  CHECK_OK(ioloop_stream_connect(loop, (struct sockaddr *)&address, sizeof address, NULL, NULL,
                                 NULL, &stream));
  CHECK(!ioloop_stream_data(stream));
  ioloop_stream_set_data(stream, &first);
  CHECK(ioloop_stream_data(stream) == &first);
  ioloop_stream_set_data(stream, &second);
  ioloop_stream_set_close_callback(stream, on_user_closed, NULL);
  ioloop_stream_close(stream);
  CHECK_IS(first.closed, ==, 0);
  CHECK_IS(second.closed, ==, 1);
  test_loop_free(loop);
}
