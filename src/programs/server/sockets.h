/* SPDX-License-Identifier: MIT */
/*
 * sockets.h - the sockets for the given options: bound and listening, but not served yet.
 */
#ifndef SERVER_SOCKETS_H
#define SERVER_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"
#include "options.h"

struct bound_socket {
  int fd; /* -1: taken over by the loop or a thread, or closed */
  bool tcp;
  struct address address;
};

/* Initially zero. */
struct sockets {
  struct bound_socket *at;
  size_t count;
};

/*
 * Open `count` sets (at least 1) of the same addresses and ports. With more than one, or --workers,
 * the kernel distributes new connections and datagrams among them. 0, or an exit code after
 * printing an error; then none is open.
 */
int sockets_open(const struct server_options *options, struct sockets *sets, size_t count);

/* Close those that were not taken over, and free the list. */
void sockets_close(struct sockets *set);

/* Print "listening tcp 127.0.0.1:8888 backend=epoll" for each. */
void sockets_announce(const struct sockets *set, const char *backend);

#endif
