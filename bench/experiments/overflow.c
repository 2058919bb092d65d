/* SPDX-License-Identifier: MIT */
/* overflow.c - the queue of real-time signals is bounded: what happens when it is full. */
#include <inttypes.h>
#include <stdio.h>

#include "contestants/child.h"
#include "echo.h"

enum {
  CONNECTIONS = 100,
  OVERFLOWS = ECHO_METRICS,
  RESCUES
};

static int contestants(struct bench *bench, struct contestants *ret) {
  static const char *const names[] = {"epoll", "rtsig"};
  struct contestant one;
  int error = 0;
  (void)bench;
  for (size_t i = 0; !error && i < sizeof names / sizeof names[0]; i++)
    if (contestant_fill(&one, names[i]))
      error = contestants_add(ret, &one);
  return error;
}

static void fill(const struct bench *bench, uint64_t limit, bool is_most, struct point *ret) {
  size_t connections = bench->connections.count ? (size_t)bench->connections.at[0] : CONNECTIONS;
  *ret = (struct point){.x = (double)limit,
                        .connections = connections,
                        .depth = 1,
                        .limits = {.sigpending_set = true, .sigpending = limit}};
  snprintf(ret->id, sizeof ret->id, is_most ? "queue-most" : "queue-%" PRIu64, limit);
  snprintf(ret->label, sizeof ret->label, "queue of %" PRIu64, limit);
}

/* None if the system has no such limit. */
static size_t points(struct bench *bench, struct point *ret) {
  static const uint64_t limits[] = {0, 1, 16, 256};
  size_t count = 0;
  json_t *most = system_sigpending();
  if (json_is_integer(most)) {
    uint64_t hard = (uint64_t)json_integer_value(most);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
      if (limits[i] < hard)
        fill(bench, limits[i], false, &ret[count++]);
    fill(bench, hard, true, &ret[count++]);
  }
  json_decref(most);
  return count;
}

static void fill_counter(const char *stderr_tail, const char *name, double *value) {
  uint64_t count;
  if (stderr_counter(stderr_tail, name, &count))
    *value = (double)count;
}

static int measure(struct bench *bench, const struct contestant *contestant,
                   const struct point *point, unsigned round, struct sample *sample) {
  int error = echo_measure_point(bench, contestant, point, round, sample);
  if (error)
    return error;
  fill_counter(sample->stderr_tail, "overflows", &sample->values[OVERFLOWS]);
  fill_counter(sample->stderr_tail, "rescues", &sample->values[RESCUES]);
  return 0;
}

const struct experiment experiment_overflow = {
    .name = "overflow",
    .title = "Real-time signals when their queue is full",
    .reproduces = "Chandra & Mosberger 2001, \"Scalability of Linux Event-Dispatch Mechanisms\" "
                  "(signal-per-fd and the queue's overflow)",
    .method =
        "The kernel queues at most RLIMIT_SIGPENDING real-time signals per user; any further event "
        "raises a plain SIGIO once, and its descriptor is lost. The server runs under ever smaller "
        "limits with 100 connections (--connections sets another number) in a closed loop. After "
        "an overflow the rtsig backend polls all descriptors, so that with a queue of 0 it "
        "degenerates to poll, and no event may get lost: every echo is checked and the rescues of "
        "the last safety net must be 0. epoll, which needs no signals, is the baseline.",
    .x_label = "signals that the queue takes",
    .takes = TAKES_ECHO,
    .metrics = {ECHO_METRICS_OF(1 << ECHO_P99 | 1 << ECHO_RATE | 1 << ECHO_CPU, "round trip",
                                "a request", "round trips", "higher"),
                [OVERFLOWS] = {"overflows", "overflows of the queue, in all", "", "", true},
                [RESCUES] = {"rescues",
                             "descriptors that only the safety scan found ready: must be 0", "",
                             "lower", true}},
    .points = points,
    .measure = measure,
    .contestants = contestants,
    .baseline = "epoll",
};
