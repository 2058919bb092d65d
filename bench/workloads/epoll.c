/* SPDX-License-Identifier: MIT */
/* epoll.c - epoll by hand: the argument itself in the event's 64 bits, and nothing else. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "workload.h"

enum {
  EVENTS = 256,
};

static int set = -1;

const char raw_name[] = "epoll";

int raw_open(size_t room) {
  (void)room;
  set = epoll_create1(EPOLL_CLOEXEC);
  return set < 0 ? loop_trouble("epoll_create1") : 0;
}

void loop_close(void) {
  if (set >= 0)
    close(set);
}

int loop_watch(int fd, void *arg) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = arg};
  return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) < 0 ? loop_trouble("epoll_ctl") : 0;
}

void loop_unwatch(int fd) {
  epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL);
}

void raw_turn(int timeout_ms) {
  struct epoll_event events[EVENTS];
  int count = epoll_wait(set, events, EVENTS, timeout_ms);
  if (count < 0 && errno != EINTR)
    exit(loop_trouble("epoll_wait"));
  for (int i = 0; i < count; i++)
    loop_readable(events[i].data.ptr);
}
