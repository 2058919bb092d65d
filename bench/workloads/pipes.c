/* SPDX-License-Identifier: MIT */
/* pipes.c - the workloads that watch pipes. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/program.h"
#include "common/say.h"
#include "workload.h"

/* Reading and writing ends; both are non-blocking. */
struct pipe {
  int read, write;
  struct pipe *next;
};

enum {
  OTHERS = 32, /* descriptors: the standard ones, the loop's own */
};

static int open_one(struct pipe *to, bool sockets) {
  int ends[2];
  if ((sockets ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends)) < 0)
    return -1;
  to->read = ends[0];
  to->write = ends[1];
  return fcntl(to->read, F_SETFL, O_NONBLOCK) < 0 || fcntl(to->write, F_SETFL, O_NONBLOCK) < 0 ? -1
                                                                                               : 0;
}

/* A ring of them; NULL after printing an error. *room: all descriptors are below it. */
static struct pipe *pipes_open(size_t count, bool sockets, size_t *room) {
  unsigned long long limit = descriptors_raise_limit();
  if (2 * count + OTHERS > limit) {
    complain(
        "%zu pipes need %zu descriptors, the limit is %llu: raise it (ulimit -Hn), or take fewer",
        count, 2 * count + OTHERS, limit);
    return NULL;
  }
  struct pipe *pipes = calloc(count, sizeof *pipes);
  for (size_t i = 0; i < count; i++) {
    if (!pipes || open_one(&pipes[i], sockets) < 0) {
      complain("pipe %zu of %zu: %s", i + 1, count, strerror(errno));
      free(pipes);
      return NULL;
    }
    pipes[i].next = &pipes[(i + 1) % count];
    size_t above = (size_t)(pipes[i].read > pipes[i].write ? pipes[i].read : pipes[i].write) + 1;
    *room = above + OTHERS;
  }
  return pipes;
}

static void pipes_close(struct pipe *pipes, size_t count) {
  for (size_t i = 0; i < count; i++) {
    close(pipes[i].read);
    close(pipes[i].write);
  }
  free(pipes);
}

/*
 * ---- ring: bytes that are read from one pipe and written into the next ----------------------
 *
 * ring is libevent's bench.c: some pipes get a byte, and each byte that arrives is passed on until
 * the given number of writes is reached; then those under way still arrive. cascade is its
 * bench_cascade.c: one byte runs once through all pipes. Both keep their handlers.
 */

struct ring {
  size_t pipes, active, writes, rounds;
  bool sockets;
};

/* In the current round: bytes still to arrive, the last `active` of which are not passed on. */
static size_t arrivals_left, active;
static bool failed;

static void end_round(bool well) {
  failed = !well;
  loop_stop();
}

static void on_byte(void *arg) {
  const struct pipe *pipe = arg;
  char byte;
  ssize_t got = read(pipe->read, &byte, 1);
  if (got != 1) {
    if (got == 0 || errno != EAGAIN) /* readiness may be spurious */
      end_round(false);
    return;
  }
  size_t left = --arrivals_left;
  if (left >= active) {
    if (write(pipe->next->write, &byte, 1) != 1)
      end_round(false);
  } else if (left == 0) {
    end_round(true);
  }
}

static int watch_all(const char *method, struct pipe *pipes, size_t count, size_t room) {
  loop_readable = on_byte;
  int error = loop_open(method, room);
  for (size_t i = 0; !error && i < count; i++)
    error = loop_watch(pipes[i].read, &pipes[i]);
  if (!error)
    loop_turn(); /* lazy loops do their work now */
  return error;
}

static int run_round(const struct pipe *pipes, const struct ring *ring) {
  active = ring->active;
  arrivals_left = ring->writes + active;
  for (size_t i = 0; i < ring->active; i++)
    if (write(pipes[i * ring->pipes / ring->active].write, "e", 1) != 1)
      failed = true;
  if (!failed) {
    measure_begin();
    loop_run();
    measure_end(ring->writes + ring->active);
  }
  return failed ? complain("a byte got lost on its way: %s", strerror(errno)) : 0;
}

static int run_rounds(const char *method, const struct ring *ring) {
  size_t room = 0;
  struct pipe *pipes = pipes_open(ring->pipes, ring->sockets, &room);
  if (!pipes)
    return EXIT_TROUBLE;
  int error = watch_all(method, pipes, ring->pipes, room);
  for (size_t i = 0; !error && i < ring->rounds; i++)
    error = run_round(pipes, ring);
  loop_close();
  pipes_close(pipes, ring->pipes);
  return error;
}

int workload_ring(const char *method, const char *const *rest, size_t count) {
  struct ring ring = {.sockets = count == 5};
  if (ring.sockets && strcmp(rest[4], "socketpair") != 0)
    return misuse("%s: only socketpair may stand here", rest[4]);
  if (!(ring.pipes = workload_number(rest[0], MOST_PIPES)) ||
      !(ring.active = workload_number(rest[1], ring.pipes)) ||
      !(ring.writes = workload_number(rest[2], MOST)) ||
      !(ring.rounds = workload_number(rest[3], MOST)))
    return EXIT_USAGE;
  return run_rounds(method, &ring);
}

/* The first byte, and one write into each other pipe. */
int workload_cascade(const char *method, const char *const *rest, size_t count) {
  size_t pipes = workload_number(rest[0], MOST_PIPES),
         rounds = count == 2 ? workload_number(rest[1], MOST) : 1;
  struct ring ring = {pipes, 1, pipes - 1, rounds, false};
  return pipes && rounds ? run_rounds(method, &ring) : EXIT_USAGE;
}

/*
 * ---- handlers: all descriptors are added, polled once and removed, again and again ----------
 *
 * The poll makes lazy loops do their work: for some of them a change that is undone before the next
 * wait costs nothing.
 */

static void never(void *arg) {
  (void)arg;
}

static int watch_and_unwatch(const struct pipe *pipes, size_t fds) {
  int error = 0;
  for (size_t i = 0; !error && i < fds; i++)
    error = loop_watch(pipes[i].read, (void *)(uintptr_t)&pipes[i]);
  loop_turn();
  for (size_t i = 0; !error && i < fds; i++)
    loop_unwatch(pipes[i].read);
  loop_turn();
  return error;
}

int workload_handlers(const char *method, const char *const *rest, size_t count) {
  (void)count;
  size_t fds = workload_number(rest[0], MOST_PIPES), times = workload_number(rest[1], MOST),
         room = 0;
  if (!fds || !times)
    return EXIT_USAGE;
  struct pipe *pipes = pipes_open(fds, false, &room);
  if (!pipes)
    return EXIT_TROUBLE;
  loop_readable = never;
  int error = loop_open(method, room);
  if (!error)
    error = watch_and_unwatch(pipes, fds); /* tables grow in the first round */
  for (size_t i = 0; !error && i < times; i++) {
    measure_begin();
    error = watch_and_unwatch(pipes, fds);
    measure_end(fds);
  }
  loop_close();
  pipes_close(pipes, fds);
  return error;
}
