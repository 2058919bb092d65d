/* SPDX-License-Identifier: MIT */
/*
 * descriptors.c - inherited descriptors, and RLIMIT_NOFILE; see descriptors.h.
 */
#include "descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* /dev/null is opened in the opposite direction: reading from the replacement for stdin, or writing
 * to the one for stdout, fails with EBADF exactly as the closed descriptor would have. */
static void ensure_open(int fd, int flags) {
  if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
    return;
  int opened = open("/dev/null", flags);
  if (opened > fd)
    close(opened);
}

int descriptors_reopen(int fd) {
  char path[32];
  struct stat status;
  if (fstat(fd, &status) < 0)
    return -errno;
  if (!S_ISFIFO(status.st_mode) && !(S_ISCHR(status.st_mode) && isatty(fd)))
    return -EINVAL;
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  return own < 0 ? -errno : own;
}

/* It was opened without blocking, because the reader of a pipe may be gone. We opened the file, so
 * we may clear its flag. */
static void make_blocking(int fd) {
  int flags = fcntl(fd, F_GETFL);
  int own = flags >= 0 && flags & O_NONBLOCK ? descriptors_reopen(fd) : -1;
  if (own < 0)
    return;
  if (fcntl(own, F_SETFL, fcntl(own, F_GETFL) & ~O_NONBLOCK) == 0)
    dup2(own, fd);
  close(own);
}

void descriptors_begin(void) {
  ensure_open(STDIN_FILENO, O_WRONLY);
  ensure_open(STDOUT_FILENO, O_RDONLY);
  ensure_open(STDERR_FILENO, O_RDWR);
  make_blocking(STDOUT_FILENO);
}

unsigned long long descriptors_raise_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
    return 0;
  struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
  if (limit.rlim_cur < limit.rlim_max && setrlimit(RLIMIT_NOFILE, &raised) == 0)
    limit = raised;
  return limit.rlim_cur;
}
