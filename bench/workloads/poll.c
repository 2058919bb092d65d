/* SPDX-License-Identifier: MIT */
/*
 * poll.c - poll by hand: an array without gaps, a parallel array of arguments, and a scan that
 * stops when all ready descriptors have been seen.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "raw.h"

static struct pollfd *fds;
static void **args;
static size_t *places, count; /* a descriptor's index in `fds` */

int loop_open(const char *method, size_t room, loop_callback *readable) {
  int error = raw_begin("poll", method, readable);
  if (error)
    return error;
  fds = calloc(room, sizeof *fds);
  args = calloc(room, sizeof *args);
  places = calloc(room, sizeof *places);
  return fds && args && places ? 0 : raw_trouble("memory");
}

void loop_close(void) {
  free(fds);
  free(args);
  free(places);
}

int loop_watch(int fd, void *arg) {
  fds[count] = (struct pollfd){.fd = fd, .events = POLLIN};
  args[count] = arg;
  places[fd] = count++;
  return 0;
}

/* The last one moves into its place. */
void loop_unwatch(int fd) {
  size_t place = places[fd];
  fds[place] = fds[--count];
  args[place] = args[count];
  places[fds[place].fd] = place;
}

static void turn(int timeout_ms) {
  int ready = poll(fds, count, timeout_ms);
  if (ready < 0 && errno != EINTR)
    exit(raw_trouble("poll"));
  for (size_t i = 0; ready > 0; i++)
    if (fds[i].revents) {
      ready--;
      raw_readable(args[i]);
    }
}

void loop_turn(void) {
  turn(0);
}

void loop_run(void) {
  for (raw_stopped = false; !raw_stopped;)
    turn(-1);
}
