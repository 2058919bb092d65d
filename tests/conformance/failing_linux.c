/* SPDX-License-Identifier: MIT */
/* failing_linux.c - see failing.h. */
#include "failing.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Used by tests of one thread; the calls of other threads must not be counted. */
static _Thread_local struct { int left, failed, error; } plans[FAILING_KINDS];

void failing_next(enum failing kind, int count, int error) {
  plans[kind].left = count;
  plans[kind].error = error;
  plans[kind].failed = 0;
}

int failing_count(enum failing kind) {
  return plans[kind].failed;
}

static bool fails(enum failing kind) {
  if (plans[kind].left <= 0)
    return false;
  plans[kind].left--;
  plans[kind].failed++;
  errno = plans[kind].error;
  return true;
}

/* On a 32-bit system with 64-bit time, the function that this file was compiled to call has a name of
 * its own (glibc 2.34), and the plain name is the old one. */
static void *find_real(const char *name, const char *name_time64) {
  void *symbol = sizeof(time_t) > sizeof(long) ? dlsym(RTLD_NEXT, name_time64) : NULL;
  return symbol ? symbol : dlsym(RTLD_NEXT, name);
}

/* A data pointer is converted to a function pointer, as POSIX allows for dlsym. */
#define REAL(name)                                                                                 \
  static _Thread_local __typeof__(&name) real;                                                     \
  if (!real) {                                                                                     \
    void *symbol = find_real(#name, "__" #name "64");                                              \
    memcpy(&real, &symbol, sizeof real);                                                           \
  }

int poll(struct pollfd *fds, nfds_t count, int timeout) {
  REAL(poll)
  return fails(FAILING_WAITS) ? -1 : real(fds, count, timeout);
}

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask) {
  REAL(ppoll)
  return fails(FAILING_WAITS) ? -1 : real(fds, count, timeout, mask);
}

int select(int count, fd_set *restrict read, fd_set *restrict write, fd_set *restrict except,
           struct timeval *restrict timeout) {
  REAL(select)
  return fails(FAILING_WAITS) ? -1 : real(count, read, write, except, timeout);
}

int epoll_wait(int set, struct epoll_event *events, int count, int timeout) {
  REAL(epoll_wait)
  bool failed = fails(FAILING_WAITS) || (timeout == 0 && fails(FAILING_HINTS));
  return failed ? -1 : real(set, events, count, timeout);
}

int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict info,
                 const struct timespec *restrict timeout) {
  REAL(sigtimedwait)
  return fails(FAILING_HINTS) ? -1 : real(set, info, timeout);
}

#ifndef __GLIBC__ /* there sigio_linux.c makes the system call itself */
#ifndef SYS_rt_sigtimedwait_time64
#define SYS_rt_sigtimedwait_time64 SYS_rt_sigtimedwait
#endif

long syscall(long number, ...) {
  REAL(syscall)
  long arguments[6];
  va_list list;
  va_start(list, number);
  for (int i = 0; i < 6; i++)
    arguments[i] = va_arg(list, long);
  va_end(list);
  if (number == SYS_rt_sigtimedwait_time64 && fails(FAILING_HINTS))
    return -1;
  return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
              arguments[5]);
}
#endif

int epoll_ctl(int set, int operation, int fd, struct epoll_event *event) {
  REAL(epoll_ctl)
  bool may_fail = operation != EPOLL_CTL_DEL; /* it needs no memory */
  return may_fail && fails(FAILING_CHANGES) ? -1 : real(set, operation, fd, event);
}

int epoll_create1(int flags) {
  REAL(epoll_create1)
  return fails(FAILING_SETS) ? -1 : real(flags);
}

ssize_t send(int fd, const void *data, size_t size, int flags) {
  REAL(send)
  return fails(FAILING_SENDS) ? -1 : real(fd, data, size, flags);
}

ssize_t recv(int fd, void *data, size_t size, int flags) {
  REAL(recv)
  return fails(FAILING_RECEIVES) ? -1 : real(fd, data, size, flags);
}
