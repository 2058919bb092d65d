/* SPDX-License-Identifier: MIT */
/* socket_file.h - the files of AF_UNIX sockets, for servers and datagram sockets. */
#ifndef IOLOOP_SOCKET_FILE_H
#define IOLOOP_SOCKET_FILE_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
  IOLOOP__PATH_SIZE = sizeof((struct sockaddr_un *)0)->sun_path + 1
};

/* An address's path, which there need not end in a zero. false: it is of another family, or an
 * abstract one. */
bool ioloop__socket_path(const struct sockaddr *address, socklen_t size,
                         char path[IOLOOP__PATH_SIZE]);

/* The file that bind has just made, to be removed with the socket. NULL: none, or no memory. */
struct socket_file *ioloop__note_file(const struct sockaddr *address, socklen_t size);
/* Remove it if it is still that, and free this. NULL is fine. */
void ioloop__remove_file(struct socket_file *file);

#endif
