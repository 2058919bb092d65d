/* SPDX-License-Identifier: MIT */
/*
 * load.c - latency against rate, on a schedule that does not wait for replies; and the highest rate
 * whose p99 is still within the limit.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/say.h"
#include "echo.h"
#include "results/statistics.h"

enum {
  CONNECTIONS = 50,
  CAPACITY_RUNS = 3,
  STEPS = 6, /* of the bisection: to a 64th of the way */
  SLO_RATE = ECHO_METRICS
};

/* ---- capacity ---------------------------------------------------------------------- */

static const struct contestant *reference(const struct bench *bench) {
  const struct contestant *named = contestants_find(&bench->contestants, bench->baseline);
  for (size_t i = 0; !(named && named->available) && i < bench->contestants.count; i++)
    named = &bench->contestants.at[i];
  return named;
}

static size_t connections(const struct bench *bench) {
  return bench->connections.count ? (size_t)bench->connections.at[0] : CONNECTIONS;
}

/* A closed loop, which never requests more than is answered. NaN after printing an error. */
static double capacity(struct bench *bench, bool udp) {
  const struct contestant *contestant = reference(bench);
  const struct point point = {.udp = udp, .connections = connections(bench), .depth = 1};
  double rates[CAPACITY_RUNS];
  struct sample sample = {.latency = histogram_new()};
  int error = sample.latency ? 0 : -ENOMEM;
  for (unsigned i = 0; !error && i < CAPACITY_RUNS; i++) {
    struct echo_load load;
    echo_load_at(bench, &point, i, &load);
    error = echo_measure(bench, contestant, &load, &sample);
    rates[i] = load.result.rate;
  }
  histogram_free(sample.latency);
  if (error == -EINTR)
    bench->interrupted = 1;
  else if (error)
    complain("load: the capacity of %s over %s could not be measured: %s; give rates by hand "
             "(--rate=1000,10000)",
             contestant->name, udp ? "UDP" : "TCP", sample.reason);
  return error ? NAN : median_of(rates, CAPACITY_RUNS);
}

/* ---- points ------------------------------------------------------------------------ */

static struct point *add_point(struct bench *bench, bool udp, double rate, struct point *ret) {
  *ret = (struct point){
      .udp = udp, .connections = connections(bench), .depth = 1, .x = rate, .rate = rate};
  snprintf(ret->group, sizeof ret->group, "%s", udp ? "UDP" : "TCP");
  return ret;
}

static size_t given_points(struct bench *bench, bool udp, struct point *ret) {
  for (size_t i = 0; i < bench->rates.count; i++) {
    struct point *point = add_point(bench, udp, bench->rates.at[i], &ret[i]);
    snprintf(point->id, sizeof point->id, "%s-rate-%g", udp ? "udp" : "tcp", point->rate);
    snprintf(point->label, sizeof point->label, "%s, %g/s", udp ? "UDP" : "TCP", point->rate);
  }
  return bench->rates.count;
}

static void add_share(struct bench *bench, bool udp, double share, double most, struct point *ret) {
  struct point *point = add_point(bench, udp, most * share / 100, ret);
  snprintf(point->id, sizeof point->id, "%s-%g", udp ? "udp" : "tcp", share);
  if (bench->describe)
    snprintf(point->label, sizeof point->label, "%s, %g %% of the baseline's capacity",
             udp ? "UDP" : "TCP", share);
  else
    snprintf(point->label, sizeof point->label, "%s, %g %%: %.0f/s", udp ? "UDP" : "TCP", share,
             point->rate);
}

/* setting: the starting point of the bisection. */
static void add_slo(struct bench *bench, bool udp, double most, struct point *ret) {
  struct point *point = add_point(bench, udp, 0, ret);
  point->x = NAN;
  point->setting = most;
  snprintf(point->id, sizeof point->id, "%s-slo", udp ? "udp" : "tcp");
  snprintf(point->label, sizeof point->label, "%s, p99 <= %g us", udp ? "UDP" : "TCP",
           (double)bench->slo_ns / 1e3);
}

static size_t points_of(struct bench *bench, bool udp, struct point *ret) {
  static const struct number_list usual[] = {
      {{10, 50, 90}, 3}, {{10, 50, 90}, 3}, {{10, 25, 50, 75, 85, 95}, 6}};
  const struct number_list *shares = &usual[bench->size];
  if (bench->rates.count)
    return given_points(bench, udp, ret);
  double most = bench->describe ? NAN : capacity(bench, udp);
  if (isnan(most) && !bench->describe)
    return 0;
  for (size_t i = 0; i < shares->count; i++)
    add_share(bench, udp, shares->at[i], most, &ret[i]);
  add_slo(bench, udp, most, &ret[shares->count]);
  return shares->count + 1;
}

/* UDP in addition to TCP takes twice the time: when all experiments run, TCP has to do. */
static size_t points(struct bench *bench, struct point *ret) {
  size_t count = bench->tcp ? points_of(bench, false, ret) : 0;
  if (bench->udp && (bench->size == SIZE_FULL || !bench->tcp))
    count += points_of(bench, true, ret + count);
  return count;
}

/* ---- measuring --------------------------------------------------------------------- */

/* Is this rate within the limit? -errno: the server failed. A late generator proves nothing, so its
 * rate does not count as within the limit. */
static int keeps(struct server_process *server, struct echo_load *load, double rate,
                 const struct bench *bench, struct sample *sample) {
  load->options.rate = rate;
  histogram_clear(sample->latency);
  int error = echo_run(server, load, sample);
  if (error)
    return error == -EAGAIN || error == -ENOBUFS ? 0 : error;
  return load->result.lost == 0 && histogram_percentile(sample->latency, 99) <= bench->slo_ns;
}

static int bisect(struct bench *bench, struct server_process *server, struct echo_load *load,
                  const struct point *point, struct sample *sample) {
  double low = 0, high = point->setting * 1.25;
  for (unsigned i = 0; i < STEPS && server->pid > 0; i++) {
    double middle = (low + high) / 2;
    int kept = keeps(server, load, middle, bench, sample);
    if (kept < 0)
      return kept;
    if (kept)
      low = middle;
    else
      high = middle;
  }
  histogram_clear(sample->latency); /* of several rates: not a distribution of anything */
  *sample->reason = '\0';
  if (low > 0) {
    sample->values[SLO_RATE] = low;
    return 0;
  }
  snprintf(sample->reason, sizeof sample->reason, "p99 was above %g us down to %.0f/s",
           (double)bench->slo_ns / 1e3, high);
  return -EAGAIN;
}

static int measure_slo(struct bench *bench, const struct contestant *contestant,
                       const struct point *point, unsigned round, struct sample *sample) {
  struct echo_load load;
  struct server_process server = {.pid = -1};
  struct point open = *point;
  open.rate = point->setting;
  echo_load_at(bench, &open, round, &load);
  int error = echo_begin(bench, contestant, &load, &server, sample);
  if (error)
    return error;
  error = bisect(bench, &server, &load, point, sample);
  if (server.pid > 0)
    server_stop(&server, sample->stderr_tail, sizeof sample->stderr_tail);
  return error;
}

static int measure(struct bench *bench, const struct contestant *contestant,
                   const struct point *point, unsigned round, struct sample *sample) {
  return point->setting > 0 ? measure_slo(bench, contestant, point, round, sample)
                            : echo_measure_point(bench, contestant, point, round, sample);
}

/* The highest rate takes a run for each step of the bisection. */
static double seconds(const struct bench *bench, const struct point *point) {
  double one = (double)(bench->warmup_ns + bench->duration_ns) / 1e9;
  return 0.06 + (point->setting > 0 || isnan(point->x) ? STEPS : 1) * one;
}

const struct experiment experiment_load = {
    .name = "load",
    .title = "Latency against rate",
    .reproduces =
        "wrk2 (constant rate, latency from the planned send); Gil Tene, \"How NOT to Measure "
        "Latency\", 2013",
    .method = "The baseline's capacity is measured first, in a closed loop of 50 connections. Then "
              "requests are sent on a schedule at 10 to 95 % of that, the same for all, whether or "
              "not earlier ones were answered, and latency is measured from the planned time of "
              "each: a server that stalls cannot hide it (no coordinated omission). A run in which "
              "the generator itself was late is invalid and left out. The highest rate is found by "
              "bisection, with a run for each of six steps; a rate that the generator could not "
              "keep does not count. Read where a curve leaves the floor, not its height at 95 %: a "
              "little more capacity moves that point a lot.",
    .x_label = "requests a second",
    .takes = TAKES_ECHO | TAKES_CONTESTANTS | TAKES_UDP | TAKES_RATE | TAKES_POISSON | TAKES_SLO,
    .metrics = {ECHO_METRICS_OF(1 << ECHO_P50 | 1 << ECHO_P99 | 1 << ECHO_P999,
                                "latency from the planned send", "a request", "echoes", ""),
                [SLO_RATE] = {"slo_rate", "highest rate that keeps p99 within --slo", "1/s",
                              "higher", true}},
    .points = points,
    .refuses = echo_refuses,
    .seconds = seconds,
    .measure = measure,
};
