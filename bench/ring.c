/* SPDX-License-Identifier: MIT */
/*
 * ring.c - the workload of libevent's bench.c, for counting instructions and system calls.
 *
 * A ring of pipes, some of them holding a byte. Each handler reads a byte from its pipe and writes
 * it into the next, so that the number of active pipes stays what it was. What is counted is
 * everything a loop does for an event, the handler's own read and write included; run it at two
 * lengths and take the difference, and set-up drops out (tests/instructions.py does).
 *
 *   bench-ring BACKEND PIPES ACTIVE EVENTS
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ioloop.h"

static long events_left;

static void pass_on(struct ioloop *loop, int fd, unsigned events, void *arg) {
  (void)events;
  const int *next = arg;
  char byte;
  if (read(fd, &byte, 1) != 1 || write(*next, &byte, 1) != 1 || --events_left == 0)
    ioloop_stop(loop);
}

static long number(const char *text) {
  char *end;
  long value = strtol(text, &end, 10);
  if (*end || value <= 0) {
    fprintf(stderr, "bench-ring: '%s' is not a positive number\n", text);
    exit(2);
  }
  return value;
}

static void die(const char *what, int error) {
  fprintf(stderr, "bench-ring: %s: %s\n", what, strerror(error));
  exit(1);
}

int main(int argc, char *argv[]) {
  if (argc != 5) {
    fprintf(stderr, "usage: bench-ring BACKEND PIPES ACTIVE EVENTS\n");
    return 2;
  }
  long pipes = number(argv[2]), active = number(argv[3]);
  events_left = number(argv[4]);

  struct ioloop *loop;
  int r = ioloop_new(argv[1], &loop);
  if (r)
    die(argv[1], -r);
  int(*fds)[2] = calloc((size_t)pipes, sizeof *fds);
  for (long i = 0; fds && i < pipes; i++) {
    if (pipe(fds[i]) < 0 || fcntl(fds[i][0], F_SETFL, O_NONBLOCK) < 0 ||
        fcntl(fds[i][1], F_SETFL, O_NONBLOCK) < 0)
      die("pipe", errno);
    /* The handler of pipe i writes pipe i + 1. */
    r = ioloop_add_handler(loop, fds[i][0], IOLOOP_READ, pass_on, &fds[(i + 1) % pipes][1]);
    if (r)
      die("add_handler", -r);
  }
  for (long i = 0; fds && i < active; i++)
    if (write(fds[i * pipes / active][1], "e", 1) != 1)
      die("write", errno);

  r = ioloop_start(loop);
  if (r)
    die("start", -r);
  ioloop_free(loop);
  free(fds);
  return 0;
}
