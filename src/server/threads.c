/* SPDX-License-Identifier: MIT */
/*
 * threads.c - connections served by a thread each, with calls that block.
 *
 * The loop accepts; the thread does recv, print, send until the end. Nothing is shared but a
 * queue: threads hand finished lines to the loop, which owns stdout, and at last themselves, to be
 * joined. It is the loop too that closes the descriptors, so a number is never reused under a
 * thread that still sleeps on it, and shutdown() can end a thread without a race.
 *
 *   thread:  recv -> line --(mutex)--> queue --> threadsafe callback --> loop: stdout, counters
 *
 * A slow stdout holds the threads back on a condition; they then do not recv, and TCP does the
 * rest.
 */
#include "threads.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "../programs/say.h"

enum {
  STACK_SIZE = 256 * 1024, /* address space; only what is touched costs memory */
  READ_SIZE = 16 * 1024,
  QUEUE_LIMIT = 256 * 1024, /* bytes of lines that the loop has not taken yet */
};

struct chunk {
  struct chunk *next;
  size_t bytes; /* received */
  size_t size;  /* of the line */
  char line[];
};

struct worker {
  struct threads *threads;
  struct worker *previous, *next; /* all of them; the loop's alone */
  struct worker *next_finished;
  struct address peer;
  pthread_t thread;
  int fd;
  int error; /* -errno that ended it, or 0 */
};

struct threads {
  struct server *server;
  struct worker *workers; /* the loop's alone */
  uint64_t complained_ns;

  pthread_mutex_t mutex; /* guards what follows */
  pthread_cond_t may_go_on;
  struct chunk *first, **last; /* queue of lines */
  size_t queued;
  struct worker *finished;
  bool told; /* a callback is on its way to the loop */
  bool stalled, abandoned;
  uint64_t echoed;
};

/* ---- in the worker's thread ----------------------------------------------------------- */

static void on_news(struct ioloop *loop, void *arg);

/* With the mutex held. Should there be no memory for the callback, the next one to come tries
 * again; a line is never lost. */
static void tell_loop(struct threads *threads) {
  if (!threads->told)
    threads->told = ioloop_add_callback_threadsafe(threads->server->loop, on_news, threads) == 0;
}

/* -ECANCELED: the end's time is over, nobody will take it. */
static int hand_over(struct threads *threads, struct chunk *chunk) {
  pthread_mutex_lock(&threads->mutex);
  while ((threads->stalled || threads->queued >= QUEUE_LIMIT) && !threads->abandoned)
    pthread_cond_wait(&threads->may_go_on, &threads->mutex);
  bool taken = !threads->abandoned;
  if (taken) {
    *threads->last = chunk;
    threads->last = &chunk->next;
    threads->queued += chunk->size;
    tell_loop(threads);
  }
  pthread_mutex_unlock(&threads->mutex);
  if (taken)
    return 0;
  free(chunk);
  return -ECANCELED;
}

static int print(struct worker *worker, struct record_clock *clock, const char *data, size_t size) {
  const struct record_format *format = &worker->threads->server->format;
  bool silent = format->print == PRINT_NONE;
  struct chunk *chunk = malloc(sizeof *chunk + (silent ? 0 : record_room(format, size)));
  if (!chunk)
    return -ENOMEM;
  *chunk = (struct chunk){.bytes = size};
  if (!silent)
    chunk->size = record_write(format, clock, chunk->line, "tcp", &worker->peer, data, size);
  return hand_over(worker->threads, chunk);
}

static int send_all(int fd, const char *data, size_t size) {
  while (size > 0) {
    ssize_t n = send(fd, data, size, 0); /* SIGPIPE is ignored in this program */
    if (n < 0 && errno != EINTR)
      return -errno;
    data += n > 0 ? n : 0;
    size -= n > 0 ? (size_t)n : 0;
  }
  return 0;
}

static void count_echo(struct threads *threads, size_t size) {
  pthread_mutex_lock(&threads->mutex);
  threads->echoed += size;
  pthread_mutex_unlock(&threads->mutex);
}

/* 0 at the end of input. EAGAIN is the idle timeout of a blocking socket. */
static int serve(struct worker *worker) {
  struct record_clock clock = {.second = 0};
  bool echo = !worker->threads->server->options.no_echo;
  char data[READ_SIZE];
  for (;;) {
    ssize_t n = recv(worker->fd, data, sizeof data, 0);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return n == 0 || errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
    int error = print(worker, &clock, data, (size_t)n);
    if (!error && echo)
      error = send_all(worker->fd, data, (size_t)n);
    if (error)
      return error;
    if (echo)
      count_echo(worker->threads, (size_t)n);
  }
}

static void *run(void *arg) {
  struct worker *worker = arg;
  struct threads *threads = worker->threads;
  worker->error = serve(worker);
  pthread_mutex_lock(&threads->mutex);
  worker->next_finished = threads->finished;
  threads->finished = worker;
  tell_loop(threads);
  pthread_mutex_unlock(&threads->mutex);
  return NULL;
}

/* ---- in the loop ---------------------------------------------------------------------- */

static void take_lines(struct server *server, struct chunk *chunk) {
  while (chunk) {
    struct chunk *next = chunk->next;
    server->counts.tcp_records++;
    server->counts.bytes += chunk->bytes;
    if (chunk->size > 0)
      output_put(server->output, chunk->line, chunk->size);
    free(chunk);
    chunk = next;
  }
}

static void unlink_worker(struct worker *worker) {
  if (worker->previous)
    worker->previous->next = worker->next;
  else
    worker->threads->workers = worker->next;
  if (worker->next)
    worker->next->previous = worker->previous;
}

/* A finished thread has nothing left to do, so joining it does not wait. */
static void join_finished(struct server *server, struct worker *worker) {
  while (worker) {
    struct worker *next = worker->next_finished;
    pthread_join(worker->thread, NULL);
    if (worker->error)
      server->counts.failed++;
    close(worker->fd);
    unlink_worker(worker);
    free(worker);
    tcpserver_release(server->tcp);
    worker = next;
  }
}

static void on_news(struct ioloop *loop, void *arg) {
  struct threads *threads = arg;
  (void)loop;
  pthread_mutex_lock(&threads->mutex);
  struct chunk *lines = threads->first;
  struct worker *finished = threads->finished;
  threads->first = NULL;
  threads->last = &threads->first;
  threads->queued = 0;
  threads->finished = NULL;
  threads->told = false;
  pthread_cond_broadcast(&threads->may_go_on);
  pthread_mutex_unlock(&threads->mutex);
  take_lines(threads->server, lines);
  join_finished(threads->server, finished);
  server_check_end(threads->server);
}

/* ---- starting ------------------------------------------------------------------------- */

static void set_timeout(int fd, int option, uint64_t ns) {
  struct timeval time = {.tv_sec = (time_t)(ns / 1000000000),
                         .tv_usec = (suseconds_t)(ns % 1000000000 / 1000)};
  (void)setsockopt(fd, SOL_SOCKET, option, &time, sizeof time);
}

/* As a program without a loop would have it: calls wait, and for --idle-timeout at most. */
static int make_blocking(int fd, uint64_t idle_timeout_ns) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
    return -errno;
  if (idle_timeout_ns > 0) {
    set_timeout(fd, SO_RCVTIMEO, idle_timeout_ns);
    set_timeout(fd, SO_SNDTIMEO, idle_timeout_ns);
  }
  return 0;
}

/* All signals stay with the loop's thread. */
static int start_thread(struct worker *worker) {
  pthread_attr_t attributes;
  sigset_t all, old;
  int error = pthread_attr_init(&attributes);
  if (error)
    return -error;
  (void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  error = pthread_create(&worker->thread, &attributes, run, worker);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  pthread_attr_destroy(&attributes);
  return -error;
}

static int start_worker(struct threads *threads, int fd, const struct address *peer) {
  int error = make_blocking(fd, threads->server->options.idle_timeout_ns);
  if (error)
    return error;
  struct worker *worker = malloc(sizeof *worker);
  if (!worker)
    return -ENOMEM;
  *worker = (struct worker){.threads = threads, .next = threads->workers, .peer = *peer, .fd = fd};
  error = start_thread(worker);
  if (error) {
    free(worker);
    return error;
  }
  if (worker->next)
    worker->next->previous = worker;
  threads->workers = worker;
  return 0;
}

static void complain_once_a_second(struct threads *threads, const struct address *peer, int error) {
  char text[ADDRESS_TEXT_SIZE];
  uint64_t now = ioloop_time(threads->server->loop);
  if (threads->complained_ns && now - threads->complained_ns < UINT64_C(1000000000))
    return;
  threads->complained_ns = now;
  complain("cannot serve %s with a thread: %s; it is closed (raise the limit of threads: ulimit "
           "-u, or allow fewer with --max-connections=N)",
           address_text(peer, text), strerror(-error));
}

void threads_on_accepted(struct tcpserver *tcp, int fd, const struct sockaddr *peer,
                         socklen_t peer_size, void *arg) {
  struct server *server = arg;
  struct address from = address_from(peer, peer_size);
  int error = start_worker(server->threads, fd, &from);
  if (error == 0)
    return;
  complain_once_a_second(server->threads, &from, error);
  server->counts.failed++;
  close(fd);
  tcpserver_release(tcp);
}

/* ---- the whole ------------------------------------------------------------------------ */

int threads_new(struct server *server, struct threads **ret) {
  struct threads *threads = calloc(1, sizeof *threads);
  if (!threads)
    return -ENOMEM;
  threads->server = server;
  threads->last = &threads->first;
  pthread_mutex_init(&threads->mutex, NULL);
  pthread_cond_init(&threads->may_go_on, NULL);
  *ret = threads;
  return 0;
}

void threads_stall(struct threads *threads, bool stalled) {
  pthread_mutex_lock(&threads->mutex);
  threads->stalled = stalled;
  if (!stalled)
    pthread_cond_broadcast(&threads->may_go_on);
  pthread_mutex_unlock(&threads->mutex);
}

static void shutdown_all(struct threads *threads, int how) {
  for (struct worker *worker = threads->workers; worker; worker = worker->next)
    shutdown(worker->fd, how);
}

/* What has arrived is still read after SHUT_RD; then comes the end of input. */
void threads_finish(struct threads *threads) {
  shutdown_all(threads, SHUT_RD);
}

void threads_abandon(struct threads *threads) {
  pthread_mutex_lock(&threads->mutex);
  threads->abandoned = true;
  pthread_cond_broadcast(&threads->may_go_on);
  pthread_mutex_unlock(&threads->mutex);
  shutdown_all(threads, SHUT_RDWR);
}

uint64_t threads_echoed(struct threads *threads) {
  pthread_mutex_lock(&threads->mutex);
  uint64_t echoed = threads->echoed;
  pthread_mutex_unlock(&threads->mutex);
  return echoed;
}

void threads_free(struct threads *threads) {
  if (!threads || threads->workers)
    return;
  pthread_mutex_destroy(&threads->mutex);
  pthread_cond_destroy(&threads->may_go_on);
  free(threads);
}
