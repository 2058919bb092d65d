/* SPDX-License-Identifier: MIT */
/* latency.c - round trips, one request under way on each connection. */
#include <stdio.h>

#include "echo.h"

#define ROUND_TRIP "round trip"

/* More than one read of a small buffer takes: shows a model that answers it in parts. */
static size_t size_points(const struct bench *bench, struct point *ret) {
  static const size_t sizes[] = {16 * 1024, 64 * 1024};
  static const double one[] = {1};
  size_t count = 0;
  if (bench->sized || bench->connections.count)
    return 0;
  for (size_t i = 0; i < 2; i++) {
    size_t made = echo_points(bench, false, one, 1, ret + count);
    for (struct point *point = ret + count; made > 0; made--, point++, count++) {
      point->size = sizes[i];
      snprintf(point->id, sizeof point->id, "tcp-1-%zuk", sizes[i] / 1024);
      snprintf(point->label, sizeof point->label, "TCP, 1 connection, %zu KiB", sizes[i] / 1024);
      snprintf(point->group, sizeof point->group, "TCP, %zu KiB", sizes[i] / 1024);
    }
  }
  return count;
}

static size_t points(struct bench *bench, struct point *ret) {
  static const double quick_tcp[] = {1, 50}, quick_udp[] = {1}, normal[] = {1, 50},
                      full[] = {1, 10, 50, 200};
  const double *tcp = normal, *udp = normal;
  size_t tcp_count = 2, udp_count = 2;
  if (bench->size == SIZE_QUICK) {
    tcp = quick_tcp;
    udp = quick_udp;
    udp_count = 1;
  } else if (bench->size == SIZE_FULL) {
    tcp = udp = full;
    tcp_count = udp_count = 4;
  }
  size_t count = echo_points(bench, false, tcp, tcp_count, ret);
  count += size_points(bench, ret + count);
  size_t room = POINTS_MAX - count < udp_count ? POINTS_MAX - count : udp_count;
  return count + echo_points(bench, true, udp, room, ret + count);
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
    .metrics =
        {
            [ECHO_P50] = ECHO_METRIC_P50(ROUND_TRIP, true),
            [ECHO_P99] = ECHO_METRIC_P99(ROUND_TRIP, true),
            [ECHO_P999] = ECHO_METRIC_P999(ROUND_TRIP, false),
            [ECHO_RATE] = ECHO_METRIC_RATE("round trips", "higher", true),
            [ECHO_CPU] = ECHO_METRIC_CPU("a request", true),
            [ECHO_BUSY] = ECHO_METRIC_BUSY,
            [ECHO_LOST] = ECHO_METRIC_LOST,
        },
    .points = points,
    .refuses = echo_refuses,
    .measure = echo_measure_point,
};
