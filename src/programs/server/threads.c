/* SPDX-License-Identifier: MIT */
/*
 * threads.c - starting and ending threads that serve one descriptor each. What they run is in
 * blocking.c.
 *
 * A thread that has ended hands itself to the loop, which joins it and closes its descriptor. So a
 * number is never reused under a thread that still sleeps on it, and another thread can act on the
 * descriptor without a race. That is necessary, because a thread in a blocking call has to be
 * woken:
 *
 *   connection    shutdown(SHUT_RD): its recv returns the data that has arrived, then end of input
 *   listener,     shutdown would discard the backlog. So: O_NONBLOCK, and then a signal whose
 *   datagrams     handler does nothing. A sleeping call ends with EINTR; a later one does not
 *                 sleep. Either way the thread takes the rest of the queue, and EAGAIN ends it
 */
#include "threads.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop/platform.h"

enum {
  STACK_SIZE = 256 * 1024, /* address space; only touched pages cost memory */
  WAKE_SIGNAL = SIGURG,    /* ignored unless a program handles it, so it does no harm */
};

/* ---- in the thread -------------------------------------------------------------------- */

static void on_notified(struct ioloop *loop, void *arg);

void threads_notify(struct threads *threads) {
  if (!threads->notified)
    threads->notified =
        ioloop_add_callback_threadsafe(threads->server->loop, on_notified, threads) == 0;
}

static void *run(void *arg) {
  static const char *const kinds[] = {"connection", "listener", "datagrams"};
  struct thread *thread = arg;
  struct threads *threads = thread->server->threads;
  int connection = thread->kind == THREAD_CONNECTION ? thread->fd : -1;
  thread->track = tracing_thread(thread->server, kinds[thread->kind], connection);
  thread->error = thread->serve(thread);
  pthread_mutex_lock(&threads->mutex);
  thread->next_finished = threads->finished;
  threads->finished = thread;
  threads_notify(threads); /* with the mutex: the loop cannot free us before it is released */
  pthread_mutex_unlock(&threads->mutex);
  return NULL;
}

bool threads_wait_for_room(struct threads *threads, unsigned ms) {
  /* The condition's clock; a step of it is harmless here. */
  uint64_t until_ns = clock_ns(CLOCK_REALTIME) + ms * NS_PER_MS;
  const struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_SECOND),
                                 .tv_nsec = (long)(until_ns % NS_PER_SECOND)};
  pthread_mutex_lock(&threads->mutex);
  size_t before = threads->connections;
  int error = 0;
  while (!threads->ending && threads->connections >= before && !error)
    error = pthread_cond_timedwait(&threads->room, &threads->mutex, &until);
  bool wanted = !threads->ending;
  pthread_mutex_unlock(&threads->mutex);
  return wanted;
}

bool threads_wait_for_limit(struct threads *threads) {
  uint64_t limit = threads->server->options.max_connections;
  if (limit == 0)
    return true;
  pthread_mutex_lock(&threads->mutex);
  while (!threads->ending && threads->connections >= limit)
    pthread_cond_wait(&threads->room, &threads->mutex);
  bool below = threads->connections < limit;
  pthread_mutex_unlock(&threads->mutex);
  return below;
}

/* ---- starting ------------------------------------------------------------------------- */

static void enter(struct threads *threads, struct thread *thread) {
  thread->next = threads->all;
  if (thread->next)
    thread->next->previous = thread;
  threads->all = thread;
  threads->running++;
  threads->connections += thread->kind == THREAD_CONNECTION;
}

static void leave(struct threads *threads, struct thread *thread) {
  if (thread->previous)
    thread->previous->next = thread->next;
  else
    threads->all = thread->next;
  if (thread->next)
    thread->next->previous = thread->previous;
  threads->running--;
  threads->connections -= thread->kind == THREAD_CONNECTION;
}

/* All signals except the one that wakes the thread stay with the loop's thread. */
static int create(struct thread *thread) {
  pthread_attr_t attributes;
  sigset_t blocked, old;
  int error = pthread_attr_init(&attributes);
  if (error)
    return -error;
  (void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
  sigfillset(&blocked);
  if (thread->kind != THREAD_CONNECTION)
    sigdelset(&blocked, WAKE_SIGNAL);
  pthread_sigmask(SIG_SETMASK, &blocked, &old);
  error = pthread_create(&thread->thread, &attributes, run, thread);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  pthread_attr_destroy(&attributes);
  return -error;
}

/* The new thread needs the mutex to end, so it is in the list before it can leave it. */
int threads_start(struct threads *threads, enum thread_kind kind, int fd,
                  const struct address *peer, thread_serve *serve) {
  struct thread *thread = calloc(1, sizeof *thread);
  if (!thread)
    return -ENOMEM;
  *thread = (struct thread){.server = threads->server, .kind = kind, .fd = fd, .serve = serve};
  if (peer)
    thread->peer = *peer;
  pthread_mutex_lock(&threads->mutex);
  int error = create(thread);
  if (!error)
    enter(threads, thread);
  pthread_mutex_unlock(&threads->mutex);
  if (error)
    free(thread);
  return error;
}

/* ---- in the loop ---------------------------------------------------------------------- */

static void count_end(struct server *server, const struct thread *thread) {
  if (thread->error)
    counts_add_shared(server->counts, COUNT_FAILED, 1);
  if (thread->kind != THREAD_CONNECTION)
    return;
  counts_add_shared(server->counts, COUNT_CLOSED, 1);
  if (server->tcp)
    ioloop_tcpserver_release(server->tcp);
}

/* It has nothing left to do, so joining it does not block. */
static void join(struct threads *threads, struct thread *thread) {
  pthread_join(thread->thread, NULL);
  pthread_mutex_lock(&threads->mutex);
  if (thread->kind == THREAD_DATAGRAMS)
    threads->kernel_drops += ioloop__kernel_drops(thread->fd);
  close(thread->fd);
  leave(threads, thread);
  pthread_cond_broadcast(&threads->room);
  pthread_mutex_unlock(&threads->mutex);
  count_end(threads->server, thread);
  free(thread);
}

/* Collect finished threads first, then lines: no thread is joined before its last line is taken. */
static void on_notified(struct ioloop *loop, void *arg) {
  struct threads *threads = arg;
  (void)loop;
  pthread_mutex_lock(&threads->mutex);
  threads->notified = false;
  struct thread *finished = threads->finished;
  threads->finished = NULL;
  pthread_mutex_unlock(&threads->mutex);
  threads_take_lines(threads);
  while (finished) {
    struct thread *next = finished->next_finished;
    join(threads, finished);
    finished = next;
  }
  server_check_shutdown(threads->server);
}

void threads_stall(struct threads *threads, bool stalled) {
  pthread_mutex_lock(&threads->mutex);
  threads->stalled = stalled;
  pthread_cond_broadcast(&threads->may_queue);
  pthread_mutex_unlock(&threads->mutex);
}

size_t threads_running(const struct threads *threads) {
  return threads ? threads->running : 0;
}

uint64_t threads_kernel_drops(struct threads *threads) {
  pthread_mutex_lock(&threads->mutex);
  uint64_t drops = threads->kernel_drops;
  for (struct thread *thread = threads->all; thread; thread = thread->next)
    if (thread->kind == THREAD_DATAGRAMS)
      drops += ioloop__kernel_drops(thread->fd);
  pthread_mutex_unlock(&threads->mutex);
  return drops;
}

/* ---- ending --------------------------------------------------------------------------- */

static void end_input(struct thread *thread, int how) {
  if (thread->kind == THREAD_CONNECTION) {
    shutdown(thread->fd, how);
    return;
  }
  int flags = fcntl(thread->fd, F_GETFL);
  if (flags >= 0)
    fcntl(thread->fd, F_SETFL, flags | O_NONBLOCK);
  pthread_kill(thread->thread, WAKE_SIGNAL);
}

void threads_end(struct threads *threads, int how) {
  pthread_mutex_lock(&threads->mutex);
  threads->ending = true;
  if (how == SHUT_RDWR)
    threads->abandoned = true;
  for (struct thread *thread = threads->all; thread; thread = thread->next)
    end_input(thread, how);
  pthread_cond_broadcast(&threads->room);
  pthread_cond_broadcast(&threads->may_queue);
  pthread_mutex_unlock(&threads->mutex);
}

/* ---- creating and freeing ------------------------------------------------------------- */

static void on_wake_signal(int signo) {
  (void)signo;
}

/* Without SA_RESTART, so that a sleeping call returns. */
static int install_wake_signal(void) {
  struct sigaction action = {.sa_handler = on_wake_signal};
  return sigaction(WAKE_SIGNAL, &action, NULL) < 0 ? -errno : 0;
}

int threads_new(struct server *server, struct threads **ret) {
  struct threads *threads = calloc(1, sizeof *threads);
  int error = threads ? install_wake_signal() : -ENOMEM;
  if (error) {
    free(threads);
    return error;
  }
  threads->server = server;
  threads->last = &threads->first;
  pthread_mutex_init(&threads->mutex, NULL);
  pthread_cond_init(&threads->room, NULL);
  pthread_cond_init(&threads->may_queue, NULL);
  *ret = threads;
  return 0;
}

/* No line is left either: they were taken before the last thread was joined. */
void threads_free(struct threads *threads) {
  if (!threads || threads->all)
    return;
  pthread_mutex_destroy(&threads->mutex);
  pthread_cond_destroy(&threads->room);
  pthread_cond_destroy(&threads->may_queue);
  free(threads);
}
