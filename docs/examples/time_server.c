/* SPDX-License-Identifier: MIT */
/* time_server.c - answers each datagram with the time of day. Usage: time_server [PORT] */
#include <ioloop/stream.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static unsigned answers;

static void on_datagram(struct ioloop_datagram *socket, const char *data, size_t size,
                        const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  char text[32], address[IOSTREAM_ADDRESS_SIZE];
  time_t now = time(NULL);
  struct tm utc;
  (void)data, (void)size, (void)arg;
  size_t length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ\n", gmtime_r(&now, &utc));
  if (ioloop_datagram_send(socket, text, length, peer, peer_size) == 0 &&
      ioloop_stream_address_text(peer, peer_size, address) > 0)
    printf("to %s\n", address);
  answers++;
}
/* An answer from the network to an answer: the client has gone. */
static void on_error(struct ioloop_datagram *socket, int error, void *arg) {
  (void)socket, (void)arg;
  printf("errno %d\n", -error);
}
static void print_count(struct ioloop *loop, void *arg) {
  (void)loop, (void)arg;
  printf("%u answers so far\n", answers);
}
int main(int argc, char **argv) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct ioloop_datagram *socket;
  struct ioloop *loop;
  at.sin_port = htons((uint16_t)atoi(argc > 1 ? argv[1] : "8888"));
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (ioloop_new(ioloop_backend_from_env(), &loop) ||
      ioloop_datagram_bind(loop, (struct sockaddr *)&at, sizeof at, on_datagram, on_error, NULL,
                           &socket) ||
      ioloop_call_every(loop, 10 * IOLOOP_SECOND, print_count, NULL, NULL))
    return 1;
  return -ioloop_start(loop);
}
