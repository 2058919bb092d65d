/* SPDX-License-Identifier: MIT */
/* latency.c - round trips, one request under way on each connection. */
#include <stdio.h>

#include "echo.h"

/* More than one read of a small buffer takes: shows a model that answers it in parts. */
static size_t size_points(const struct bench *bench, struct point *ret) {
  static const size_t sizes[] = {16 * 1024, 64 * 1024};
  static const struct number_list one = {{1}, 1};
  size_t count = 0;
  if (bench->sized || bench->connections.count || !bench->tcp || bench->size == SIZE_QUICK)
    return 0;
  for (size_t i = 0; i < 2; i++) {
    struct point *point = &ret[count];
    count += echo_points(bench, false, &one, point);
    point->size = sizes[i];
    snprintf(point->id, sizeof point->id, "tcp-1-%zuk", sizes[i] / 1024);
    snprintf(point->label, sizeof point->label, "TCP, 1 connection, %zu KiB", sizes[i] / 1024);
    snprintf(point->group, sizeof point->group, "TCP, %zu KiB", sizes[i] / 1024);
  }
  return count;
}

static size_t points(struct bench *bench, struct point *ret) {
  static const struct number_list tcp[] = {{{1, 50}, 2}, {{1, 50}, 2}, {{1, 10, 50, 200}, 4}},
                                  udp[] = {{{1}, 1}, {{1, 50}, 2}, {{1, 10, 50, 200}, 4}};
  size_t count = echo_points(bench, false, &tcp[bench->size], ret);
  count += size_points(bench, ret + count);
  /* quick has time for one protocol. */
  if (bench->size == SIZE_QUICK && bench->tcp)
    return count;
  return count + echo_points(bench, true, &udp[bench->size], ret + count);
}

const struct experiment experiment_latency = {
    .name = "latency",
    .title = "Round trips",
    .reproduces =
        "sockperf ping-pong (percentiles per message); Gammo, Brecht, Shukla & Pariag 2004, "
        "\"Comparing and Evaluating epoll, select, and poll Event Mechanisms\"",
    .method = "Closed loop: each connection sends a message, waits for its echo, compares every "
              "byte and sends the next. So this is the best case of a round trip, and the rate "
              "that this many connections can reach. A server that stalls gets fewer requests "
              "during the stall, so that the stall hardly shows: the experiment \"load\" is for "
              "that. CPU time per request is the server process's own, user and system, over the "
              "measured part. Read p50 and CPU time together: a model that polls without waiting "
              "(nonblocking) answers soon and keeps its processor busy. A rate at which the "
              "generator's CPU share is near 1 shows little about the server: CPU time does.",
    .x_label = "connections",
    .x_log = true,
    .takes = TAKES_ECHO | TAKES_CONTESTANTS | TAKES_CONNECTION_LIST | TAKES_UDP,
    .metrics = {ECHO_METRICS_OF(1 << ECHO_P50 | 1 << ECHO_P99 | 1 << ECHO_RATE | 1 << ECHO_CPU,
                                "round trip", "a request", "round trips", "higher")},
    .points = points,
    .refuses = echo_refuses,
    .measure = echo_measure_point,
};
