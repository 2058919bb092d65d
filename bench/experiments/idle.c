/* SPDX-License-Identifier: MIT */
/* idle.c - the cost of silent connections to active ones. */
#include <stdio.h>

#include "common/program.h"
#include "common/say.h"
#include "echo.h"
#include "results/claims.h"

enum {
  ACTIVE = 10,
  SPARE_DESCRIPTORS = 64
};

static void fill(struct point *point, size_t active, size_t idle) {
  *point = (struct point){
      .group = "TCP", .x = (double)idle, .connections = active, .idle = idle, .depth = 1};
  snprintf(point->id, sizeof point->id, "idle-%zu", idle);
  snprintf(point->label, sizeof point->label, "%zu idle", idle);
}

static size_t points(struct bench *bench, struct point *ret) {
  static const struct number_list usual[] = {
      {{0, 500}, 2}, {{0, 1000, 4000}, 3}, {{0, 500, 1000, 2000, 4000, 8000, 15000}, 7}};
  const struct number_list *numbers = bench->idle.count ? &bench->idle : &usual[bench->size];
  size_t active = bench->connections.count ? (size_t)bench->connections.at[0] : ACTIVE;
  double most = (double)descriptors_raise_limit() - SPARE_DESCRIPTORS - (double)active;
  size_t count = 0;
  for (size_t i = 0; i < numbers->count; i++)
    if (numbers->at[i] <= most)
      fill(&ret[count++], active, (size_t)numbers->at[i]);
    else
      say("idle: left out %.0f idle connections: the limit of open files allows %.0f (ulimit -Hn)",
          numbers->at[i], most);
  return count;
}

/* ---- what the papers found ---------------------------------------------------------- */

/*
 * The papers measured Web servers on the kernels of their time, mostly by replies a second and
 * latency; here the same claims are checked with the CPU time per request. A claim about a system
 * call is checked against all contestants that wait in it, also through a library, but not against
 * poll:probing and select:probing, which examine a part of their descriptors at a time: that is not
 * a property of the call.
 */
/* Two costs count as different from 15 % on. That is more than the difference between two
 * measurements of the same server on a busy machine, and little compared with the cost of a scan of
 * thousands. */
#define THRESHOLD 1.15

#define SELECT                                                                                     \
  { "select", "libevent:select" }
#define POLL                                                                                       \
  { "poll", "libevent:poll" }
#define EPOLL                                                                                      \
  { "epoll", "epoll-et", "peer:epoll" }

static const char banga[] = "Banga & Mogul 1998; Banga, Mogul & Druschel 1999",
                  provos[] = "Provos & Lever 2000", chandra[] = "Chandra & Mosberger 2001",
                  gammo[] = "Gammo, Brecht, Shukla & Pariag 2004";

static const struct claim findings[] = {
    {banga,
     "the cost of select() grows with the number of open connections, not of ready ones",
     CLAIM_RISES,
     SELECT,
     {0}},
    {provos, "poll() pays for connections that are inactive", CLAIM_RISES, POLL, {0}},
    {provos,
     "/dev/poll, which keeps the set of interests in the kernel, does not (its heir here: epoll)",
     CLAIM_FLAT,
     EPOLL,
     {0}},
    {chandra,
     "the cost of real-time signals does not depend on the number of idle connections (theirs: "
     "one signal a descriptor)",
     CLAIM_FLAT,
     {"rtsig"},
     {0}},
    {chandra,
     "that of select() and poll() does",
     CLAIM_RISES,
     {"select", "libevent:select", "poll", "libevent:poll"},
     {0}},
    {gammo, "idle connections do not affect epoll", CLAIM_FLAT, EPOLL, {0}},
    {gammo,
     "they do affect select and poll",
     CLAIM_RISES,
     {"select", "libevent:select", "poll", "libevent:poll"},
     {0}},
    {gammo,
     "without idle connections epoll is no faster than select and poll",
     CLAIM_NO_FASTER,
     {"epoll"},
     {"select", "poll"}},
    {"",
     "SIGIO does not report which descriptor is ready, so its cost grows with the open ones",
     CLAIM_RISES,
     {"sigio"},
     {0}},
    {"",
     "io_uring completes the operations submitted, whatever else is open",
     CLAIM_FLAT,
     {"io_uring", "peer:liburing"},
     {0}},
};

static const struct claims claims = {
    .metric = "cpu",
    .threshold = THRESHOLD,
    .at = findings,
    .count = sizeof findings / sizeof *findings,
};

const struct experiment experiment_idle = {
    .name = "idle",
    .title = "Active connections among idle ones",
    .reproduces =
        "Banga, Mogul & Druschel 1999, \"A Scalable and Explicit Event Delivery Mechanism for "
        "UNIX\"; Provos & Lever 2000, \"Scalable Network I/O in Linux\"; Chandra & Mosberger "
        "2001, \"Scalability of Linux Event-Dispatch Mechanisms\"; Gammo et al. 2004, \"Comparing "
        "and "
        "Evaluating epoll, select, and poll Event Mechanisms\"",
    .method = "Ten TCP connections in a closed loop (--connections sets another number) next to N "
              "connections that are open and silent, opened before the warm-up. The CPU time per "
              "request shows what a model pays for the silent ones: select and poll examine every "
              "descriptor on every iteration, and so does a SIGIO handler, because the signal does "
              "not name a descriptor; epoll, real-time signals and io_uring report which ones are "
              "ready. Read the slope, not the height: flat is O(ready), a rising line is O(open). "
              "Next to the figures is a verdict on whether the findings of the papers still hold.",
    .x_label = "idle connections",
    .takes = TAKES_ECHO | TAKES_CONTESTANTS | TAKES_IDLE,
    .metrics = {ECHO_METRICS_OF(1 << ECHO_P50 | 1 << ECHO_P99 | 1 << ECHO_CPU, "round trip",
                                "a request", "round trips", "higher")},
    .points = points,
    .refuses = echo_refuses,
    .measure = echo_measure_point,
    .claims = &claims,
};
