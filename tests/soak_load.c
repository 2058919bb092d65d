/* SPDX-License-Identifier: MIT */
/*
 * soak_load.c - the well-behaved peers of tests/soak.py: they check every byte of every echo.
 *
 * Connections send messages in batches and compare what comes back with what was sent; a batch is
 * sent when the one before is back. Each message has a number of its own, so a lost, repeated or
 * exchanged one shows as a wrong byte. One connection in eight sends batches larger than the buffers
 * of a server. After a number of batches a connection is replaced by a new one. Next to them, one
 * socket sends datagrams, one after the other.
 *
 * Usage: soak_load HOST PORT CONNECTIONS DEPTH SIZE SEED PATIENCE
 *   IPv4 address; messages per batch at most; bytes per message at most (16 or more); seconds.
 * It prints its counts four times a second. It ends when stdin does: what was sent is awaited, and the last
 * line begins with "end". Exit code 1 and a line on stderr: a wrong byte, or PATIENCE seconds
 * without one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  HEADER = 16,
  PATTERN = 1 << 16,
  MAX_SIZE = 4096,
  WIDE = 16,       /* times as many messages in a batch of a wide connection */
  TURNOVER = 2000, /* batches of a connection, at most */
};

static const uint64_t second_ns = 1000000000;

enum state {
  CLOSED,
  CONNECTING,
  OPEN,
  ENDING, /* shut down; the server's end of file is awaited */
};

struct connection {
  int fd;
  enum state state;
  uint32_t index;
  uint64_t number; /* of the next message */
  unsigned batches_left;
  unsigned depth;
  unsigned char *bytes; /* the batch */
  unsigned messages;    /* in it */
  size_t filled, sent, received;
  uint64_t progress_ns; /* when it last got on */
};

static struct {
  struct sockaddr_in server;
  unsigned connections, depth, size;
  uint64_t seed, patience_ns;
} options;

static struct {
  uint64_t messages, bytes, turnovers, datagrams;
  uint64_t broken;         /* connections that the server's side ended */
  uint64_t cut;            /* messages without an answer on these */
  uint64_t lost_datagrams; /* not back within 5 s, or at all */
} counts;

static unsigned char pattern[PATTERN + MAX_SIZE];
static bool stopping;
static uint64_t now_ns;

_Noreturn static void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("soak_load: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  va_end(arguments);
  exit(1);
}

static uint64_t read_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * second_ns + (uint64_t)now.tv_nsec;
}

/* splitmix64: a number whose every bit depends on each of x. */
static uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/* ---- messages ---------------------------------------------------------------------------- */

/* Of one connection's message: length, connection, number, and bytes that depend on both. Returns
 * the length. */
static size_t make_message(unsigned char *message, uint32_t index, uint64_t number) {
  uint64_t chance = mix(options.seed ^ (uint64_t)index << 40 ^ number);
  uint32_t size = (uint32_t)(HEADER + chance % (options.size - HEADER + 1));
  memcpy(message, &size, sizeof size);
  memcpy(message + 4, &index, sizeof index);
  memcpy(message + 8, &number, sizeof number);
  memcpy(message + HEADER, pattern + (chance >> 32) % PATTERN, size - HEADER);
  return size;
}

static void make_batch(struct connection *c) {
  uint64_t chance = mix(options.seed + c->number * 8 + c->index);
  c->messages = 1 + (unsigned)(chance % c->depth);
  c->filled = c->sent = c->received = 0;
  for (unsigned i = 0; i < c->messages; i++)
    c->filled += make_message(c->bytes + c->filled, c->index, c->number++);
}

static void check_bytes(const struct connection *c, const unsigned char *got, size_t size) {
  if (size > c->sent - c->received)
    fail("connection %u received %zu bytes more than it sent", c->index,
         size - (c->sent - c->received));
  const unsigned char *expected = c->bytes + c->received;
  if (memcmp(got, expected, size) == 0)
    return;
  size_t at = 0;
  while (got[at] == expected[at])
    at++;
  fail("connection %u: byte %zu of %zu, in the batch that ends with message %" PRIu64
       ", is 0x%02x, not 0x%02x",
       c->index, c->received + at, c->filled, c->number - 1, got[at], expected[at]);
}

/* ---- connections ------------------------------------------------------------------------- */

static void open_connection(struct connection *c) {
  int on = 1;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0)
    fail("socket: %s", strerror(errno));
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  /* From many addresses: those of closed connections stay in TIME_WAIT. */
  struct sockaddr_in from = {.sin_family = AF_INET};
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(mix(counts.turnovers) % 200));
  if (bind(c->fd, (struct sockaddr *)&from, sizeof from) < 0)
    fail("bind: %s", strerror(errno));
  if (connect(c->fd, (struct sockaddr *)&options.server, sizeof options.server) < 0 &&
      errno != EINPROGRESS)
    fail("connect: %s", strerror(errno));
  c->state = CONNECTING;
  c->progress_ns = now_ns;
  c->batches_left = 1 + (unsigned)(mix(c->number + c->index) % TURNOVER);
  make_batch(c);
}

static void close_connection(struct connection *c) {
  close(c->fd);
  c->state = CLOSED;
  counts.turnovers++;
  if (!stopping)
    open_connection(c);
}

/* The server's side is gone before ours had ended. */
static void broken(struct connection *c) {
  counts.broken++;
  counts.cut += c->state == ENDING || c->sent == 0 ? 0 : c->messages;
  close_connection(c);
}

static void end_connection(struct connection *c) {
  if (!stopping && c->number % 2) { /* every other one without waiting for the server's end */
    close_connection(c);
    return;
  }
  shutdown(c->fd, SHUT_WR);
  c->state = ENDING;
}

static void send_batch(struct connection *c) {
  ssize_t size = send(c->fd, c->bytes + c->sent, c->filled - c->sent, MSG_NOSIGNAL);
  if (size > 0)
    c->sent += (size_t)size;
  else if (errno != EAGAIN && errno != EINTR)
    broken(c);
}

static void batch_is_back(struct connection *c) {
  counts.messages += c->messages;
  if (stopping || --c->batches_left == 0) {
    end_connection(c);
    return;
  }
  make_batch(c);
  send_batch(c);
}

static void receive_some(struct connection *c) {
  static unsigned char got[1 << 16];
  ssize_t size = recv(c->fd, got, sizeof got, 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (size == 0 && c->state == ENDING) {
    close_connection(c);
  } else if (size <= 0) {
    broken(c);
  } else {
    check_bytes(c, got, (size_t)size);
    c->received += (size_t)size;
    counts.bytes += (uint64_t)size;
    c->progress_ns = now_ns;
    if (c->received == c->filled)
      batch_is_back(c);
  }
}

static void is_connected(struct connection *c) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error) {
    broken(c);
    return;
  }
  c->state = OPEN;
  c->progress_ns = now_ns;
  send_batch(c);
}

static short wanted(const struct connection *c) {
  if (c->state == CONNECTING)
    return POLLOUT;
  return c->state == OPEN && c->sent < c->filled ? POLLIN | POLLOUT : POLLIN;
}

static void serve_connection(struct connection *c, short found) {
  if (found && c->state == CONNECTING) {
    is_connected(c);
    return;
  }
  int fd = c->fd;
  if (found & ~POLLOUT)
    receive_some(c);
  if (found & POLLOUT && c->state == OPEN && c->fd == fd && c->sent < c->filled)
    send_batch(c);
}

/* ---- datagrams --------------------------------------------------------------------------- */

static struct {
  int fd;
  uint64_t number; /* of the one that is awaited */
  uint64_t sent_ns;
} datagrams;

enum {
  DATAGRAM_INDEX = 0xffffff, /* no connection has this index */
};

static void send_datagram(void) {
  unsigned char message[MAX_SIZE];
  size_t size = make_message(message, DATAGRAM_INDEX, ++datagrams.number);
  if (send(datagrams.fd, message, size, 0) < 0 && errno != EAGAIN && errno != ECONNREFUSED)
    fail("sending a datagram: %s", strerror(errno));
  datagrams.sent_ns = now_ns;
}

static void open_datagrams(void) {
  datagrams.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (datagrams.fd < 0 ||
      connect(datagrams.fd, (struct sockaddr *)&options.server, sizeof options.server) < 0)
    fail("a socket for datagrams: %s", strerror(errno));
  send_datagram();
}

static void receive_datagram(void) {
  unsigned char got[MAX_SIZE + 1], expected[MAX_SIZE];
  uint64_t number = 0;
  ssize_t size = recv(datagrams.fd, got, sizeof got, 0);
  if (size < 0)
    return;
  if (size >= HEADER)
    memcpy(&number, got + 8, sizeof number);
  if (number == 0 || number > datagrams.number)
    fail("a datagram of %zd bytes that was not sent", size);
  size_t right = make_message(expected, DATAGRAM_INDEX, number);
  if ((size_t)size != right || memcmp(got, expected, right) != 0)
    fail("datagram %" PRIu64 " of %zu bytes came back as %zd others", number, right, size);
  if (number < datagrams.number) { /* late, and counted as lost */
    if (counts.lost_datagrams-- == 0)
      fail("datagram %" PRIu64 " came back twice", number);
    return;
  }
  counts.datagrams++;
  if (stopping)
    datagrams.sent_ns = 0;
  else
    send_datagram();
}

/* ---- the run ----------------------------------------------------------------------------- */

static void print_counts(const struct connection *all, const char *title) {
  unsigned open = 0;
  for (unsigned i = 0; i < options.connections; i++)
    open += all[i].state == OPEN;
  printf("%smessages=%" PRIu64 " bytes=%" PRIu64 " open=%u turnovers=%" PRIu64 " broken=%" PRIu64
         " cut=%" PRIu64 " datagrams=%" PRIu64 " datagrams_lost=%" PRIu64 "\n",
         title, counts.messages, counts.bytes, open, counts.turnovers, counts.broken, counts.cut,
         counts.datagrams, counts.lost_datagrams);
  fflush(stdout);
}

static void check_patience(const struct connection *all) {
  static const char *const names[] = {"closed", "connecting", "open", "ending"};
  for (unsigned i = 0; i < options.connections; i++) {
    const struct connection *c = &all[i];
    if (c->state != CLOSED && now_ns - c->progress_ns > options.patience_ns)
      fail("connection %u (%s) waits too long: %zu bytes of a batch of %zu are sent, %zu are back",
           c->index, names[c->state], c->sent, c->filled, c->received);
  }
  if (datagrams.sent_ns && now_ns - datagrams.sent_ns > 5 * second_ns) {
    counts.lost_datagrams++;
    if (stopping)
      datagrams.sent_ns = 0;
    else
      send_datagram();
  }
}

static bool is_over(const struct connection *all) {
  if (!stopping || datagrams.sent_ns)
    return false;
  for (unsigned i = 0; i < options.connections; i++)
    if (all[i].state != CLOSED)
      return false;
  return true;
}

static void run(struct connection *all, struct pollfd *polled) {
  uint64_t printed_ns = now_ns;
  while (!is_over(all)) {
    for (unsigned i = 0; i < options.connections; i++)
      polled[i] =
          (struct pollfd){.fd = all[i].state == CLOSED ? -1 : all[i].fd, .events = wanted(&all[i])};
    struct pollfd *others = polled + options.connections;
    others[0] = (struct pollfd){.fd = datagrams.fd, .events = POLLIN};
    others[1] = (struct pollfd){.fd = stopping ? -1 : STDIN_FILENO, .events = POLLIN};
    if (poll(polled, options.connections + 2, 200) < 0 && errno != EINTR)
      fail("poll: %s", strerror(errno));
    now_ns = read_clock();
    for (unsigned i = 0; i < options.connections; i++)
      serve_connection(&all[i], polled[i].revents);
    if (others[0].revents)
      receive_datagram();
    stopping = stopping || others[1].revents;
    if (now_ns - printed_ns > second_ns / 4) {
      printed_ns = now_ns;
      check_patience(all);
      print_counts(all, "");
    }
  }
}

static unsigned number_of(const char *text, unsigned least, unsigned most) {
  unsigned long number = strtoul(text, NULL, 10);
  if (number < least || number > most)
    fail("%s is not between %u and %u", text, least, most);
  return (unsigned)number;
}

int main(int argc, char **argv) {
  if (argc != 8)
    fail("usage: soak_load HOST PORT CONNECTIONS DEPTH SIZE SEED PATIENCE");
  options.server.sin_family = AF_INET;
  if (inet_pton(AF_INET, argv[1], &options.server.sin_addr) != 1)
    fail("%s is not an IPv4 address", argv[1]);
  options.server.sin_port = htons((uint16_t)number_of(argv[2], 1, 65535));
  options.connections = number_of(argv[3], 1, 10000);
  options.depth = number_of(argv[4], 1, 10000);
  options.size = number_of(argv[5], HEADER, MAX_SIZE);
  options.seed = strtoull(argv[6], NULL, 10);
  options.patience_ns = number_of(argv[7], 1, 100000) * second_ns;
  for (size_t i = 0; i < sizeof pattern; i++)
    pattern[i] = (unsigned char)mix(options.seed + i);

  struct connection *all = calloc(options.connections, sizeof *all);
  struct pollfd *polled = calloc(options.connections + 2, sizeof *polled);
  if (!all || !polled)
    fail("out of memory");
  now_ns = read_clock();
  for (unsigned i = 0; i < options.connections; i++) {
    all[i].index = i;
    all[i].depth = options.depth * (i % 8 == 0 ? WIDE : 1);
    all[i].bytes = malloc((size_t)all[i].depth * options.size);
    if (!all[i].bytes)
      fail("out of memory");
    open_connection(&all[i]);
  }
  open_datagrams();
  run(all, polled);
  print_counts(all, "end ");
  for (unsigned i = 0; i < options.connections; i++)
    free(all[i].bytes);
  free(all);
  free(polled);
  return 0;
}
