/* SPDX-License-Identifier: MIT */
/*
 * beyond.c - break it: descriptor 1024 and fd_set (select(2), "BUGS").
 *
 * An fd_set has room for the numbers below FD_SETSIZE, and FD_SET does not check. Where it writes
 * is shown on a set with other memory of this program behind it, where a program has its next
 * variable. Then a pipe is moved beyond that number, and loops on several backends watch it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

#include "ioloop/ioloop.h"

static void set_bit_of(int fd) {
  union {
    fd_set set;
    unsigned char bytes[2 * sizeof(fd_set)];
  } memory;
  memset(&memory, 0, sizeof memory);
  FD_SET(fd, &memory.set);
  for (size_t i = 0; i < sizeof memory.bytes; i++)
    if (memory.bytes[i])
      printf("FD_SET(%d) changes byte %zu of %zu%s\n", fd, i, sizeof(fd_set),
             i < sizeof(fd_set) ? "" : ": not ours");
}

static void on_readable(struct ioloop *loop, int fd, unsigned events, void *arg) {
  (void)events;
  printf("%s watches descriptor %d\n", (const char *)arg, fd);
  ioloop_stop(loop);
}

static void watch(char *backend, int fd) {
  struct ioloop *loop;
  int error = ioloop_new(backend, &loop);
  if (error < 0) {
    printf("%s: no loop: %s\n", backend, strerror(-error));
    return;
  }
  error = ioloop_add_handler(loop, fd, IOLOOP_READ, on_readable, backend);
  if (error < 0)
    printf("%s refuses descriptor %d: %s\n", backend, fd, strerror(-error));
  else
    ioloop_start(loop);
  ioloop_free(loop);
}

int main(int argc, char **argv) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
  setrlimit(RLIMIT_NOFILE, &limit);

  int ends[2];
  if (pipe(ends) < 0 || write(ends[1], "x", 1) != 1) {
    perror("beyond: pipe");
    return 1;
  }
  int beyond = fcntl(ends[0], F_DUPFD, FD_SETSIZE);
  if (beyond < 0) {
    perror("beyond: no descriptor of such a number here (ulimit -n)");
    return 1;
  }
  set_bit_of(beyond - 1);
  set_bit_of(beyond);
  for (int i = 1; i < argc; i++)
    watch(argv[i], beyond);
}
