/* SPDX-License-Identifier: MIT */
/*
 * ring.c - bytes that are read from one pipe and written into the next.
 *
 * ring is libevent's bench.c: some pipes get a byte, and each byte that arrives is passed on until
 * the given number of writes is reached; then those under way still arrive. cascade is its
 * bench_cascade.c: one byte runs once through all pipes. Both keep their handlers.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/say.h"
#include "workload.h"

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
  int error = loop_open(method, room, on_byte);
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
  if (failed)
    complain("a byte got lost on its way: %s", strerror(errno));
  return failed ? EXIT_TROUBLE : 0;
}

int workload_ring(const char *method, const struct ring *ring) {
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

/* The first byte, and one write into each other pipe. */
int workload_cascade(const char *method, size_t pipes, size_t rounds) {
  return workload_ring(method, &(struct ring){pipes, 1, pipes - 1, rounds, false});
}
