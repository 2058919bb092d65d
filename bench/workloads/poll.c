/* SPDX-License-Identifier: MIT */
/*
 * poll.c - poll by hand: an array without gaps, a parallel array of arguments, and a scan that
 * stops when all ready descriptors have been seen.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "workload.h"

static struct pollfd *fds;
static void **args;
static size_t *places, count; /* a descriptor's index in `fds` */

const char raw_name[] = "poll";

int raw_open(size_t room) {
  fds = calloc(room, sizeof *fds);
  args = calloc(room, sizeof *args);
  places = calloc(room, sizeof *places);
  return fds && args && places ? 0 : loop_trouble("memory");
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

void raw_turn(int timeout_ms) {
  int ready = poll(fds, count, timeout_ms);
  if (ready < 0 && errno != EINTR)
    exit(loop_trouble("poll"));
  for (size_t i = 0; ready > 0; i++)
    if (fds[i].revents) {
      ready--;
      loop_readable(args[i]);
    }
}
