/* SPDX-License-Identifier: MIT */
/* echo.c - one echo server, one load; see echo.h. */
#include "echo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"

enum {
  /* With fewer requests under way than this the generator would sleep between them: then it spins
   * instead, if it has a processor of its own. With more it is busy anyway, and its busy share
   * shows whether it is overloaded. */
  SPIN_BELOW = 4
};

/* A server that has closed its connections gets this long to end. */
static const uint64_t ending_ns = NS_PER_SECOND / 2;

void echo_load_at(const struct bench *bench, const struct point *point, unsigned round,
                  struct echo_load *ret) {
  size_t depth = point->depth ? point->depth : 1;
  bool few = point->rate > 0 || point->connections * depth < SPIN_BELOW;
  bool alone = bench->generator_cpu >= 0 && bench->generator_cpu != bench->server_cpu;
  *ret = (struct echo_load){
      .options =
          {
              .udp = point->udp,
              .connections = point->connections,
              .idle = point->idle,
              .size = point->size ? point->size : (size_t)bench->message_size,
              .depth = depth,
              .churn = point->churn,
              .rate = point->rate,
              .poisson = bench->poisson,
              /* The same schedule for all contestants of a round. */
              .seed = bench->seed + round,
              .warmup_ns = bench->warmup_ns,
              .duration_ns = bench->duration_ns,
              .cpu = bench->generator_cpu,
              .spin = few && alone,
          },
      .limits = point->limits,
  };
}

int echo_begin(struct bench *bench, const struct contestant *contestant,
               const struct echo_load *load, struct server_process *server, struct sample *sample) {
  bool udp = load->options.udp;
  int error = server_start(contestant, udp, (uint16_t)bench->port, bench->server_cpu, &load->limits,
                           server, sample->stderr_tail, sizeof sample->stderr_tail);
  if (error)
    snprintf(sample->reason, sizeof sample->reason, "its server did not start: %s",
             error == -ECHILD ? "it ended at once" : strerror(-error));
  return error;
}

int echo_run(struct server_process *server, struct echo_load *load, struct sample *sample) {
  load->options.port = server->port;
  load->options.server = server->pid;
  int error = generator_spawn(&load->options, sample->latency, NULL, &load->result);
  if (error == -EINTR)
    return error;
  /* If the server has died, or is about to, the generator's error is only a consequence. */
  uint64_t patience_ns = error && error != -ETIMEDOUT ? ending_ns : 0;
  if (server_ends(server, patience_ns, sample->stderr_tail, sizeof sample->stderr_tail)) {
    snprintf(sample->reason, sizeof sample->reason, "its server died during the run");
    return -ECHILD;
  }
  if (!error && load->result.valid)
    return 0;
  snprintf(sample->reason, sizeof sample->reason, "%s",
           *load->result.reason ? load->result.reason : strerror(-error));
  return error ? error : -EAGAIN;
}

int echo_measure(struct bench *bench, const struct contestant *contestant, struct echo_load *load,
                 struct sample *sample) {
  struct server_process server = {.pid = -1};
  int error = echo_begin(bench, contestant, load, &server, sample);
  if (error)
    return error;
  error = echo_run(&server, load, sample);
  if (server.pid > 0)
    server_stop(&server, sample->stderr_tail, sizeof sample->stderr_tail);
  return error;
}

void echo_fill(const struct echo_load *load, struct sample *sample) {
  const struct generator_result *result = &load->result;
  double *values = sample->values;
  values[ECHO_P50] = (double)histogram_percentile(sample->latency, 50);
  values[ECHO_P99] = (double)histogram_percentile(sample->latency, 99);
  values[ECHO_P999] = (double)histogram_percentile(sample->latency, 99.9);
  values[ECHO_RATE] = result->rate;
  if (result->echoed)
    values[ECHO_CPU] = (double)result->server_cpu_ns / (double)result->echoed;
  if (load->options.udp)
    values[ECHO_LOST] = (double)result->lost;
  /* A generator that never sleeps is always busy. */
  if (result->elapsed_ns && !load->options.spin)
    values[ECHO_BUSY] = (double)result->generator_cpu_ns / (double)result->elapsed_ns;
}

int echo_measure_point(struct bench *bench, const struct contestant *contestant,
                       const struct point *point, unsigned round, struct sample *sample) {
  struct echo_load load;
  echo_load_at(bench, point, round, &load);
  int error = echo_measure(bench, contestant, &load, sample);
  if (!error)
    echo_fill(&load, sample);
  return error;
}

const char *echo_refuses(struct bench *bench, const struct contestant *contestant,
                         const struct point *point) {
  if (point->udp && bench->message_size > GENERATOR_MAX_DATAGRAM)
    return "a datagram has at most 65507 bytes";
  if (point->udp && !contestant->udp)
    return "serves TCP only";
  return !point->udp && !contestant->tcp ? "serves UDP only" : NULL;
}

size_t echo_points(const struct bench *bench, bool udp, const struct number_list *connections,
                   struct point *ret) {
  if (udp ? !bench->udp : !bench->tcp)
    return 0;
  if (bench->connections.count)
    connections = &bench->connections;
  for (size_t i = 0; i < connections->count; i++) {
    struct point *point = &ret[i];
    size_t number = (size_t)connections->at[i];
    *point = (struct point){.x = connections->at[i], .udp = udp, .connections = number, .depth = 1};
    snprintf(point->id, sizeof point->id, "%s-%zu", udp ? "udp" : "tcp", number);
    snprintf(point->label, sizeof point->label, "%s, %zu %s%s", udp ? "UDP" : "TCP", number,
             udp ? "socket" : "connection", number == 1 ? "" : "s");
    snprintf(point->group, sizeof point->group, "%s", udp ? "UDP" : "TCP");
  }
  return connections->count;
}
