/* SPDX-License-Identifier: MIT */
/*
 * blocking.h - the blocking model, Stevens' first: a thread for whatever may be waited for.
 */
#ifndef SERVER_BLOCKING_H
#define SERVER_BLOCKING_H

#include "server.h"
#include "sockets.h"

#define BLOCKING_MODEL "blocking"

/* --backend=blocking: a thread for each of the sockets, which it owns then. 0 or -errno. */
int blocking_start(struct server *server, struct sockets *set);

/* --handler=thread: a tcpserver_accepted with the server as arg. */
void blocking_on_accepted(struct tcpserver *tcp, int fd, const struct sockaddr *peer,
                          socklen_t peer_size, void *arg);

#endif
