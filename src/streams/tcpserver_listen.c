/* SPDX-License-Identifier: MIT */
/*
 * tcpserver_listen.c - sockets that listen.
 *
 * The file of an AF_UNIX socket outlives its server (unix(7)): one that was killed leaves it, and
 * the next bind fails with EADDRINUSE. Whether anything listens there is found out by connecting.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform.h"
#include "socket_file.h"
#include "tcpserver_internal.h"

static bool is_listened_on(const struct sockaddr *address, socklen_t size) {
  int fd = ioloop__socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0)
    return true; /* unknown */
  bool refused = connect(fd, address, size) < 0 && errno == ECONNREFUSED;
  close(fd);
  return !refused;
}

/* bind, in place of a socket's file on which nothing listens. */
static int bind_anew(int fd, const struct sockaddr *address, socklen_t size, const char *path) {
  struct stat before, now;
  if (lstat(path, &before) < 0 || !S_ISSOCK(before.st_mode) || is_listened_on(address, size))
    return -EADDRINUSE;
  /* Another server may have found the same, and have been faster. */
  if (lstat(path, &now) < 0 || now.st_dev != before.st_dev || now.st_ino != before.st_ino)
    return -EADDRINUSE;
  if (unlink(path) < 0)
    return -errno;
  return bind(fd, address, size) < 0 ? -errno : 0;
}

static int bind_unix(int fd, const struct sockaddr *address, socklen_t size, bool replace) {
  char path[IOLOOP__PATH_SIZE];
  if (bind(fd, address, size) == 0)
    return 0;
  if (errno != EADDRINUSE || !replace || !ioloop__socket_path(address, size, path))
    return -errno;
  return bind_anew(fd, address, size, path);
}

static int bind_inet(int fd, const struct sockaddr *address, socklen_t size) {
  /* Else the connections of the last run, in TIME_WAIT, would keep the port for a minute. */
  int one = 1, r = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (!r && address->sa_family == AF_INET6)
    r = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  if (!r)
    r = bind(fd, address, size);
  return r ? -errno : 0;
}

int tcpserver__open_listener(const struct sockaddr *address, socklen_t size,
                             const struct tcpserver_options *options) {
  /* What is over the kernel's limit counts as that, on Linux, macOS and FreeBSD. */
  int backlog = options->backlog > 0 ? options->backlog : INT_MAX;
  int fd = ioloop__socket(address->sa_family, SOCK_STREAM, 0);
  if (fd < 0)
    return fd;
  int r = address->sa_family == AF_UNIX ? bind_unix(fd, address, size, options->replace_stale_file)
                                        : bind_inet(fd, address, size);
  if (!r && listen(fd, backlog) < 0)
    r = -errno;
  if (!r)
    return fd;
  close(fd);
  return r;
}
