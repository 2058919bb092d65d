/* SPDX-License-Identifier: MIT */
/*
 * socket_file.c - the files of AF_UNIX sockets.
 *
 * The file of a socket outlives it (unix(7)). One is removed only as long as it is the one that was
 * made here, by device and inode, and in the process that made it: another program may have put its
 * own in that place. Its path is kept in full, for the program may change its directory.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fork.h"
#include "sockets.h"

struct socket_file {
  dev_t device;
  ino_t inode;
  unsigned forks; /* ioloop__fork_count of the process that made it */
  char *path;
};

bool ioloop__socket_path(const struct sockaddr *address, socklen_t size,
                         char path[IOLOOP__PATH_SIZE]) {
  const size_t head = offsetof(struct sockaddr_un, sun_path);
  if (address->sa_family != AF_UNIX || size <= head || size > sizeof(struct sockaddr_un))
    return false;
  const char *name = (const char *)address + head;
  size_t length = strnlen(name, size - head);
  memcpy(path, name, length);
  path[length] = '\0';
  return length > 0;
}

struct socket_file *ioloop__note_file(const struct sockaddr *address, socklen_t size) {
  char path[IOLOOP__PATH_SIZE];
  struct stat status;
  if (!ioloop__socket_path(address, size, path) || lstat(path, &status) < 0)
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
