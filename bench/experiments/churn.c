/* SPDX-License-Identifier: MIT */
/* churn.c - connections that are opened, send one request and are closed. */
#include <stdio.h>

#include "echo.h"

static size_t points(struct bench *bench, struct point *ret) {
  static const struct number_list clients[] = {{{10}, 1}, {{10}, 1}, {{1, 10, 100}, 3}};
  struct bench tcp = *bench;
  tcp.tcp = true; /* only TCP has connections */
  size_t count = echo_points(&tcp, false, &clients[bench->size], ret);
  for (size_t i = 0; i < count; i++) {
    ret[i].churn = true;
    snprintf(ret[i].label, sizeof ret[i].label, "%zu at once", ret[i].connections);
  }
  return count;
}

const struct experiment experiment_churn = {
    .name = "churn",
    .title = "Connections with a single request",
    .reproduces = "Gammo, Brecht, Shukla & Pariag 2004 (one request per connection); httperf",
    .method = "N clients at once, each in a closed loop of connect, one message, its echo, close. "
              "This shows the cost of adding and removing a descriptor: epoll needs a system call "
              "for each change, poll none, real-time signals several fcntl calls. Most of the time "
              "is still spent in the kernel's TCP, so that differences are smaller than in "
              "`handlers`, which has nothing but the registration.",
    .x_label = "clients at once",
    .x_log = true,
    .takes = TAKES_ECHO | TAKES_CONTESTANTS | TAKES_CONNECTION_LIST,
    .metrics = {ECHO_METRICS_OF(1 << ECHO_P50 | 1 << ECHO_P99 | 1 << ECHO_RATE | 1 << ECHO_CPU,
                                "time from connect to echo", "a connection", "connections served",
                                "higher")},
    .points = points,
    .refuses = echo_refuses,
    .measure = echo_measure_point,
};
