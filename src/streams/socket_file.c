/* SPDX-License-Identifier: MIT */
/*
 * socket_file.c - the files of AF_UNIX sockets.
 *
 * The file of a socket outlives it (unix(7)). A server that was killed leaves its file, and the next
 * bind fails with EADDRINUSE; whether anything listens there is found out by connecting. A file is
 * removed only as long as it is the one that was made here, by device and inode, and in the process
 * that made it: another program may have put its own in that place. Its path is kept in full, for
 * the program may change its directory.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fork.h"
#include "platform.h"
#include "sockets.h"

struct socket_file {
  dev_t device;
  ino_t inode;
  unsigned forks; /* ioloop__fork_count of the process that made it */
  char *path;
};

enum {
  PATH_SIZE = sizeof((struct sockaddr_un *)0)->sun_path + 1
};

/* An address's path, which there need not end in a zero. false: it is of another family, or an
 * abstract one. */
static bool path_of(const struct sockaddr *address, socklen_t size, char path[PATH_SIZE]) {
  const size_t head = offsetof(struct sockaddr_un, sun_path);
  if (address->sa_family != AF_UNIX || size <= head || size > sizeof(struct sockaddr_un))
    return false;
  const char *name = (const char *)address + head;
  size_t length = strnlen(name, size - head);
  memcpy(path, name, length);
  path[length] = '\0';
  return length > 0;
}

static bool is_listened_on(const struct sockaddr *address, socklen_t size) {
  int fd = ioloop__socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0)
    return true; /* unknown */
  bool refused = connect(fd, address, size) < 0 && errno == ECONNREFUSED;
  close(fd);
  return !refused;
}

static int bind_in_place(int fd, const struct sockaddr *address, socklen_t size, const char *path) {
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

int ioloop__bind_unix(int fd, const struct sockaddr *address, socklen_t size, bool replace) {
  char path[PATH_SIZE];
  if (bind(fd, address, size) == 0)
    return 0;
  if (errno != EADDRINUSE || !replace || !path_of(address, size, path))
    return -errno;
  return bind_in_place(fd, address, size, path);
}

struct socket_file *ioloop__note_file(const struct sockaddr *address, socklen_t size) {
  char path[PATH_SIZE];
  struct stat status;
  if (!path_of(address, size, path) || lstat(path, &status) < 0)
    return NULL;
  struct socket_file *file = malloc(sizeof *file);
  if (!file)
    return NULL;
  *file = (struct socket_file){.device = status.st_dev,
                               .inode = status.st_ino,
                               .forks = ioloop__fork_count(),
                               .path = realpath(path, NULL)};
  if (!file->path)
    file->path = strdup(path);
  if (file->path)
    return file;
  free(file);
  return NULL;
}

void ioloop__remove_file(struct socket_file *file) {
  struct stat status;
  if (!file)
    return;
  if (file->forks == ioloop__fork_count() && lstat(file->path, &status) == 0 &&
      status.st_dev == file->device && status.st_ino == file->inode)
    (void)unlink(file->path); /* a directory that cannot be written any more keeps it */
  free(file->path);
  free(file);
}
