/* SPDX-License-Identifier: MIT */
/*
 * echo.h - shared by experiments with echo servers: starting one, loading it, and their common
 * metrics.
 */
#ifndef EXPERIMENTS_ECHO_H
#define EXPERIMENTS_ECHO_H

#include "bench.h"
#include "load/generator.h"

enum echo_metric {
  ECHO_P50,
  ECHO_P99,
  ECHO_P999,
  ECHO_RATE,
  ECHO_CPU,
  ECHO_BUSY,
  ECHO_LOST,
  ECHO_METRICS
};

/* Them as the first of an experiment's metrics. `primary`: a bit for each main figure; `trip`: what
 * is timed; `request`: what the server's CPU time is divided by; `better` may be "" for the rate. */
#define ECHO_METRICS_OF(primary, trip, request, rate, better)                                      \
  [ECHO_P50] = {"p50", "median " trip, "ns", "lower", (primary) >> ECHO_P50 & 1},                  \
  [ECHO_P99] = {"p99", "99th percentile of " trip, "ns", "lower", (primary) >> ECHO_P99 & 1},      \
  [ECHO_P999] = {"p999", "99.9th percentile of " trip, "ns", "lower", (primary) >> ECHO_P999 & 1}, \
  [ECHO_RATE] = {"rate", rate, "1/s", better, (primary) >> ECHO_RATE & 1},                         \
  [ECHO_CPU] = {"cpu", "server's CPU time " request, "ns", "lower", (primary) >> ECHO_CPU & 1},    \
  [ECHO_BUSY] = {"busy", "generator's CPU share (near 1: it, not the server, limits the rate)",    \
                 "", "", false},                                                                   \
  [ECHO_LOST] = {"lost", "datagrams without an echo", "", "lower", false}

/* One server and one load on it. */
struct echo_load {
  struct generator_options options;
  struct server_limits limits;
  struct generator_result result;
};

/* A load with the point's settings. */
void echo_load_at(const struct bench *bench, const struct point *point, unsigned round,
                  struct echo_load *ret);

/* Start the server, load it, stop it. Same result as experiment->measure; sample->stderr_tail then
 * has the end of the server's stderr, even after success. */
int echo_measure(struct bench *bench, const struct contestant *contestant, struct echo_load *load,
                 struct sample *sample);

/* The same in parts, for several loads on one server, which the caller stops. (If the server died,
 * its pid is -1 and the end of its stderr is in sample->stderr_tail.) */
int echo_begin(struct bench *bench, const struct contestant *contestant,
               const struct echo_load *load, struct server_process *server, struct sample *sample);
int echo_run(struct server_process *server, struct echo_load *load, struct sample *sample);

/* An experiment->measure: the point's load on one server, and its figures. */
int echo_measure_point(struct bench *bench, const struct contestant *contestant,
                       const struct point *point, unsigned round, struct sample *sample);

/* Put percentiles, rate, CPU per request, busy share, and for UDP the loss, into the sample. */
void echo_fill(const struct echo_load *load, struct sample *sample);

/* "serves TCP only", at a UDP point. */
const char *echo_refuses(struct bench *bench, const struct contestant *contestant,
                         const struct point *point);

/* A point for each number (or for each of --connections), TCP or UDP, if that was chosen: "tcp-50",
 * "TCP, 50 connections". Returns how many there are. */
size_t echo_points(const struct bench *bench, bool udp, const struct number_list *connections,
                   struct point *ret);

#endif
