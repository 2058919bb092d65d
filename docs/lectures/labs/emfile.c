/* SPDX-License-Identifier: MIT */
/*
 * emfile.c - break it: no descriptor left for the connection that waits (accept(2): EMFILE).
 *
 * The listener is readable, and stays so, as accept cannot take the connection away. A server that
 * waits with poll and accepts when the listener is ready, which is all that it should do, now
 * spins. Its iterations are counted for a fifth of a second; then tcpserver gets the same listener.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ioloop/stream.h"

enum {
  FIFTH_OF_A_SECOND = 200 * 1000 * 1000
};

static int listen_and_connect(void) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0), peer = socket(AF_INET, SOCK_STREAM, 0);
  if (listener < 0 || peer < 0 || bind(listener, (struct sockaddr *)&address, size) < 0 ||
      listen(listener, 8) < 0 || getsockname(listener, (struct sockaddr *)&address, &size) < 0 ||
      connect(peer, (struct sockaddr *)&address, size) < 0)
    return -1;
  fcntl(listener, F_SETFL, O_NONBLOCK);
  return listener;
}

/* From now on no number above those in use is available. */
static void use_up_descriptors(int highest) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = (rlim_t)highest + 1;
  setrlimit(RLIMIT_NOFILE, &limit);
  while (open("/dev/null", O_RDONLY) >= 0)
    continue;
}

static unsigned naive(struct ioloop *clock, int listener) {
  unsigned failures = 0;
  uint64_t end = ioloop_time(clock) + FIFTH_OF_A_SECOND;
  while (ioloop_time(clock) < end) {
    struct pollfd entry = {.fd = listener, .events = POLLIN};
    if (poll(&entry, 1, -1) == 1 && accept(listener, NULL, NULL) < 0 && errno == EMFILE)
      failures++;
  }
  return failures;
}

static void on_connection(struct ioloop_tcpserver *server, struct ioloop_stream *stream,
                          const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  (void)server, (void)stream, (void)peer, (void)peer_size, (void)arg;
}

static void on_trouble(struct ioloop_tcpserver *server, int error, void *arg) {
  (void)server;
  printf("tcpserver: %s; accepting pauses\n", strerror(-error));
  (*(unsigned *)arg)++;
}

static void on_end(struct ioloop *loop, void *arg) {
  (void)arg;
  ioloop_stop(loop);
}

int main(void) {
  struct ioloop *loop;
  int listener = listen_and_connect();
  unsigned troubles = 0;
  struct ioloop_tcpserver_options options = {.size = sizeof options,
                                             .on_connection = on_connection,
                                             .on_trouble = on_trouble,
                                             .arg = &troubles};
  struct ioloop_tcpserver *server;
  if (listener < 0 || ioloop_new("poll", &loop) < 0 ||
      ioloop_tcpserver_new(loop, &options, &server) < 0) {
    perror("emfile: cannot prepare it");
    return 1;
  }
  use_up_descriptors(listener + 1);

  unsigned failures = naive(loop, listener);
  printf("by hand: %s\n", failures > 100 ? "accept failed more than 100 times in 0.2 s"
                                         : "accept failed now and then");

  ioloop_tcpserver_add_socket(server, listener);
  ioloop_call_later(loop, FIFTH_OF_A_SECOND, on_end, NULL, NULL);
  ioloop_start(loop);
  struct ioloop_metrics metrics;
  ioloop_get_metrics(loop, &metrics, sizeof metrics);
  printf("tcpserver: %s\n", metrics.iterations < 20 ? "fewer than 20 turns in 0.2 s" : "it spins");
  ioloop_tcpserver_close(server);
  ioloop_free(loop);
}
