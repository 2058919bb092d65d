/* SPDX-License-Identifier: MIT */
/* proxy.c - each connection to PORT goes on to TARGET, also a port of this machine. What a slow
 * reader leaves waits in at most 128 KiB each way, and then where it came from. */
#include <ioloop/stream.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

static struct sockaddr_in target;

static void on_closed(struct ioloop_stream *stream, int error, void *arg) {
  (void)stream;
  if (error)
    printf("the %s ends with errno %d\n", (const char *)arg, -error);
}
static int couple(struct ioloop_stream *one, struct ioloop_stream *other) {
  int r = ioloop_stream_set_watermarks(one, 16 * 1024, 64 * 1024);
  return r ? r : ioloop_stream_couple(one, other);
}
static void on_connection(struct ioloop_tcpserver *server, struct ioloop_stream *client,
                          const struct sockaddr *peer, socklen_t size, void *loop) {
  struct ioloop_stream *onward;
  (void)server, (void)peer, (void)size;
  ioloop_stream_set_close_callback(client, on_closed, "client");
  if (ioloop_stream_connect(loop, (struct sockaddr *)&target, sizeof target, NULL, on_closed,
                            "target", &onward)) {
    ioloop_stream_close(client);
    return;
  }
  if (couple(client, onward) || couple(onward, client)) { /* no memory */
    ioloop_stream_close(client);
    ioloop_stream_close(onward);
  }
}
int main(int argc, char **argv) {
  struct ioloop_tcpserver_options options = {.size = sizeof options,
                                             .on_connection = on_connection};
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct ioloop_tcpserver *server;
  if (argc != 3 || ioloop_new(ioloop_backend_from_env(), (struct ioloop **)&options.arg))
    return 2;
  target = at;
  at.sin_port = htons((uint16_t)atoi(argv[1]));
  target.sin_port = htons((uint16_t)atoi(argv[2]));
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (ioloop_tcpserver_new(options.arg, &options, &server) ||
      ioloop_tcpserver_listen(server, (struct sockaddr *)&at, sizeof at))
    return 1;
  return -ioloop_start(options.arg);
}
