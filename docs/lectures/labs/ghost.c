/* SPDX-License-Identifier: MIT */
/*
 * ghost.c - break it: a descriptor that is closed, and still reported (epoll(7), questions 6, 7).
 *
 * The key of an epoll set is not the number but the pair (open file, number). Close the number
 * while a dup keeps the file open, and the entry stays: it is reported forever, and no number is
 * left by which it could be removed. First by hand, then on a loop.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "ioloop/ioloop.h"

static int readable_pipe(void) {
  int ends[2];
  if (pipe(ends) < 0 || write(ends[1], "x", 1) != 1) {
    perror("ghost: pipe");
    return -1;
  }
  return ends[0];
}

static void by_hand(const char *mode, unsigned events) {
  int fd = readable_pipe(), set = epoll_create1(0);
  struct epoll_event event = {.events = events, .data = {.fd = fd}};
  epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
  int copy = dup(fd);
  close(fd);

  int reports = 0;
  for (int turn = 0; turn < 100; turn++)
    reports += epoll_wait(set, &event, 1, 0);
  printf("%s: %d of 100 waits report descriptor %d, which is closed\n", mode, reports,
         event.data.fd);
  if (epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL) < 0)
    printf("%s: taking %d out: %s\n", mode, fd, strerror(errno));
  if (epoll_ctl(set, EPOLL_CTL_DEL, copy, NULL) < 0)
    printf("%s: taking its dup out: %s\n", mode, strerror(errno));
  close(copy);
  printf("%s: the dup is closed too; reports: %d\n", mode, epoll_wait(set, &event, 1, 0));
  close(set);
}

static void on_end(struct ioloop *loop, void *arg) {
  (void)arg;
  ioloop_stop(loop);
}

static void on_readable(struct ioloop *loop, int fd, unsigned events, void *arg) {
  (void)events;
  (*(unsigned *)arg)++;
  ioloop_remove_handler(loop, fd);
  close(fd); /* the dup lives on */
  ioloop_call_later(loop, 50 * 1000 * 1000, on_end, NULL, NULL);
}

static void on_loop(const char *backend) {
  struct ioloop *loop;
  int fd = readable_pipe(), error = ioloop_new(backend, &loop);
  if (error < 0) {
    printf("%s: no loop: %s\n", backend, strerror(-error));
    return;
  }
  unsigned calls = 0;
  ioloop_add_handler(loop, fd, IOLOOP_READ, on_readable, &calls);
  int copy = dup(fd);
  ioloop_start(loop);

  struct ioloop_metrics metrics;
  ioloop_get_metrics(loop, &metrics, sizeof metrics);
  printf("ioloop on %s: %u call, %s, %llu set rebuilt\n", backend, calls,
         metrics.iterations < 20 ? "no spinning" : "it spins",
         (unsigned long long)metrics.rebuilds);
  close(copy);
  ioloop_free(loop);
}

int main(int argc, char **argv) {
  by_hand("level", EPOLLIN);
  by_hand("edge", EPOLLIN | EPOLLET);
  for (int i = 1; i < argc; i++)
    on_loop(argv[i]);
}
