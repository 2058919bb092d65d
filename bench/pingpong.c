/* SPDX-License-Identifier: MIT */
/*
 * pingpong.c - one TCP connection, one request at a time: what a round trip costs.
 *
 * A closed loop: the next request leaves when the echo of the last is complete. The client itself
 * never sleeps: it calls a non-blocking recv again and again, so that no wake-up but the server's
 * is in the figures. It wants a core of its own; `taskset` gives it one.
 *
 *   bench-pingpong PORT SECONDS [SIZE]       127.0.0.1:PORT, SIZE bytes a request (default: 32)
 *
 * Prints, after a tenth of the time for warming up: requests=N rate=N p50_us=N p99_us=N
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS UINT64_C(1000000000)

enum {
  MAX_SIZE = 65536,
  MAX_SAMPLES = 1 << 24, /* round trips that are measured; the rest is only counted */
};

struct run {
  int fd;
  size_t size;
  uint32_t *samples; /* round trips in ns */
  size_t count;
};

static void die(const char *what) {
  fprintf(stderr, "bench-pingpong: %s: %s\n", what, strerror(errno));
  exit(1);
}

static long number(const char *text, long max) {
  char *end;
  long value = strtol(text, &end, 10);
  if (*end || value <= 0 || value > max) {
    fprintf(stderr, "bench-pingpong: '%s' is not a number from 1 to %ld\n", text, max);
    exit(2);
  }
  return value;
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static int connect_to(uint16_t port) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
    die("connect");
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
      fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
    die("socket");
  return fd;
}

static void send_request(const struct run *run, const char *request) {
  for (size_t sent = 0; sent < run->size;) {
    ssize_t n = send(run->fd, request + sent, run->size - sent, 0);
    if (n < 0 && errno != EAGAIN)
      die("send");
    sent += n > 0 ? (size_t)n : 0;
  }
}

static void receive_echo(const struct run *run, const char *request) {
  char echo[MAX_SIZE];
  for (size_t got = 0; got < run->size;) {
    ssize_t n = recv(run->fd, echo + got, run->size - got, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN))
      die(n ? "recv" : "the server closed the connection");
    got += n > 0 ? (size_t)n : 0;
  }
  if (memcmp(echo, request, run->size) != 0) {
    fputs("bench-pingpong: the echo is not what was sent\n", stderr);
    exit(1);
  }
}

/* Returns how long it took. */
static uint64_t play(struct run *run, uint64_t length_ns) {
  char request[MAX_SIZE];
  memset(request, 'p', run->size);
  request[run->size - 1] = '\n';
  uint64_t begun = now_ns(), before = begun, after = begun;
  for (run->count = 0; after - begun < length_ns; before = after) {
    send_request(run, request);
    receive_echo(run, request);
    after = now_ns();
    if (run->count < MAX_SAMPLES)
      run->samples[run->count] =
          after - before < UINT32_MAX ? (uint32_t)(after - before) : UINT32_MAX;
    run->count++;
  }
  return after - begun;
}

static int compare(const void *left, const void *right) {
  const uint32_t *a = left, *b = right;
  return (*a > *b) - (*a < *b);
}

int main(int argc, char *argv[]) {
  if (argc != 3 && argc != 4) {
    fputs("usage: bench-pingpong PORT SECONDS [SIZE]\n", stderr);
    return 2;
  }
  struct run run = {.samples = malloc(MAX_SAMPLES * sizeof *run.samples)};
  uint64_t length_ns = (uint64_t)number(argv[2], 3600) * SECOND_NS;
  run.size = argc == 4 ? (size_t)number(argv[3], MAX_SIZE) : 32;
  run.fd = connect_to((uint16_t)number(argv[1], 65535));
  if (!run.samples)
    die("memory");

  play(&run, length_ns / 10);
  uint64_t took_ns = play(&run, length_ns);
  size_t samples = run.count < MAX_SAMPLES ? run.count : MAX_SAMPLES;
  qsort(run.samples, samples, sizeof *run.samples, compare);
  printf("requests=%zu rate=%.0f p50_us=%.1f p99_us=%.1f\n", run.count,
         (double)run.count * 1e9 / (double)took_ns, run.samples[samples / 2] / 1e3,
         run.samples[samples * 99 / 100] / 1e3);
  close(run.fd);
  free(run.samples);
  return 0;
}
