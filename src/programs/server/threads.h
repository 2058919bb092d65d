/* SPDX-License-Identifier: MIT */
/* threads.h - threads that each serve one descriptor with blocking calls, from start to end. */
#ifndef SERVER_THREADS_H
#define SERVER_THREADS_H

#include <pthread.h>

#include "server.h"

struct line;

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
  struct record_clock clock;

  thread_serve *serve; /* private to threads.c from here on */
  struct thread *previous, *next;
  struct thread *next_finished;
  pthread_t thread;
};

/* Private to threads.c and records.c, except `abandoned`. */
struct threads {
  struct server *server;

  pthread_mutex_t mutex; /* guards the rest */
  pthread_cond_t room;   /* a connection has ended, or no more are wanted */
  struct thread *all, *finished;
  atomic_size_t running; /* read without the mutex as well */
  size_t connections;
  uint64_t kernel_drops; /* of sockets that are closed */
  bool notified;         /* a callback is on its way to the loop */
  bool ending;
  atomic_bool abandoned; /* the time for shutdown is over; read without the mutex as well */

  pthread_cond_t may_queue; /* records.c: lines were taken, or `stalled` or `abandoned` changed */
  struct line *first, **last;
  size_t queued;
  bool stalled;
};

/* -ENOMEM; -errno of installing the signal that wakes threads. */
int threads_new(struct server *server, struct threads **ret);

/* Any thread: start a thread that owns `fd`. On failure `fd` remains the caller's. -ENOMEM;
 * -EAGAIN: too many threads. */
int threads_start(struct threads *threads, enum thread_kind kind, int fd,
                  const struct address *peer, thread_serve *serve);

/* ---- in a thread ---------------------------------------------------------------------- */

/* Wait for a connection to end, at most `ms`. False: no more connections are wanted. */
bool threads_wait_for_room(struct threads *threads, unsigned ms);

/* Wait until --max-connections allows one more. False as above. */
bool threads_wait_for_limit(struct threads *threads);

/* With the mutex held: make the loop take lines and finished threads. If there is no memory for the
 * callback, the next call tries again; no line is lost. */
void threads_notify(struct threads *threads);

/* records.c: count a record and queue its line for the loop, which owns stdout. Blocks while stdout
 * takes no more. -ENOMEM; -ECANCELED: the time for shutdown is over, and the line would never be
 * taken. */
int thread_print(struct thread *thread, const char *protocol, const struct address *peer,
                 const char *data, size_t size);

/* ---- in the loop ---------------------------------------------------------------------- */

/* records.c: move the queued lines into the output. */
void threads_take_lines(struct threads *threads);

/* stdout is full, or has room again. */
void threads_stall(struct threads *threads, bool stalled);

/* NULL: 0. */
size_t threads_running(const struct threads *threads);

/* Datagrams that the kernel dropped, on sockets that threads serve or have served. */
uint64_t threads_kernel_drops(struct threads *threads);

/* SHUT_RD: no more input; each thread serves what has arrived and ends. SHUT_RDWR: no output either;
 * threads that block in send() or wait for stdout end as well. May be repeated. */
void threads_end(struct threads *threads, int how);

/* Free, unless threads still run: then the memory they use is leaked. NULL is fine. */
void threads_free(struct threads *threads);

#endif
