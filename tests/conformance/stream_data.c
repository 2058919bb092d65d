/* SPDX-License-Identifier: MIT */
/* stream_data.c - conformance 600: a pointer of the program's on each stream. */
#include <unistd.h>

#include "echo.h"

struct user {
  unsigned reads, visits, closed;
};

static void on_user_data(struct iostream *stream, const char *data, size_t size, void *arg) {
  struct user *user = iostream_data(stream);
  (void)data, (void)arg;
  user->reads += size > 0;
}

static void on_user_closed(struct iostream *stream, int error, void *arg) {
  struct user *user = iostream_data(stream);
  (void)arg;
  CHECK_IS(error, ==, 0);
  user->closed++;
}

static void on_user(struct tcpserver *server, struct iostream *stream, const struct sockaddr *peer,
                    socklen_t peer_size, void *arg) {
  struct user **next = arg;
  (void)server, (void)peer, (void)peer_size;
  CHECK(!iostream_data(stream));
  iostream_set_data(stream, (*next)++);
  iostream_set_close_callback(stream, on_user_closed, NULL);
  CHECK_OK(iostream_read(stream, on_user_data, NULL));
}

static void visit_user(struct iostream *stream, void *arg) {
  struct user *user = iostream_data(stream);
  (void)arg;
  user->visits++;
}

TEST(600, "a stream keeps a pointer of the program's, for each callback and each visit") {
  enum {
    USERS = 3
  };
  struct user users[USERS] = {{0}}, *next = users;
  struct tcpserver_options options = {.on_connection = on_user, .arg = &next};
  struct sockaddr_in address = loopback_address(0);
  struct sockaddr_storage bound;
  struct ioloop *loop = test_loop_new();
  struct tcpserver *server;
  socklen_t size;
  int clients[USERS];
  CHECK_OK(tcpserver_new(loop, &options, &server));
  CHECK_OK(tcpserver_listen(server, (struct sockaddr *)&address, sizeof address));
  CHECK_OK(tcpserver_address(server, 0, &bound, &size));
  for (int i = 0; i < USERS; i++) {
    clients[i] = client_connect(ntohs(((struct sockaddr_in *)&bound)->sin_port));
    client_send(clients[i], "x", 1);
    RUN_UNTIL(loop, users[i].reads == 1);
  }
  tcpserver_each(server, visit_user, NULL);
  tcpserver_close(server);
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
  struct iostream *stream;
  struct user first = {0}, second = {0};
  CHECK_OK(iostream_connect(loop, (struct sockaddr *)&address, sizeof address, NULL, NULL, NULL,
                            &stream));
  CHECK(!iostream_data(stream));
  iostream_set_data(stream, &first);
  CHECK(iostream_data(stream) == &first);
  iostream_set_data(stream, &second);
  iostream_set_close_callback(stream, on_user_closed, NULL);
  iostream_close(stream);
  CHECK_IS(first.closed, ==, 0);
  CHECK_IS(second.closed, ==, 1);
  test_loop_free(loop);
}
