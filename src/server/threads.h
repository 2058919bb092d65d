/* SPDX-License-Identifier: MIT */
/*
 * threads.h - the blocking model, Stevens' first: a thread for each connection.
 */
#ifndef SERVER_THREADS_H
#define SERVER_THREADS_H

#include "server.h"

/* -ENOMEM */
int threads_new(struct server *server, struct threads **ret);

/* A tcpserver_accepted with the server as arg. */
void threads_on_accepted(struct tcpserver *tcp, int fd, const struct sockaddr *peer,
                         socklen_t peer_size, void *arg);

/* stdout has more than it can take: threads wait before they hand over another record. */
void threads_stall(struct threads *threads, bool stalled);

/* No more input: each thread serves what has arrived and ends. May be repeated. */
void threads_finish(struct threads *threads);

/* Neither input nor output: threads that hang in a send end as well. */
void threads_abandon(struct threads *threads);

uint64_t threads_echoed(struct threads *threads);

/* Free, unless threads still run: then what they use stays. NULL is fine. */
void threads_free(struct threads *threads);

#endif
