/* SPDX-License-Identifier: MIT */
/*
 * stalling_server.c - a TCP echo server that stalls periodically, to test whether clients notice.
 *
 *   stalling_server PORT STALL_MS PERIOD_MS
 *
 * Every PERIOD_MS it does nothing at all for STALL_MS: as long as a garbage collection, a page
 * fault on a slow disk, or a neighbour on the same processor would take. PORT 0 is any; it prints
 * "listening PORT" on stdout. SIGTERM ends it, and it prints how often it stalled.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MS_NS UINT64_C(1000000)

enum {
  CLIENTS = 64
};

static volatile sig_atomic_t ended;

static void on_end(int signo) {
  (void)signo;
  ended = 1;
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 * MS_NS + (uint64_t)now.tv_nsec;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int listen_on(const char *port) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)atoi(port)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) < 0 ||
      listen(listener, 128) < 0 || getsockname(listener, (struct sockaddr *)&address, &size) < 0)
    die("listen");
  printf("listening %u\n", (unsigned)ntohs(address.sin_port));
  fflush(stdout);
  return listener;
}

static void add_client(struct pollfd *polled, size_t *count) {
  int on = 1, fd = accept(polled[0].fd, NULL, NULL);
  if (fd < 0 || *count == CLIENTS)
    die("accept");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  polled[(*count)++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

/* Blocking sends: the clients of this server read. False: the client is gone. */
static int echo(int fd) {
  char bytes[65536];
  ssize_t size = read(fd, bytes, sizeof bytes);
  for (ssize_t sent = 0, n; sent < size; sent += n)
    if ((n = send(fd, bytes + sent, (size_t)(size - sent), 0)) < 0)
      return 0;
  return size > 0 || (size < 0 && errno == EINTR);
}

static void serve(struct pollfd *polled, size_t *count) {
  for (size_t i = 1; i < *count; i++)
    if (polled[i].revents && !echo(polled[i].fd)) {
      close(polled[i].fd);
      polled[i--] = polled[--*count];
    }
  if (polled[0].revents)
    add_client(polled, count);
}

/* Sleep: a stall that used the processor would slow the clients, too. */
static void stall_until(uint64_t until_ns) {
  for (uint64_t at_ns; !ended && (at_ns = now_ns()) < until_ns;) {
    const struct timespec left = {.tv_sec = (time_t)((until_ns - at_ns) / (1000 * MS_NS)),
                                  .tv_nsec = (long)((until_ns - at_ns) % (1000 * MS_NS))};
    nanosleep(&left, NULL);
  }
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fputs("usage: stalling_server PORT STALL_MS PERIOD_MS\n", stderr);
    return 2;
  }
  const struct sigaction end = {.sa_handler = on_end};
  uint64_t stall_ns = strtoull(argv[2], NULL, 10) * MS_NS;
  uint64_t period_ns = strtoull(argv[3], NULL, 10) * MS_NS;
  struct pollfd polled[CLIENTS] = {{.fd = listen_on(argv[1]), .events = POLLIN}};
  size_t count = 1, stalls = 0;
  sigaction(SIGTERM, &end, NULL);
  signal(SIGPIPE, SIG_IGN);
  for (uint64_t next_ns = now_ns() + period_ns; !ended;) {
    uint64_t at_ns = now_ns();
    if (at_ns >= next_ns) {
      stall_until(at_ns + stall_ns);
      stalls += stall_ns > 0;
      next_ns += period_ns;
      continue;
    }
    if (poll(polled, (nfds_t)count, (int)((next_ns - at_ns) / MS_NS) + 1) > 0)
      serve(polled, &count);
  }
  printf("stalls %zu\n", stalls);
  return 0;
}
