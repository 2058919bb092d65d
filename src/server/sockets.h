/* SPDX-License-Identifier: MIT */
/*
 * sockets.h - the sockets that the options ask for: bound, listening, and nobody's yet.
 */
#ifndef SERVER_SOCKETS_H
#define SERVER_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

#include "../programs/address.h"
#include "options.h"

struct bound_socket {
  int fd; /* -1: taken over by whoever serves it, or closed */
  bool tcp;
  struct address address;
};

/* Zero at first. */
struct sockets {
  struct bound_socket *at;
  size_t count;
};

/*
 * Open `count` sets (1 ..) of the same addresses and ports; with more than one, or --workers, the
 * kernel shares new connections and datagrams out among them. 0, or an exit code when a line has
 * been said; then none is open.
 */
int sockets_open(const struct options *options, struct sockets *sets, size_t count);

/* Close those that nobody has taken, and free the list. */
void sockets_close(struct sockets *set);

/* "listening tcp 127.0.0.1:8888 backend=epoll" for each. */
void sockets_announce(const struct sockets *set, const char *backend);

#endif
