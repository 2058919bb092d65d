/* SPDX-License-Identifier: MIT */
/*
 * witness.c - are our latencies right? sockperf, which others wrote, measures the same servers.
 *
 * What makes the two comparable:
 *   - one socket, one message under way, messages of the same size, one after the other;
 *   - both never sleep: sockperf runs with --nonblocked (by default it sleeps in recvfrom), our
 *     generator with `spin`, as in every experiment where it has a processor of its own;
 *   - the same processors, for the same time, after the same warm-up;
 *   - one after the other, within a second or two, in turns first and second, so that a machine
 *     that slows down slows down both. So the ratio of each round is the figure to judge by.
 *
 * A message of sockperf's is answered only by --reply=sockperf, and ours only by an echo, since
 * every byte of it is checked. So each has a server process of its own, which differ in nothing
 * else; the difference is a header of 14 bytes looked at and 64 bytes copied.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../bench.h"
#include "../generator.h"
#include "../sockperf.h"

enum {
  OURS_P50,
  THEIRS_P50,
  RATIO_P50,
  OURS_P99,
  THEIRS_P99,
  RATIO_P99,
  METRICS
};

static const struct metric metrics[METRICS] = {
    [OURS_P50] = {"ours_p50", "median, ours", "ns", "lower", true},
    [THEIRS_P50] = {"sockperf_p50", "median, sockperf", "ns", "lower", true},
    [RATIO_P50] = {"ratio_p50", "median, ours / sockperf", "", "", true},
    [OURS_P99] = {"ours_p99", "p99, ours", "ns", "lower", true},
    [THEIRS_P99] = {"sockperf_p99", "p99, sockperf", "ns", "lower", true},
    [RATIO_P99] = {"ratio_p99", "p99, ours / sockperf", "", "", true},
};

#define SECOND_NS      UINT64_C(1000000000)
#define MILLISECOND_NS UINT64_C(1000000)

static const uint64_t left_out_ns = (SOCKPERF_WARM_UP_MS + SOCKPERF_COOL_DOWN_MS) * MILLISECOND_NS;

static size_t points(struct bench *bench, struct point *ret) {
  const struct point tcp = {.id = "tcp",
                            .label = "TCP, 1 connection",
                            .group = "TCP",
                            .connections = 1,
                            .size = bench->message_size,
                            .depth = 1};
  const struct point udp = {.id = "udp",
                            .label = "UDP, 1 socket",
                            .group = "UDP",
                            .udp = true,
                            .connections = 1,
                            .size = bench->message_size,
                            .depth = 1};
  ret[0] = tcp;
  ret[1] = udp;
  return 2;
}

static const char *refuses(struct bench *bench, const struct contestant *contestant,
                           const struct point *point) {
  (void)bench;
  (void)point;
  if (contestant->kind != CONTESTANT_BACKEND)
    return "it cannot answer sockperf: only our server has --reply=sockperf";
  return sockperf_found() ? NULL
                          : "sockperf is not installed here (Debian: apt-get install sockperf)";
}

/* Whole seconds, which is all that sockperf knows, with at least what is asked for in them. */
static unsigned run_seconds(const struct bench *bench) {
  return (unsigned)((bench->duration_ns + left_out_ns + SECOND_NS - 1) / SECOND_NS);
}

/* ---- one of the two ---------------------------------------------------------------------- */

typedef int measure_one(struct bench *bench, const struct point *point, uint16_t port,
                        struct sample *sample);

static int measure_ours(struct bench *bench, const struct point *point, uint16_t port,
                        struct sample *sample) {
  const struct generator_options options = {
      .port = port,
      .protocol = point->udp ? PROTOCOL_UDP : PROTOCOL_TCP,
      .connections = point->connections,
      .size = point->size,
      .depth = point->depth,
      .seed = bench->seed,
      .warmup_ns = SOCKPERF_WARM_UP_MS * MILLISECOND_NS,
      .duration_ns = run_seconds(bench) * SECOND_NS - left_out_ns,
      .cpu = bench->generator_cpu,
      .spin = true,
  };
  struct generator_result result = {.reason = ""};
  int error = generator_spawn(&options, 0, sample->latency, NULL, &result, NULL);
  if (error || !result.valid) {
    snprintf(sample->reason, sizeof sample->reason, "ours: %.*s", GENERATOR_REASON_SIZE - 16,
             result.reason);
    return error ? error : -EAGAIN;
  }
  sample->values[OURS_P50] = (double)histogram_percentile(sample->latency, 50);
  sample->values[OURS_P99] = (double)histogram_percentile(sample->latency, 99);
  return 0;
}

static int measure_theirs(struct bench *bench, const struct point *point, uint16_t port,
                          struct sample *sample) {
  const struct sockperf_options options = {.port = port,
                                           .udp = point->udp,
                                           .size = point->size,
                                           .seconds = run_seconds(bench),
                                           .cpu = bench->generator_cpu};
  struct sockperf_result result;
  int error = sockperf_run(&options, &result, sample->reason, sizeof sample->reason);
  if (error)
    return error;
  sample->values[THEIRS_P50] = result.p50_ns;
  sample->values[THEIRS_P99] = result.p99_ns;
  return 0;
}

/* ---- both ---------------------------------------------------------------------------------- */

/* The contestant with one option more; 0 or -ENAMETOOLONG. */
static int answering_sockperf(const struct contestant *contestant, struct contestant *ret) {
  *ret = *contestant;
  int size = snprintf(ret->name, sizeof ret->name, "%s+reply=sockperf", contestant->name);
  return (size_t)size < sizeof ret->name ? 0 : -ENAMETOOLONG;
}

static int serve(struct bench *bench, const struct contestant *contestant,
                 const struct point *point, measure_one *one, struct sample *sample) {
  struct server_process server;
  int error = server_start(contestant, point->udp, bench->port, bench->server_cpu, NULL, &server,
                           sample->said, sizeof sample->said);
  if (error) {
    snprintf(sample->reason, sizeof sample->reason, "%s did not start: %s", contestant->name,
             strerror(-error));
    return error;
  }
  error = one(bench, point, server.port, sample);
  if (server_alive(&server, sample->said, sizeof sample->said)) {
    server_stop(&server, sample->said, sizeof sample->said);
    return error;
  }
  snprintf(sample->reason, sizeof sample->reason, "%s died while it was measured",
           contestant->name);
  return error ? error : -ECHILD;
}

static int measure(struct bench *bench, const struct contestant *contestant,
                   const struct point *point, unsigned round, struct sample *sample) {
  struct contestant theirs;
  int error = answering_sockperf(contestant, &theirs);
  if (error)
    snprintf(sample->reason, sizeof sample->reason,
             "%s: the name is too long to be given "
             "+reply=sockperf",
             contestant->name);
  for (unsigned turn = 0; turn < 2 && !error; turn++)
    error = (round + turn) % 2 == 0 ? serve(bench, contestant, point, measure_ours, sample)
                                    : serve(bench, &theirs, point, measure_theirs, sample);
  if (error)
    return error;
  sample->values[RATIO_P50] = sample->values[OURS_P50] / sample->values[THEIRS_P50];
  sample->values[RATIO_P99] = sample->values[OURS_P99] / sample->values[THEIRS_P99];
  return 0;
}

const struct experiment experiment_witness = {
    .name = "witness",
    .title = "An outside witness",
    .redoes = "sockperf ping-pong (https://github.com/Mellanox/sockperf)",
    .method = "sockperf and our generator measure round trips of the same server one after the "
              "other, in turns first: one socket, one message under way, the same size, time and "
              "processors, neither ever sleeps (sockperf --nonblocked). sockperf prints half round "
              "trips, which are doubled here. Ratios are taken within a round: near 1, or one of "
              "the two is wrong.",
    .metrics = metrics,
    .metric_count = METRICS,
    .points = points,
    .refuses = refuses,
    .measure = measure,
};
