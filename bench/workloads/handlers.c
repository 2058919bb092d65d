/* SPDX-License-Identifier: MIT */
/*
 * handlers.c - all descriptors are added, polled once and removed, again and again. The poll makes
 * lazy loops do their work: for some of them a change that is undone before the next wait costs
 * nothing.
 */
#include "common/say.h"
#include "workload.h"

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

int workload_handlers(const char *method, size_t fds, size_t times) {
  size_t room = 0;
  struct pipe *pipes = pipes_open(fds, false, &room);
  if (!pipes)
    return EXIT_TROUBLE;
  int error = loop_open(method, room, never);
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
