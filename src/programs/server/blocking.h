/* SPDX-License-Identifier: MIT */
/*
 * blocking.h - the blocking model, Stevens' first: a thread for each descriptor that may block.
 */
#ifndef SERVER_BLOCKING_H
#define SERVER_BLOCKING_H

#include "server.h"
#include "sockets.h"

#define BLOCKING_MODEL "blocking"

/* --backend=blocking: start a thread for each of the sockets, and give it the socket. 0 or
 * -errno. */
int blocking_start(struct server *server, struct sockets *set);

/* --handler=thread: a tcpserver_accepted with the server as arg. */
void blocking_on_accepted(struct tcpserver *tcp, int fd, const struct sockaddr *peer,
                          socklen_t peer_size, void *arg);

/* ---- in threads ----------------------------------------------------------------------- */

struct thread;

/* blocking_udp.c: the thread of a UDP socket. */
int blocking_serve_datagrams(struct thread *thread);

/* Did the call return instead of sleeping? (EAGAIN: the idle timeout expired, or shutdown has
 * begun.) */
bool blocking_would_sleep(int error);

/* A short wait before a call that failed for lack of resources is retried. False: shutdown has
 * begun. */
bool blocking_pause(struct thread *thread);

/* lines_put, retried until there is memory. -ECANCELED: shutdown has begun and stdout takes no
 * more; -ENOMEM: shutdown has begun. */
int blocking_put_record(struct thread *thread, struct record_clock *clock, const char *protocol,
                        const struct address *peer, const char *data, size_t size);

#endif
