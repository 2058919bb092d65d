/* SPDX-License-Identifier: MIT */
/* platform_posix.c - what is the same on every system we know, but belongs to platform.h. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "platform.h"
#include "platform_posix.h"

uint64_t ioloop__now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static atomic_uint fork_count;

static void count_fork(void) {
  atomic_fetch_add(&fork_count, 1);
}

/* Before main, so that the count is right for every loop, and reading it is signal-safe. */
__attribute__((constructor)) static void watch_forks(void) {
  pthread_atfork(NULL, NULL, count_fork);
}

unsigned ioloop__fork_count(void) {
  return atomic_load_explicit(&fork_count, memory_order_relaxed);
}

int ioloop__set_flags(int fd) {
  int status = fcntl(fd, F_GETFL), descriptor = fcntl(fd, F_GETFD);
  if (status < 0 || descriptor < 0)
    return -errno;
  if (!(status & O_NONBLOCK) && fcntl(fd, F_SETFL, status | O_NONBLOCK) < 0)
    return -errno;
  if (!(descriptor & FD_CLOEXEC) && fcntl(fd, F_SETFD, descriptor | FD_CLOEXEC) < 0)
    return -errno;
  return 0;
}

int ioloop__set_blocking(int fd, bool on) {
  int status = fcntl(fd, F_GETFL);
  int wanted = on ? status & ~O_NONBLOCK : status | O_NONBLOCK;
  if (status < 0 || (wanted != status && fcntl(fd, F_SETFL, wanted) < 0))
    return -errno;
  return 0;
}

int ioloop__check_fd(int fd) {
  struct stat status;
  if (fstat(fd, &status) < 0)
    return -errno;
  if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || S_ISBLK(status.st_mode))
    return -EPERM;
  return S_ISCHR(status.st_mode) ? ioloop__check_device(fd) : 0;
}

int ioloop__pipe_waker_open(int fds[2]) {
  if (pipe(fds) < 0)
    return -errno;
  int r = ioloop__set_flags(fds[0]);
  if (!r)
    r = ioloop__set_flags(fds[1]);
  if (r)
    ioloop__waker_close(fds);
  return r;
}

void ioloop__waker_wake(int fd) {
  int saved = errno;
  /* Eight bytes: an eventfd takes nothing else. Full means that it is readable already. */
  static const uint64_t one = 1;
  ssize_t ignored = write(fd, &one, sizeof one);
  (void)ignored;
  errno = saved;
}

void ioloop__waker_clear(int fd) {
  char bytes[512];
  while (read(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes)
    ;
}

void ioloop__waker_close(int fds[2]) {
  close(fds[0]);
  if (fds[1] != fds[0])
    close(fds[1]);
}
