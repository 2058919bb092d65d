/* SPDX-License-Identifier: MIT */
/* consumer.c - a program outside the project: it uses only the installed headers and library. */
#include <ioloop/ioloop.h>
#include <ioloop/stream.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static int echoed;

static void on_datagram(struct ioloop_datagram *socket, const char *data, size_t size,
                        const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  (void)socket, (void)peer, (void)peer_size;
  echoed = size == 5 && memcmp(data, "hello", 5) == 0;
  ioloop_stop(arg);
}

static void on_timeout(struct ioloop *loop, void *arg) {
  struct ioloop_datagram *socket = arg;
  struct sockaddr_in self;
  socklen_t size = sizeof self;
  (void)loop;
  if (getsockname(ioloop_datagram_fd(socket), (struct sockaddr *)&self, &size) == 0)
    ioloop_datagram_send(socket, "hello", 5, (struct sockaddr *)&self, size);
}

int main(void) {
  struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  struct ioloop_backend_info info;
  for (size_t i = 0; ioloop_backend_at(i, &info, sizeof info) == 0; i++) {
    struct ioloop *loop;
    struct ioloop_datagram *socket;
    if (info.error)
      continue;
    echoed = 0;
    if (ioloop_new(info.name, &loop) < 0 ||
        ioloop_datagram_bind(loop, (struct sockaddr *)&any, sizeof any, on_datagram, NULL, loop,
                             &socket) < 0 ||
        ioloop_call_later(loop, IOLOOP_MILLISECOND, on_timeout, socket, NULL) < 0 ||
        ioloop_start(loop) < 0)
      return 1;
    ioloop_datagram_close(socket);
    ioloop_free(loop);
    printf("%s: %s\n", info.name, echoed ? "works" : "does not work");
    if (!echoed)
      return 1;
  }
  return 0;
}
