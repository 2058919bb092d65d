/* SPDX-License-Identifier: MIT */
/* platform_posix.c - what is the same on every system we know, but belongs to platform.h. */
#define __APPLE_USE_RFC_3542 1 /* macOS: IPV6_PKTINFO */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backend.h"
#include "platform.h"

uint64_t ioloop__now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void ioloop__pause(void) {
  const struct timespec pause = {.tv_nsec = IOLOOP__PAUSE_NS};
  nanosleep(&pause, NULL);
}

int ioloop__set_flags(int fd, bool nonblocking) {
  int status = fcntl(fd, F_GETFL), descriptor = fcntl(fd, F_GETFD);
  if (status < 0 || descriptor < 0)
    return -errno;
  if (nonblocking && !(status & O_NONBLOCK) && fcntl(fd, F_SETFL, status | O_NONBLOCK) < 0)
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

int ioloop__prepare(int fd, bool completion, bool ours) {
  return completion && ours ? ioloop__set_blocking(fd, true) : ioloop__adopt(fd, !completion);
}

bool ioloop__is_blocking(int fd) {
  int status = fcntl(fd, F_GETFL);
  return status >= 0 && !(status & O_NONBLOCK);
}

short ioloop__poll_now(int fd, short events) {
  struct pollfd entry = {.fd = fd, .events = events};
  return poll(&entry, 1, 0) == 1 ? entry.revents : 0;
}

int ioloop__check_fd(int fd) {
  struct stat status;
  if (fstat(fd, &status) < 0)
    return -errno;
  if (S_ISSOCK(status.st_mode) || S_ISFIFO(status.st_mode))
    return 0;
  bool stored = S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || S_ISBLK(status.st_mode);
  return ioloop__check_file(fd, stored);
}

bool ioloop__is_closed(int fd) {
  return fcntl(fd, F_GETFD) < 0 && errno == EBADF;
}

int ioloop__socket_option(int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  return getsockopt(fd, level, name, &value, &size) < 0 ? -errno : value;
}

int ioloop__check_socket(int fd, int type, bool listening) {
  int found = ioloop__socket_option(fd, SOL_SOCKET, SO_TYPE);
  if (found < 0)
    return found;
  if (found != type)
    return -EPROTOTYPE;
  /* Some versions of macOS lack this option. */
  int listens = ioloop__socket_option(fd, SOL_SOCKET, SO_ACCEPTCONN);
  return listens >= 0 && !listens == listening ? -EINVAL : 0;
}

int ioloop__pipe_waker_open(int fds[2]) {
  if (pipe(fds) < 0)
    return -errno;
  int r = ioloop__set_flags(fds[0], true);
  if (!r)
    r = ioloop__set_flags(fds[1], true);
  if (r)
    ioloop__waker_close(fds);
  return r;
}

bool ioloop__waker_wake(int fd) {
  int saved = errno;
  /* Eight bytes: an eventfd takes nothing else. Full means that it is readable already. */
  static const uint64_t one = 1;
  bool done = write(fd, &one, sizeof one) > 0 || errno == EAGAIN;
  errno = saved;
  return done;
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

/* ---- our own address of a datagram ---------------------------------------------------------- */

static bool is_any(const union ioloop__local *address) {
  if (address->any.sa_family == AF_INET)
    return address->v4.sin_addr.s_addr == htonl(INADDR_ANY);
  return address->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
}

bool ioloop__ask_local(int fd) {
  struct sockaddr_storage address;
  union ioloop__local local;
  socklen_t size = sizeof address;
  int one = 1;
  if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
    return false;
  memcpy(&local, &address, sizeof local);
  if (!is_any(&local))
    return false;
  bool v4 = ioloop__ask_v4_local(fd) == 0; /* of an IPv6 socket too: it may receive both */
  if (local.any.sa_family == AF_INET)
    return v4;
  return setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof one) == 0;
}

/* Whether an address can be the source of an answer. */
static bool is_one_host(struct in_addr address) {
  uint32_t host = ntohl(address.s_addr);
  return host != INADDR_ANY && host != INADDR_BROADCAST && !IN_MULTICAST(host);
}

static void read_v4(union ioloop__local *ret, struct in_addr address) {
  if (ret->any.sa_family == AF_INET6) /* an IPv6 socket: it came as a mapped one before */
    memcpy(ret->v6.sin6_addr.s6_addr + 12, &address, sizeof address);
  else if (is_one_host(address))
    ret->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = address};
}

static void read_v6(union ioloop__local *ret, const struct in6_pktinfo *info) {
  if (IN6_IS_ADDR_MULTICAST(&info->ipi6_addr))
    return;
  ret->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = info->ipi6_addr};
  if (IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr))
    ret->v6.sin6_scope_id = (uint32_t)info->ipi6_ifindex;
}

static void forget_mapped_group(union ioloop__local *local) {
  struct in_addr v4;
  if (local->any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&local->v6.sin6_addr))
    return;
  memcpy(&v4, local->v6.sin6_addr.s6_addr + 12, sizeof v4);
  if (!is_one_host(v4))
    local->any.sa_family = AF_UNSPEC;
}

void ioloop__read_local(const void *control, size_t size, union ioloop__local *ret) {
  struct msghdr header = {.msg_control = (void *)(uintptr_t)control,
                          .msg_controllen = (socklen_t)size};
  ret->any.sa_family = AF_UNSPEC;
  for (struct cmsghdr *it = CMSG_FIRSTHDR(&header); it; it = CMSG_NXTHDR(&header, it)) {
    struct in_addr v4;
    struct in6_pktinfo v6;
    if (it->cmsg_level == IPPROTO_IPV6 && it->cmsg_type == IPV6_PKTINFO) {
      memcpy(&v6, CMSG_DATA(it), sizeof v6);
      read_v6(ret, &v6);
    } else if (ioloop__read_v4_local(it, &v4)) {
      read_v4(ret, v4);
    }
  }
  forget_mapped_group(ret);
}

void ioloop__put_control(struct msghdr *header, int level, int type, const void *data,
                         size_t size) {
  struct cmsghdr *control = CMSG_FIRSTHDR(header);
  control->cmsg_level = level;
  control->cmsg_type = type;
  control->cmsg_len = (socklen_t)CMSG_LEN(size); /* size_t in glibc only */
  memcpy(CMSG_DATA(control), data, size);
  header->msg_controllen = (socklen_t)CMSG_SPACE(size);
}

void ioloop__put_local(struct msghdr *header, void *room, const union ioloop__local *local) {
  memset(room, 0, IOLOOP__CONTROL_SIZE);
  header->msg_control = room;
  header->msg_controllen = IOLOOP__CONTROL_SIZE;
  if (local->any.sa_family == AF_INET) {
    ioloop__put_v4_local(header, local->v4.sin_addr);
    return;
  }
  struct in6_pktinfo info = {.ipi6_addr = local->v6.sin6_addr};
  info.ipi6_ifindex = local->v6.sin6_scope_id;
  ioloop__put_control(header, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
}
