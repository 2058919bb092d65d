/* SPDX-License-Identifier: MIT */
/* echo.c - see echo.h. */
#include "echo.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct sockaddr_in loopback_address(uint16_t port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET,
      .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
      .sin_port = htons(port),
  };
}

/* ---- TCP ------------------------------------------------------------------------------ */

static void on_echo_close(struct ioloop_stream *stream, int error, void *arg) {
  struct echo *echo = arg;
  echo->closed++;
  echo->error = error;
  if (echo->last == stream)
    echo->last = NULL;
}

static void on_echo_data(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  struct echo *echo = arg;
  echo->received += size;
  if (size == 0) {
    echo->ended++;
    ioloop_stream_close_when_sent(stream);
  } else if (!echo->mute) {
    CHECK_OK(ioloop_stream_write(stream, data, size));
  }
  size_t pending = ioloop_stream_pending(stream);
  if (pending > echo->pending_max)
    echo->pending_max = pending;
}

static void on_echo_connection(struct ioloop_tcpserver *server, struct ioloop_stream *stream,
                               const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  struct echo *echo = arg;
  CHECK(server == echo->server || !echo->server);
  CHECK_IS(peer->sa_family, ==, AF_INET);
  CHECK_IS(peer_size, ==, sizeof(struct sockaddr_in));
  echo->opened++;
  echo->last = stream;
  ioloop_stream_set_close_callback(stream, on_echo_close, echo);
  CHECK_OK(ioloop_stream_read(stream, on_echo_data, echo));
}

static void on_echo_trouble(struct ioloop_tcpserver *server, int error, void *arg) {
  struct echo *echo = arg;
  (void)server;
  echo->trouble++;
  echo->error = error;
}

void echo_open(struct echo *echo, struct ioloop *loop,
               const struct ioloop_tcpserver_options *options) {
  struct ioloop_tcpserver_options mine =
      options ? *options : (struct ioloop_tcpserver_options){.size = sizeof mine};
  mine.on_connection = on_echo_connection;
  mine.on_trouble = on_echo_trouble;
  mine.arg = echo;
  *echo = (struct echo){.loop = loop};
  CHECK_OK(ioloop_tcpserver_new(loop, &mine, &echo->server));

  struct sockaddr_in address = loopback_address(0);
  struct sockaddr_storage bound;
  socklen_t size;
  CHECK_OK(ioloop_tcpserver_listen(echo->server, (struct sockaddr *)&address, sizeof address));
  CHECK_OK(ioloop_tcpserver_address(echo->server, 0, &bound, &size));
  echo->port = ntohs(((struct sockaddr_in *)&bound)->sin_port);
}

void echo_close(struct echo *echo) {
  ioloop_tcpserver_close(echo->server);
  CHECK_IS(echo->opened, ==, echo->closed);
}

int client_connect(uint16_t port) {
  struct sockaddr_in address = loopback_address(port);
  int fd = SYS(socket(AF_INET, SOCK_STREAM, 0));
  CHECK_SYS(connect(fd, (struct sockaddr *)&address, sizeof address));
  return fd;
}

void client_send(int fd, const void *data, size_t size) {
  CHECK_IS(send(fd, data, size, MSG_NOSIGNAL), ==, size);
}

void client_receive(int fd, void *data, size_t size) {
  for (size_t at = 0; at < size;) {
    ssize_t got = recv(fd, (char *)data + at, size - at, MSG_WAITALL);
    if (got < 0 && errno == EAGAIN) {
      await_arrival(fd);
      continue;
    }
    CHECK_IS(got, >, 0);
    at += (size_t)got;
  }
}

void client_reset(int fd) {
  struct linger linger = {.l_onoff = 1};
  CHECK_SYS(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
  CHECK_SYS(close(fd));
}

size_t receive_within(struct ioloop *loop, int client, void *data, size_t size) {
  ssize_t got = -1;
  RUN_UNTIL(loop, (got = recv(client, data, size, MSG_DONTWAIT)) >= 0);
  return (size_t)got;
}

void ping(struct ioloop *loop, int client) {
  char byte = 'p';
  client_send(client, &byte, 1);
  byte = 0;
  CHECK_IS(receive_within(loop, client, &byte, 1), ==, 1);
  CHECK_IS(byte, ==, 'p');
}

/* ---- UDP ------------------------------------------------------------------------------ */

static void on_udp_echo(struct ioloop_datagram *socket, const char *data, size_t size,
                        const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  struct udp_echo *echo = arg;
  echo->received++;
  echo->bytes += size;
  echo->last_size = size;
  CHECK_OK(ioloop_datagram_send(socket, data, size, peer, peer_size));
}

static void on_udp_error(struct ioloop_datagram *socket, int error, void *arg) {
  struct udp_echo *echo = arg;
  (void)socket;
  echo->errors++;
  echo->error = error;
}

static uint16_t port_of(int fd) {
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  CHECK_SYS(getsockname(fd, (struct sockaddr *)&address, &size));
  return ntohs(address.sin_port);
}

void udp_echo_open(struct udp_echo *echo, struct ioloop *loop) {
  struct sockaddr_in address = loopback_address(0);
  *echo = (struct udp_echo){0};
  CHECK_OK(ioloop_datagram_bind(loop, (struct sockaddr *)&address, sizeof address, on_udp_echo,
                                on_udp_error, echo, &echo->socket));
  echo->port = port_of(ioloop_datagram_fd(echo->socket));
}

int udp_client(uint16_t port) {
  struct sockaddr_in address = loopback_address(port);
  int fd = SYS(socket(AF_INET, SOCK_DGRAM, 0));
  CHECK_SYS(connect(fd, (struct sockaddr *)&address, sizeof address));
  set_nonblocking(fd);
  return fd;
}

/* ---- data ------------------------------------------------------------------------------- */

char pattern(uint64_t at) {
  return (char)(at * 7 + at / 251 + at / 65521);
}

void fill_pattern(char *data, size_t size, uint64_t at) {
  for (size_t i = 0; i < size; i++)
    data[i] = pattern(at + i);
}

void check_pattern(const char *data, size_t size, uint64_t at) {
  for (size_t i = 0; i < size; i++)
    if (data[i] != pattern(at + i))
      tap_fail(__FILE__, __LINE__, "byte %llu is %d, not %d", (unsigned long long)(at + i), data[i],
               pattern(at + i));
}

static size_t random_piece(struct bulk *bulk, uint64_t left) {
  bulk->seed ^= bulk->seed << 13;
  bulk->seed ^= bulk->seed >> 7;
  bulk->seed ^= bulk->seed << 17;
  size_t piece = (size_t)(bulk->seed % bulk->piece) + 1;
  return piece < left ? piece : (size_t)left;
}

static void bulk_read(struct bulk *bulk, int fd, char *data) {
  ssize_t got = recv(fd, data, random_piece(bulk, bulk->piece), 0);
  CHECK_IS(got, >, 0);
  check_pattern(data, (size_t)got, bulk->received);
  bulk->received += (uint64_t)got;
  if (bulk->pause_us)
    nanosleep(&(struct timespec){.tv_nsec = (long)bulk->pause_us * 1000}, NULL);
}

static void *run_bulk(void *arg) {
  struct bulk *bulk = arg;
  static _Thread_local char out[65536], in[65536];
  int fd = client_connect(bulk->port);
  uint64_t sent = 0;
  set_nonblocking(fd);
  while (bulk->received < bulk->size) {
    struct pollfd ready = {.fd = fd, .events = (short)(POLLIN | (sent < bulk->size ? POLLOUT : 0))};
    CHECK_SYS(poll(&ready, 1, -1));
    if (ready.revents & POLLOUT) {
      size_t piece = random_piece(bulk, bulk->size - sent);
      fill_pattern(out, piece, sent);
      ssize_t n = send(fd, out, piece, MSG_NOSIGNAL);
      CHECK(n > 0 || errno == EAGAIN);
      sent += n > 0 ? (uint64_t)n : 0;
      if (sent == bulk->size)
        CHECK_SYS(shutdown(fd, SHUT_WR));
    }
    if (ready.revents & (POLLIN | POLLHUP | POLLERR))
      bulk_read(bulk, fd, in);
  }
  while (recv(fd, in, 1, 0) < 0) /* the end, and nothing before it */
    CHECK_SYS(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, -1));
  CHECK_IS(recv(fd, in, 1, 0), ==, 0);
  CHECK_SYS(close(fd));
  return NULL;
}

void bulk_begin(struct bulk *bulk) {
  bulk->seed = tap_random() | 1;
  CHECK_THREAD(pthread_create(&bulk->thread, NULL, run_bulk, bulk));
}

void bulk_join(struct bulk *bulk) {
  CHECK_THREAD(pthread_join(bulk->thread, NULL));
}
