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

/* Rows of a table of metrics; `primary`: the experiment's main figure. */
#define ECHO_METRIC_P50(what, primary)                                                             \
  { "p50", "median " what, "ns", "lower", primary }
#define ECHO_METRIC_P99(what, primary)                                                             \
  { "p99", "99th percentile of " what, "ns", "lower", primary }
#define ECHO_METRIC_P999(what, primary)                                                            \
  { "p999", "99.9th percentile of " what, "ns", "lower", primary }
#define ECHO_METRIC_RATE(what, better, primary)                                                    \
  { "rate", what, "1/s", better, primary }
#define ECHO_METRIC_CPU(what, primary)                                                             \
  { "cpu", "server's CPU time " what, "ns", "lower", primary }
#define ECHO_METRIC_BUSY                                                                           \
  { "busy", "generator's CPU share (near 1: it, not the server, limits the rate)", "", "", false }

#define ECHO_METRIC_LOST                                                                           \
  { "lost", "datagrams without an echo", "", "lower", false }

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

/* A point for each number, TCP or UDP: "tcp-50", "TCP, 50 connections". Returns their number. */
size_t echo_points(const struct bench *bench, bool udp, const double *connections, size_t count,
                   struct point *ret);

#endif
