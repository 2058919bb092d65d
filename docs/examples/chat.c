/* SPDX-License-Identifier: MIT */
/* chat.c - what one client writes, line by line, all the others read. Usage: chat [PORT] */
#include <iostream.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#define LONGEST 200
static struct tcpserver *server;
static const struct iostream *author; /* of the line that is being sent */
static struct iovec line;

static void send_line(struct iostream *stream, void *arg) {
  (void)arg;
  if (stream != author && iostream_pending(stream) > 100 * 1000) /* it does not read */
    iostream_close(stream);
  else if (stream != author)
    iostream_writev(stream, &line, 1);
}
/* `skipped`: what it has read is the beginning of a line that is too long. */
static void on_line(struct iostream *stream, const char *data, size_t size, void *skipped) {
  author = stream;
  line = (struct iovec){.iov_base = (void *)data, .iov_len = size};
  if (size > 0 && !skipped && !iostream_data(stream))
    tcpserver_each(server, send_line, NULL);
  iostream_set_data(stream, skipped);
  if (size == 0 || iostream_read_until(stream, "\n", 1, LONGEST, on_line, NULL) < 0)
    iostream_close_when_sent(stream);
}
static void on_limit(struct iostream *stream, void *skipped) {
  if (!iostream_data(stream))
    iostream_write(stream, "line too long\n", 14);
  iostream_read_bytes(stream, LONGEST, on_line, skipped);
}
static void on_connection(struct tcpserver *this, struct iostream *stream,
                          const struct sockaddr *peer, socklen_t size, void *arg) {
  (void)peer, (void)size, (void)arg;
  iostream_set_limit_callback(stream, on_limit, this);
  iostream_read_until(stream, "\n", 1, LONGEST, on_line, NULL);
}
int main(int argc, char **argv) {
  const struct tcpserver_options options = {.on_connection = on_connection};
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct ioloop *loop;
  at.sin_port = htons((uint16_t)atoi(argc > 1 ? argv[1] : "8888"));
  if (ioloop_new(ioloop_backend_from_env(), &loop) || tcpserver_new(loop, &options, &server) ||
      tcpserver_listen(server, (struct sockaddr *)&at, sizeof at))
    return 1;
  return -ioloop_start(loop);
}
