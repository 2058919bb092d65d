/* SPDX-License-Identifier: MIT */
/*
 * poll_by_select.c - poll(2) where poll(2) refuses: more entries than the soft RLIMIT_NOFILE.
 *
 * A program may open all that it needs and then lower the limit, to zero even, as sandboxes do. Its
 * descriptors work on, but poll fails with EINVAL for more entries than the limit, whatever their
 * numbers. select(2) has no such limit on Linux, the BSDs and macOS: it takes numbers up to the
 * size of the descriptor table. So it answers in poll's place for as long as the limit is low, at
 * the price of two bitmaps per call, and with what select says: no POLLERR, no POLLHUP.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/select.h>

#include "pollset.h"

#define WORD_BITS (CHAR_BIT * sizeof(unsigned long))

static unsigned long *word_of(unsigned long *set, int fd) {
  return &set[(size_t)fd / WORD_BITS];
}

static unsigned long bit_of(int fd) {
  return 1ul << ((unsigned)fd % WORD_BITS);
}

static int top_of(const struct pollfd *fds, uint32_t count) {
  int top = 0;
  for (uint32_t i = 0; i < count; i++)
    if (fds[i].fd >= top)
      top = fds[i].fd + 1;
  return top;
}

/* Negative numbers are not polled: the bits of `sets` and revents, for the others. */
static void ask(const struct pollfd *fds, uint32_t count, unsigned long *read,
                unsigned long *write) {
  for (uint32_t i = 0; i < count; i++) {
    int fd = fds[i].fd;
    if (fd >= 0 && fds[i].events & POLLIN)
      *word_of(read, fd) |= bit_of(fd);
    if (fd >= 0 && fds[i].events & POLLOUT)
      *word_of(write, fd) |= bit_of(fd);
  }
}

static int answer(struct pollfd *fds, uint32_t count, unsigned long *read, unsigned long *write) {
  int ready = 0;
  for (uint32_t i = 0; i < count; i++) {
    int fd = fds[i].fd;
    fds[i].revents = 0;
    if (fd >= 0 && *word_of(read, fd) & bit_of(fd))
      fds[i].revents |= POLLIN;
    if (fd >= 0 && *word_of(write, fd) & bit_of(fd))
      fds[i].revents |= POLLOUT;
    ready += fds[i].revents != 0;
  }
  return ready;
}

/* EBADF: one of them is closed, and select does not say which. */
static int find_closed(struct pollfd *fds, uint32_t count) {
  int closed = 0;
  for (uint32_t i = 0; i < count; i++) {
    bool gone = fds[i].fd >= 0 && fcntl(fds[i].fd, F_GETFD) < 0 && errno == EBADF;
    fds[i].revents = gone ? POLLNVAL : 0;
    closed += gone;
  }
  return closed;
}

int ioloop__poll_by_select(struct ioloop *loop, struct pollfd *fds, uint32_t count,
                           uint64_t timeout_ns) {
  int top = top_of(fds, count);
  size_t words = (size_t)top / WORD_BITS + 1;
  unsigned long *read = calloc(2 * words, sizeof *read);
  if (!read)
    return -ENOMEM;
  unsigned long *write = read + words;
  ask(fds, count, read, write);
  uint64_t us = timeout_ns / 1000 + (timeout_ns % 1000 != 0), seconds = us / 1000000;
  struct timeval timeout = {.tv_sec = (time_t)(seconds < INT_MAX ? seconds : INT_MAX),
                            .tv_usec = (suseconds_t)(us % 1000000)};
  uint64_t begun = ioloop__call_begins(loop);
  int n = select(top, (fd_set *)(void *)read, (fd_set *)(void *)write, NULL,
                 timeout_ns == IOLOOP_FOREVER ? NULL : &timeout);
  if (n < 0)
    n = -errno;
  ioloop__call_ended(loop, "select", -1, n, begun);
  if (n >= 0)
    n = answer(fds, count, read, write);
  else if (n == -EBADF)
    n = find_closed(fds, count);
  free(read);
  return n;
}
