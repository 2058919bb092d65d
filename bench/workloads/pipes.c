/* SPDX-License-Identifier: MIT */
/* pipes.c - the pipes that bytes go around in. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/program.h"
#include "common/say.h"
#include "workload.h"

enum {
  BESIDE = 32, /* other descriptors: the standard ones, the loop's own */
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

struct pipe *pipes_open(size_t count, bool sockets, size_t *room) {
  unsigned long long limit = descriptors_raise_limit();
  if (2 * count + BESIDE > limit) {
    complain(
        "%zu pipes need %zu descriptors, the limit is %llu: raise it (ulimit -Hn), or take fewer",
        count, 2 * count + BESIDE, limit);
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
    *room = above + BESIDE;
  }
  return pipes;
}

void pipes_close(struct pipe *pipes, size_t count) {
  for (size_t i = 0; i < count; i++) {
    close(pipes[i].read);
    close(pipes[i].write);
  }
  free(pipes);
}
