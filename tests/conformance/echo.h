/* SPDX-License-Identifier: MIT */
/*
 * echo.h - echo servers on the loop under test, and their clients.
 *
 * A client is a plain socket of the test's thread (a connect or a send on the loopback is done by
 * the kernel while no loop runs), or, if it must work while the loop runs, a thread with blocking
 * calls and no loop. So only the server is tested, on every model alike.
 */
#ifndef ECHO_H
#define ECHO_H

#include <netinet/in.h>

#include "ioloop/stream.h"
#include "support.h"

struct sockaddr_in loopback_address(uint16_t port);

/* ---- TCP ------------------------------------------------------------------------------ */

struct echo {
  struct ioloop *loop;
  struct ioloop_tcpserver *server;
  uint16_t port;
  bool mute; /* count, do not echo */
  unsigned opened, closed, ended, trouble;
  uint64_t received;
  size_t pending_max;
  int error; /* of the last close callback */
  struct ioloop_stream *last;
};

/* Listen on a free port. `options` may be NULL; its callbacks and argument are replaced. */
void echo_open(struct echo *echo, struct ioloop *loop,
               const struct ioloop_tcpserver_options *options);
/* Close the server, and check that each stream's close callback was called once. */
void echo_close(struct echo *echo);

int client_connect(uint16_t port); /* a connected, blocking socket */
void client_send(int fd, const void *data, size_t size);
void client_receive(int fd, void *data, size_t size); /* exactly `size` bytes */
void client_reset(int fd);                            /* close with RST */

/* Send one byte; run the loop until it is back. */
void ping(struct ioloop *loop, int client);

/* ---- UDP ------------------------------------------------------------------------------ */

struct udp_echo {
  struct ioloop_datagram *socket;
  uint16_t port;
  unsigned received, errors;
  size_t bytes, last_size;
  int error;
};

void udp_echo_open(struct udp_echo *echo, struct ioloop *loop);
int udp_client(uint16_t port); /* connected to it, non-blocking */

/* Run the loop until there is something to receive, and receive it. */
size_t receive_within(struct ioloop *loop, int client, void *data, size_t size);

/* ---- data ------------------------------------------------------------------------------- */

/* Byte number `at` of a stream that does not repeat with any power of two. */
char pattern(uint64_t at);
void fill_pattern(char *data, size_t size, uint64_t at);
void check_pattern(const char *data, size_t size, uint64_t at);

/* A client that sends `size` bytes of the pattern and reads them back, both in random pieces of at
 * most `piece` bytes, as fast as it can or with pauses; then it ends with a half-close. */
struct bulk {
  pthread_t thread;
  uint16_t port;
  uint64_t size;
  size_t piece;
  unsigned pause_us; /* between reads */
  uint64_t seed;
  uint64_t received; /* checked against the pattern */
};
void bulk_begin(struct bulk *bulk);
void bulk_join(struct bulk *bulk);

#endif
