/* SPDX-License-Identifier: MIT */
/* ring.c - bytes that go around a ring of pipes. */
#include <stdio.h>

#include "common/program.h"
#include "common/say.h"
#include "workload.h"

enum {
  SPARE_DESCRIPTORS = 64,
  PER_PIPE = 2
};

static bool add(size_t pipes, size_t active, bool sockets, struct point *ret) {
  double room = (double)descriptors_raise_limit() - SPARE_DESCRIPTORS;
  const char *what = sockets ? "socket pairs" : "pipes";
  if ((double)pipes * PER_PIPE > room) {
    say("ring: left out %zu %s: the limit of open files allows %.0f (ulimit -Hn)", pipes, what,
        room / PER_PIPE);
    return false;
  }
  /* Polling 9,000 descriptors takes a while if each is examined. */
  int rounds = pipes <= 100 ? 20 : pipes <= 1000 ? 10 : 2;
  *ret = (struct point){.x = (double)pipes};
  snprintf(ret->workload, sizeof ret->workload, "ring %zu %zu 1000 %d%s", pipes, active, rounds,
           sockets ? " socketpair" : "");
  snprintf(ret->id, sizeof ret->id, "%s-%zu-%zu", sockets ? "sockets" : "pipes", pipes, active);
  snprintf(ret->label, sizeof ret->label, "%zu %s, %zu active", pipes, what, active);
  snprintf(ret->group, sizeof ret->group, "%s, %zu active", what, active);
  return true;
}

static size_t points(struct bench *bench, struct point *ret) {
  static const size_t pipes[] = {100, 1000, 9000}, active[] = {1, 100};
  bool quick = bench->size == SIZE_QUICK;
  size_t sizes = quick ? 2 : 3, count = 0;
  for (size_t i = 0; i < (quick ? 1 : 2); i++)
    for (size_t j = 0; j < sizes; j++)
      count += add(pipes[j], active[i], false, &ret[count]);
  for (size_t i = 0; i < 2 && bench->size == SIZE_FULL; i++)
    count += add(1000, active[i], true, &ret[count]);
  return count;
}

const struct experiment experiment_ring = {
    .name = "ring",
    .title = "Bytes around a ring of pipes",
    .reproduces =
        "libevent's bench.c, as in libev's published comparison (libev.schmorp.de/bench.html)",
    .method = "N pipes, some of which are active: each byte that arrives is read and one is "
              "written into the next pipe, until 1,000 were written; that is a round. There is no "
              "server and no network: the time is that of the loop, the system calls to wait, and "
              "read and write, which are the same for all. Time is wall-clock time of the rounds, "
              "on one processor, without setting up. With one active pipe each wait finds one "
              "event, with 100 many. Read the ratio to peer:epoll, which is written by hand for "
              "this purpose only: it is the cost that a library adds to an event.",
    .x_label = "pipes",
    .x_log = true,
    .takes = TAKES_WORKLOAD,
    .metrics = {WORKLOAD_METRICS_OF("an event")},
    .points = points,
    .seconds = workload_seconds,
    .measure = workload_measure,
    .contestants = workload_contestants,
    .baseline = WORKLOAD_BASELINE,
};
