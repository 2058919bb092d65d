/* SPDX-License-Identifier: MIT */
/*
 * generator_open.c - connecting.
 *
 * A kernel reports a connection before the server has accepted it, and drops those that do not fit
 * into the server's queue; the SYN is then repeated a second later. So connections are opened in
 * batches that fit into any queue, and the last one of a batch waits for an echo: a queue is served
 * in order, so all earlier ones have been accepted by then. If there is only one batch, the queue
 * holds it, and no echo is needed.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "generator_internal.h"

enum {
  BATCH = 64,
  GREETING_SIZE = GENERATOR_MIN_SIZE,
  LARGE_BUFFER = 4 << 20,
};
static const uint64_t greeting_number = UINT64_MAX;

size_t generator__client_count(const struct generator *generator) {
  return generator->options.idle + generator->options.connections;
}

/* ---- sockets --------------------------------------------------------------------------- */

static bool is_loopback(const struct address *address) {
  return address->any.sa_family == AF_INET &&
         ntohl(address->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

/*
 * Bind a TCP socket that will connect to 127.0.0.0/8 to the counter-th of many addresses there,
 * without a port, so that neither 28,000 ports nor TIME_WAIT limit connections. 0 or -errno.
 *
 * All of 127.0.0.0/8 is this host; elsewhere than on Linux only 127.0.0.1 is.
 * IP_BIND_ADDRESS_NO_PORT (Linux 4.2) leaves the port to connect(), which only needs one that is
 * free for this server; bind() alone would need one that is free for all.
 */
static int spread_source(int fd, unsigned counter) {
#ifdef __linux__
  enum {
    OCTETS = 254 /* 1 to 254 in the last two bytes */
  };
  unsigned third = counter / OCTETS % OCTETS + 1, fourth = counter % OCTETS + 1;
  const struct sockaddr_in source = {
      .sin_family = AF_INET,
      .sin_addr.s_addr = htonl((INADDR_LOOPBACK & 0xff000000u) | third << 8 | fourth),
  };
  const int on = 1;
  if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) < 0 ||
      bind(fd, (const struct sockaddr *)&source, sizeof source) < 0)
    return -errno;
#else
  (void)fd, (void)counter;
#endif
  return 0;
}

static int prepare(struct generator *generator, int fd) {
  /* Connections of another run may be in TIME_WAIT: not all runs start at the same address. */
  static unsigned counter;
  const int on = 1, large = LARGE_BUFFER;
  if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
    return -errno;
  if (generator->options.udp) /* as much as the system allows */
    return setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &large, sizeof large) < 0 ? -errno : 0;
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
    return -errno;
  if (!is_loopback(&generator->server))
    return 0;
  if (counter == 0)
    counter = (unsigned)getpid() * 977u;
  return spread_source(fd, counter++);
}

int generator__connect(struct generator *generator) {
  int type = generator->options.udp ? SOCK_DGRAM : SOCK_STREAM;
  int fd = socket(generator->server.any.sa_family, type, 0);
  if (fd < 0) {
    generator__fail(generator, -errno, "cannot create a socket: %s", strerror(errno));
    return -1;
  }
  int error = prepare(generator, fd);
  if (!error && connect(fd, &generator->server.any, address_size(&generator->server)) < 0 &&
      errno != EINPROGRESS)
    error = -errno;
  if (!error && address_same_ends(fd))
    error = -ECONNREFUSED; /* connected to itself: no server */
  if (!error)
    return fd;
  generator__fail_socket(generator, "connect", -error);
  close(fd);
  return -1;
}

/* With churn the active connections are opened later, one for each request. */
static size_t opened_beforehand(const struct generator *generator) {
  return generator->options.churn ? generator->options.idle : generator__client_count(generator);
}

void generator__watch(struct client *client, unsigned events, ioloop_handler_fn *handler) {
  struct ioloop *loop = client->generator->loop;
  int error = ioloop_replace_handler(loop, client->fd, events, handler, client);
  if (error == -ENOENT) /* this is its first */
    error = ioloop_add_handler(loop, client->fd, events, handler, client);
  if (error)
    generator__fail(client->generator, error, "cannot watch a connection: %s", strerror(-error));
}

size_t generator__receive(struct client *client, size_t size, const char *what) {
  ssize_t got = recv(client->fd, client->generator->in, size, 0);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
    generator__fail_socket(client->generator, what, got == 0 ? 0 : errno);
  return got > 0 ? (size_t)got : 0;
}

/* ---- one connection -------------------------------------------------------------------- */

static void on_idle(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct client *client = arg;
  (void)loop, (void)fd, (void)events;
  size_t size = generator__receive(client, GENERATOR_IN_SIZE, "an idle connection");
  if (size > 0)
    generator__fail(client->generator, -EBADMSG, "the server sent %zu bytes on an idle connection",
                    size);
}

/* From here on the connection serves its purpose. */
static void opened(struct client *client) {
  struct generator *generator = client->generator;
  bool idle = client < generator->active;
  client->received = 0;
  generator->opening--;
  generator->progress_ns = generator->now_ns;
  generator__watch(client, IOLOOP_READ, idle ? on_idle : generator__on_event);
}

/* The last one of a batch, or of all, if there are several. */
static bool greets(const struct client *client) {
  size_t place = (size_t)(client - client->generator->clients) + 1;
  size_t count = opened_beforehand(client->generator);
  return count > BATCH && (place % BATCH == 0 || place == count);
}

static void on_greeting(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct client *client = arg;
  struct generator *generator = client->generator;
  (void)loop, (void)fd, (void)events;
  size_t size = generator__receive(client, GREETING_SIZE - client->received, "a new connection");
  if (!message_matches(generator->pattern, greeting_number, client->received, generator->in,
                       size)) {
    generator__fail(generator, -EBADMSG, "the server does not echo: its first bytes were others");
    return;
  }
  client->received += size;
  if (client->received == GREETING_SIZE)
    opened(client);
}

static void greet(struct client *client) {
  unsigned char greeting[GREETING_SIZE];
  struct generator *generator = client->generator;
  message_build(generator->pattern, greeting_number, greeting, sizeof greeting);
  if (send(client->fd, greeting, sizeof greeting, 0) != sizeof greeting) {
    generator__fail_socket(client->generator, "a new connection", errno);
    return;
  }
  generator__watch(client, IOLOOP_READ, on_greeting);
}

static void on_connected(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct client *client = arg;
  int error = 0;
  socklen_t size = sizeof error;
  (void)loop, (void)events;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
    error = errno;
  if (error)
    generator__fail_socket(client->generator, "connect", error);
  else if (greets(client))
    greet(client);
  else
    opened(client);
}

static void open_one(struct generator *generator) {
  struct client *client = &generator->clients[generator->opened++];
  client->fd = generator__connect(generator);
  if (client->fd < 0)
    return;
  generator->opening++;
  if (generator->options.udp)
    opened(client);
  else
    generator__watch(client, IOLOOP_WRITE, on_connected);
}

bool generator__open_more(struct generator *generator) {
  size_t count = opened_beforehand(generator);
  if (generator->opened == count)
    return false;
  for (size_t n = 0; n < BATCH && generator->opened < count && !generator__is_over(generator); n++)
    open_one(generator);
  return true;
}
