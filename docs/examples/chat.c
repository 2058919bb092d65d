/* SPDX-License-Identifier: MIT */
/* chat.c - what one client writes, line by line, all the others read. Usage: chat [PORT] */
#include <ioloop/stream.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#define LONGEST 200
static struct ioloop_tcpserver *server;
static const struct ioloop_stream *author; /* of the line that is being sent */
static struct iovec line;

static void send_line(struct ioloop_stream *stream, void *arg) {
  (void)arg;
  if (stream != author && ioloop_stream_pending(stream) > 100 * 1000) /* it does not read */
    ioloop_stream_close(stream);
  else if (stream != author)
    ioloop_stream_writev(stream, &line, 1);
}
/* `skipped`: what it has read is the beginning of a line that is too long. */
static void on_line(struct ioloop_stream *stream, const char *data, size_t size, void *skipped) {
  author = stream;
  line = (struct iovec){.iov_base = (void *)data, .iov_len = size};
  if (size > 0 && !skipped && !ioloop_stream_data(stream))
    ioloop_tcpserver_each(server, send_line, NULL);
  ioloop_stream_set_data(stream, skipped);
  if (size == 0 || ioloop_stream_read_until(stream, "\n", 1, LONGEST, on_line, NULL) < 0)
    ioloop_stream_close_when_sent(stream);
}
static void on_limit(struct ioloop_stream *stream, void *skipped) {
  if (!ioloop_stream_data(stream))
    ioloop_stream_write(stream, "line too long\n", 14);
  ioloop_stream_read_bytes(stream, LONGEST, on_line, skipped);
}
static void on_connection(struct ioloop_tcpserver *this, struct ioloop_stream *stream,
                          const struct sockaddr *peer, socklen_t size, void *arg) {
  (void)peer, (void)size, (void)arg;
  ioloop_stream_set_limit_callback(stream, on_limit, this);
  ioloop_stream_read_until(stream, "\n", 1, LONGEST, on_line, NULL);
}
int main(int argc, char **argv) {
  struct ioloop_tcpserver_options how = {.size = sizeof how, .on_connection = on_connection};
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct ioloop *loop;
  at.sin_port = htons((uint16_t)atoi(argc > 1 ? argv[1] : "8888"));
  if (ioloop_new(ioloop_backend_from_env(), &loop) || ioloop_tcpserver_new(loop, &how, &server) ||
      ioloop_tcpserver_listen(server, (struct sockaddr *)&at, sizeof at))
    return 1;
  return -ioloop_start(loop);
}
