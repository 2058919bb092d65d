/* SPDX-License-Identifier: MIT */
/*
 * threads.h - threads that each serve one descriptor with blocking calls, from start to end.
 */
#ifndef SERVER_THREADS_H
#define SERVER_THREADS_H

#include <pthread.h>

#include "server.h"

struct lines;
struct trace_track;

enum thread_kind {
  THREAD_CONNECTION,
  THREAD_LISTENER,
  THREAD_DATAGRAMS,
};

struct thread;

/* Serve thread->fd; return when that is over. 0, or -errno if it failed. */
typedef int thread_serve(struct thread *thread);

struct thread {
  struct server *server;
  struct trace_track *track; /* of --trace; NULL: none */
  enum thread_kind kind;
  int fd;
  struct address peer; /* of a connection */
  int error;           /* -errno that ended it, or 0 */

  thread_serve *serve; /* private to threads.c from here on */
  struct thread *previous, *next;
  struct thread *next_finished;
  pthread_t thread;
};

/* -ENOMEM; -errno of installing the signal that wakes threads. */
int threads_new(struct server *server, struct threads **ret);

/* Any thread: start a thread that owns `fd`. On failure `fd` remains the caller's. -ENOMEM;
 * -EAGAIN: too many threads. */
int threads_start(struct threads *threads, enum thread_kind kind, int fd,
                  const struct address *peer, thread_serve *serve);

/* ---- in a thread ---------------------------------------------------------------------- */

struct lines *threads_lines(struct threads *threads);

/* Wait for a connection to end, at most `ms`. False: no more connections are wanted. */
bool threads_wait_for_room(struct threads *threads, int ms);

/* Wait until --max-connections allows one more. False as above. */
bool threads_wait_for_limit(struct threads *threads);

/* The time for shutdown is over. */
bool threads_abandoned(struct threads *threads);

/* ---- in the loop ---------------------------------------------------------------------- */

size_t threads_running(struct threads *threads);

/* Datagrams that the kernel dropped, on sockets that threads serve or have served. */
uint64_t threads_kernel_drops(struct threads *threads);

/* No more input: each thread serves what has arrived and ends. May be repeated. */
void threads_finish(struct threads *threads);

/* Neither input nor output: threads that block in send() end as well. */
void threads_abandon(struct threads *threads);

/* Free, unless threads still run: then the memory they use is leaked. NULL is fine. */
void threads_free(struct threads *threads);

#endif
