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

/* ---- in threads ----------------------------------------------------------------------- */

struct thread;

/* blocking_udp.c: the thread of a UDP socket. */
int blocking_serve_datagrams(struct thread *thread);

/* Has the call come back instead of sleeping (EAGAIN: the idle timeout, or the end has come)? */
bool blocking_would_sleep(int error);

/* A moment, before what failed for lack of something is tried again. False: the end has come. */
bool blocking_pause(struct thread *thread);

/* lines_put, tried until there is memory. -ECANCELED: the end has come, and stdout takes no more;
 * -ENOMEM: the end has come. */
int blocking_put_record(struct thread *thread, struct record_clock *clock, const char *protocol,
                        const struct address *peer, const char *data, size_t size);

#endif
