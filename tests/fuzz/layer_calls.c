/* SPDX-License-Identifier: MIT */
/*
 * layer_calls.c - each call of calls.h, as the library makes it: it fails as its manual says, or is
 * made.
 *
 * Some calls do their work although they report an error, as the kernel does: close releases the
 * descriptor, connect with EINTR or EINPROGRESS goes on. Where the error would say something that is
 * not so (io_destroy: there is no such context), the work is done too, or the rest of the scene would
 * stand on something that no kernel leaves behind. A send that says that the connection is gone ends
 * it, for the receives that follow must find the same.
 */
#include "layer_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "layer.h"

#define CALLER __builtin_return_address(0)

/* -1 and errno. */
#define PLAIN(type, name, parameters, arguments)                                                   \
  type fault_##name parameters;                                                                    \
  type fault_##name parameters {                                                                   \
    return fault_fails(FAULT_##name, CALLER) ? -1 : name arguments;                                \
  }

/* It does its work, and says that it failed. */
#define DONE_AND_FAILED(name, parameters, arguments)                                               \
  int fault_##name parameters;                                                                     \
  int fault_##name parameters {                                                                    \
    bool fails = fault_fails(FAULT_##name, CALLER);                                                \
    int error = errno, r = name arguments;                                                         \
    if (fails)                                                                                     \
      errno = error;                                                                               \
    return fails ? -1 : r;                                                                         \
  }

/* It returns the error's number. */
#define NUMBER(name, parameters, arguments)                                                        \
  int fault_##name parameters;                                                                     \
  int fault_##name parameters {                                                                    \
    return fault_fails(FAULT_##name, CALLER) ? errno : name arguments;                             \
  }

/* ---- system calls ----------------------------------------------------------------------- */

PLAIN(int, accept4, (int fd, struct sockaddr *peer, socklen_t *size, int flags),
      (fd, peer, size, flags))
PLAIN(int, bind, (int fd, const struct sockaddr *address, socklen_t size), (fd, address, size))
DONE_AND_FAILED(close, (int fd), (fd))
PLAIN(int, epoll_create1, (int flags), (flags))
PLAIN(int, epoll_ctl, (int set, int what, int fd, struct epoll_event *event),
      (set, what, fd, event))
PLAIN(int, epoll_wait, (int set, struct epoll_event *events, int count, int timeout),
      (set, events, count, timeout))
PLAIN(int, eventfd, (unsigned value, int flags), (value, flags))
PLAIN(int, getpeername, (int fd, struct sockaddr *ret, socklen_t *size), (fd, ret, size))
PLAIN(int, getrlimit, (__rlimit_resource_t what, struct rlimit *ret), (what, ret))
PLAIN(int, getsockname, (int fd, struct sockaddr *ret, socklen_t *size), (fd, ret, size))
PLAIN(int, getsockopt, (int fd, int level, int name, void *ret, socklen_t *size),
      (fd, level, name, ret, size))
PLAIN(int, listen, (int fd, int backlog), (fd, backlog))
PLAIN(int, lstat, (const char *path, struct stat *ret), (path, ret))
DONE_AND_FAILED(munmap, (void *at, size_t size), (at, size))
PLAIN(int, nanosleep, (const struct timespec *time, struct timespec *left), (time, left))
PLAIN(int, pipe, (int fds[2]), (fds))
PLAIN(int, poll, (struct pollfd * fds, nfds_t count, int timeout), (fds, count, timeout))
PLAIN(int, ppoll,
      (struct pollfd * fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask),
      (fds, count, timeout, mask))
PLAIN(ssize_t, read, (int fd, void *data, size_t size), (fd, data, size))
PLAIN(ssize_t, readlink, (const char *path, char *ret, size_t size), (path, ret, size))
PLAIN(ssize_t, recv, (int fd, void *data, size_t size, int flags), (fd, data, size, flags))
PLAIN(ssize_t, recvfrom,
      (int fd, void *data, size_t size, int flags, struct sockaddr *peer, socklen_t *peer_size),
      (fd, data, size, flags, peer, peer_size))
PLAIN(int, recvmmsg,
      (int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout),
      (fd, messages, count, flags, timeout))
PLAIN(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))
PLAIN(int, select, (int count, fd_set *in, fd_set *out, fd_set *other, struct timeval *timeout),
      (count, in, out, other, timeout))
PLAIN(int, sendmmsg, (int fd, struct mmsghdr *messages, unsigned count, int flags),
      (fd, messages, count, flags))
PLAIN(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
PLAIN(ssize_t, sendto,
      (int fd, const void *data, size_t size, int flags, const struct sockaddr *peer,
       socklen_t peer_size),
      (fd, data, size, flags, peer, peer_size))
PLAIN(ssize_t, writev, (int fd, const struct iovec *pieces, int count), (fd, pieces, count))
PLAIN(int, waitid, (idtype_t kind, id_t id, siginfo_t *ret, int options), (kind, id, ret, options))
PLAIN(pid_t, waitpid, (pid_t pid, int *status, int options), (pid, status, options))
PLAIN(int, setrlimit, (__rlimit_resource_t what, const struct rlimit *limit), (what, limit))
PLAIN(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t size),
      (fd, level, name, value, size))
DONE_AND_FAILED(shutdown, (int fd, int how), (fd, how))
PLAIN(int, sigaction, (int signo, const struct sigaction *action, struct sigaction *old),
      (signo, action, old))
PLAIN(int, signalfd, (int fd, const sigset_t *set, int flags), (fd, set, flags))
PLAIN(int, sigpending, (sigset_t * ret), (ret))
PLAIN(int, sigtimedwait, (const sigset_t *set, siginfo_t *ret, const struct timespec *timeout),
      (set, ret, timeout))
NUMBER(getaddrinfo,
       (const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **ret),
       (host, service, hints, ret))
NUMBER(pthread_create,
       (pthread_t * ret, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg),
       (ret, attributes, fn, arg))
NUMBER(sigwait, (const sigset_t *set, int *ret), (set, ret))
PLAIN(int, socket, (int family, int type, int protocol), (family, type, protocol))
PLAIN(int, timerfd_create, (int clock, int flags), (clock, flags))
PLAIN(int, timerfd_settime,
      (int fd, int flags, const struct itimerspec *time, struct itimerspec *old),
      (fd, flags, time, old))
PLAIN(int, dup3, (int old, int new, int flags), (old, new, flags))
PLAIN(int, unlink, (const char *path), (path))
NUMBER(pthread_mutex_init, (pthread_mutex_t * mutex, const pthread_mutexattr_t *attributes),
       (mutex, attributes))
NUMBER(pthread_setspecific, (pthread_key_t key, const void *value), (key, value))
NUMBER(pthread_sigmask, (int how, const sigset_t *set, sigset_t *old), (how, set, old))

int fault_connect(int fd, const struct sockaddr *address, socklen_t size);
int fault_connect(int fd, const struct sockaddr *address, socklen_t size) {
  if (!fault_fails(FAULT_connect, CALLER))
    return connect(fd, address, size);
  int error = errno;
  if (error == EINTR || error == EINPROGRESS || error == EISCONN)
    (void)connect(fd, address, size);
  errno = error;
  return -1;
}

/* EBADF would say that the program has closed the descriptor: no program closes
 * a loop's waker. */
bool fault_is_waker(int fd) {
  char path[64], name[64] = "";
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return readlink(path, name, sizeof name - 1) > 0 && strcmp(name, "anon_inode:[eventfd]") == 0;
}

static bool fails_for(enum fault_call call, int fd, const void *caller) {
  const struct fault_plan *plan = &fault_layer->plan;
  if (plan->on && plan->call == call && plan->error == EBADF && fault_is_waker(fd))
    return false;
  return fault_fails(call, caller);
}

int fault_fstat(int fd, struct stat *ret);
int fault_fstat(int fd, struct stat *ret) {
  return fails_for(FAULT_fstat, fd, CALLER) ? -1 : fstat(fd, ret);
}

void fault_end_connection(int fd, int error) {
  int type = 0;
  socklen_t size = sizeof type;
  if ((error == EPIPE || error == ECONNRESET) &&
      getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM)
    (void)shutdown(fd, SHUT_RDWR);
}

ssize_t fault_send(int fd, const void *data, size_t size, int flags);
ssize_t fault_send(int fd, const void *data, size_t size, int flags) {
  if (!fault_fails(FAULT_send, CALLER))
    return send(fd, data, size, flags);
  int error = errno;
  fault_end_connection(fd, error);
  errno = error;
  return -1;
}

/* Eight bytes wake a loop, and EAGAIN says that the waker is readable already. */
ssize_t fault_write(int fd, const void *data, size_t size);
ssize_t fault_write(int fd, const void *data, size_t size) {
  if (!fault_fails(FAULT_write, CALLER))
    return write(fd, data, size);
  int error = errno;
  if (error == EAGAIN && size == sizeof(uint64_t))
    (void)!write(fd, data, size);
  errno = error;
  return -1;
}

int fault_fcntl(int fd, int command, ...);
int fault_fcntl(int fd, int command, ...) {
  va_list list;
  va_start(list, command);
  long argument = va_arg(list, long); /* whatever is there, if it takes none */
  va_end(list);
  /* Whether it is open is answered truly. */
  const struct fault_plan *plan = &fault_layer->plan;
  if (command == F_GETFD && plan->call == FAULT_fcntl && plan->error == EBADF)
    return fcntl(fd, command);
  return fails_for(FAULT_fcntl, fd, CALLER) ? -1 : fcntl(fd, command, argument);
}

int fault_ioctl(int fd, unsigned long request, void *argument);
int fault_ioctl(int fd, unsigned long request, void *argument) {
  return fault_fails(FAULT_ioctl, CALLER) ? -1 : ioctl(fd, request, argument);
}

int fault_isatty(int fd);
int fault_isatty(int fd) {
  return fault_fails(FAULT_isatty, CALLER) ? 0 : isatty(fd);
}

int fault_open(const char *path, int flags, int mode);
int fault_open(const char *path, int flags, int mode) {
  return fault_fails(FAULT_open, CALLER) ? -1 : open(path, flags, mode);
}

void *fault_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *fault_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset) {
  return fault_fails(FAULT_mmap, CALLER) ? MAP_FAILED
                                         : mmap(at, size, protection, flags, fd, offset);
}

static bool find_system_call(long number, enum fault_call *ret) {
  static const struct {
    long number;
    enum fault_call call;
  } known[] = {
      {SYS_epoll_pwait2, FAULT_epoll_pwait2}, {SYS_io_cancel, FAULT_io_cancel},
      {SYS_io_destroy, FAULT_io_destroy},     {SYS_io_getevents, FAULT_io_getevents},
      {SYS_io_setup, FAULT_io_setup},         {SYS_io_submit, FAULT_io_submit},
      {SYS_pidfd_open, FAULT_pidfd_open},     {SYS_io_uring_register, FAULT_io_uring_register},
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (known[i].number == number) {
      *ret = known[i].call;
      return true;
    }
  }
  return false;
}

long fault_syscall(long number, long a, long b, long c, long d, long e, long f);
long fault_syscall(long number, long a, long b, long c, long d, long e, long f) {
  enum fault_call call = FAULT_COUNT;
  if (!find_system_call(number, &call)) {
    fprintf(stderr, "layer: system call %ld is not in the list\n", number);
    abort();
  }
  if (!fault_fails(call, CALLER))
    return syscall(number, a, b, c, d, e, f);
  int error = errno;
  if (call == FAULT_io_destroy || call == FAULT_io_cancel)
    (void)syscall(number, a, b, c, d, e, f);
  errno = error;
  return -1;
}

/* ---- memory ----------------------------------------------------------------------------- */

static void *noted(void *memory, const void *caller) {
  fault_note_allocated(memory, caller);
  return memory;
}

static void *reallocated(void *old, size_t size, const void *caller) {
  if (fault_fails(FAULT_allocation, caller))
    return NULL;
  fault_note_freed(old);
  void *memory = realloc(old, size);
  fault_note_allocated(memory ? memory : old, caller);
  return memory;
}

void *fault_malloc(size_t size);
void *fault_malloc(size_t size) {
  return fault_fails(FAULT_allocation, CALLER) ? NULL : noted(malloc(size), CALLER);
}

void *fault_calloc(size_t count, size_t size);
void *fault_calloc(size_t count, size_t size) {
  return fault_fails(FAULT_allocation, CALLER) ? NULL : noted(calloc(count, size), CALLER);
}

void *fault_realloc(void *old, size_t size);
void *fault_realloc(void *old, size_t size) {
  return reallocated(old, size, CALLER);
}

char *fault_strdup(const char *text);
char *fault_strdup(const char *text) {
  return fault_fails(FAULT_allocation, CALLER) ? NULL : noted(strdup(text), CALLER);
}

char *fault_realpath(const char *path, char *ret);
char *fault_realpath(const char *path, char *ret) {
  bool fails = fault_fails(FAULT_realpath, CALLER) || fault_fails(FAULT_allocation, CALLER);
  return fails ? NULL : noted(realpath(path, ret), CALLER);
}

void fault_free(void *memory);
void fault_free(void *memory) {
  fault_note_freed(memory);
  free(memory);
}
