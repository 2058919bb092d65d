/* SPDX-License-Identifier: MIT */
/*
 * drain.c - break it: an edge-triggered reader that does not drain (epoll(7), "Level-triggered and
 * edge-triggered").
 *
 * A hundred bytes arrive, and sixty are read. Whether the rest is reported again is the whole
 * difference between level and edge. First by hand, then on a loop, whose handlers are
 * level-triggered under every backend.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ioloop/ioloop.h"

enum {
  SENT = 100,
  A_READ = 60,
  PATIENCE_MS = 200,
};

static bool connected(int ends[2]) {
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0)
    return true;
  perror("drain: socketpair");
  return false;
}

static void send_bytes(int fd, size_t count) {
  static const char bytes[SENT];
  if (write(fd, bytes, count) != (ssize_t)count)
    perror("drain: write");
}

/* One wait, and one read if it reports. */
static void turn(const char *mode, const char *when, int set, int fd) {
  char bytes[A_READ];
  struct epoll_event event;
  int left = 0;
  bool reported = epoll_wait(set, &event, 1, PATIENCE_MS) == 1;
  ssize_t count = reported ? read(fd, bytes, sizeof bytes) : 0;
  ioctl(fd, FIONREAD, &left);
  printf("%s, %s: %s; read %zd, left %d\n", mode, when, reported ? "reported" : "no report", count,
         left);
}

static void by_hand(const char *mode, unsigned events) {
  int ends[2];
  if (!connected(ends))
    return;
  int set = epoll_create1(0);
  struct epoll_event event = {.events = events, .data = {.fd = ends[0]}};
  epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event);
  send_bytes(ends[1], SENT);
  turn(mode, "100 bytes arrive", set, ends[0]);
  turn(mode, "nothing arrives", set, ends[0]);
  send_bytes(ends[1], 1);
  turn(mode, "1 byte arrives", set, ends[0]);
  close(ends[0]);
  close(ends[1]);
  close(set);
}

struct count {
  unsigned calls;
  ssize_t bytes;
};

static void on_end(struct ioloop *loop, void *arg) {
  (void)arg;
  ioloop_stop(loop);
}

static void on_readable(struct ioloop *loop, int fd, unsigned events, void *arg) {
  (void)events;
  char bytes[A_READ];
  struct count *count = arg;
  ssize_t got = read(fd, bytes, sizeof bytes);
  count->calls++;
  count->bytes += got > 0 ? got : 0;
  if (count->bytes == SENT)
    ioloop_stop(loop);
}

static void on_loop(const char *backend) {
  struct ioloop *loop;
  int ends[2], error = ioloop_new(backend, &loop);
  if (error < 0) {
    printf("%s: no loop: %s\n", backend, strerror(-error));
    return;
  }
  struct count count = {.calls = 0};
  if (connected(ends)) {
    ioloop_add_handler(loop, ends[0], IOLOOP_READ, on_readable, &count);
    ioloop_call_later(loop, PATIENCE_MS * INT64_C(1000000), on_end, NULL, NULL);
    send_bytes(ends[1], SENT);
    ioloop_start(loop);
    printf("ioloop on %s: %u calls, %zd of %d bytes are read\n", backend, count.calls, count.bytes,
           SENT);
    ioloop_remove_handler(loop, ends[0]);
    close(ends[0]);
    close(ends[1]);
  }
  ioloop_free(loop);
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  by_hand("level", EPOLLIN);
  by_hand("edge", EPOLLIN | EPOLLET);
  for (int i = 1; i < argc; i++)
    on_loop(argv[i]);
}
