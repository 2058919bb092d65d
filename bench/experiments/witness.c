/* SPDX-License-Identifier: MIT */
/*
 * witness.c - are our latencies right? sockperf, an independent program, measures the same servers.
 *
 * The two are comparable because:
 *   - both use one socket, one message under way, messages of the same size, one after another;
 *   - neither sleeps if it has a processor of its own: there our generator spins, as it does in
 *     `latency`, and sockperf runs with --nonblocked. On one processor both sleep;
 *   - both use the same processors, for the same time, after the same warm-up;
 *   - they run within a second or two of each other, alternating which is first, so that a machine
 *     that slows down slows down both. So the ratio of each round is the figure to judge by.
 *
 * Only --reply=sockperf replies to sockperf's messages, and only an echo to ours, since every byte
 * of it is checked. So each has its own server process. The servers differ in nothing else; the
 * difference is a header of 14 bytes parsed and 64 bytes copied.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "contestants/child.h"
#include "echo.h"
#include "sockperf.h"

enum {
  /* sockperf omits this much at the beginning and at the end of a run. */
  WARM_UP_MS = 400,
  COOL_DOWN_MS = 50,
  PATIENCE_S = 10, /* in addition to its run */
};

enum {
  OURS_P50,
  THEIRS_P50,
  RATIO_P50,
  OURS_P99,
  THEIRS_P99,
  RATIO_P99
};

static const uint64_t left_out_ns = (WARM_UP_MS + COOL_DOWN_MS) * NS_PER_MS;

static size_t points(struct bench *bench, struct point *ret) {
  struct bench one = *bench; /* whatever --connections is: sockperf uses one */
  static const struct number_list connections = {{1}, 1};
  one.connections.count = 0;
  size_t count = echo_points(&one, false, &connections, ret);
  return count + echo_points(&one, true, &connections, ret + count);
}

static const char *refuses(struct bench *bench, const struct contestant *contestant,
                           const struct point *point) {
  char path[PATH_MAX];
  if (contestant->kind != CONTESTANT_BACKEND)
    return "cannot answer sockperf: only our server has --reply=sockperf";
  if (!programs_find_tool("sockperf", path, sizeof path))
    return "sockperf is not installed here (Debian: apt-get install sockperf)";
  return echo_refuses(bench, contestant, point);
}

/* Whole seconds, which is all that sockperf accepts, rounded up from the requested time. */
static unsigned run_seconds(const struct bench *bench) {
  return (unsigned)((bench->duration_ns + left_out_ns + NS_PER_SECOND - 1) / NS_PER_SECOND);
}

/* ---- one of the two ---------------------------------------------------------------------- */

static int measure_ours(struct bench *bench, const struct contestant *contestant,
                        struct echo_load *load, struct sample *sample) {
  int error = echo_measure(bench, contestant, load, sample);
  if (error)
    return error;
  sample->values[OURS_P50] = (double)histogram_percentile(sample->latency, 50);
  sample->values[OURS_P99] = (double)histogram_percentile(sample->latency, 99);
  return 0;
}

/* One round trip after another on one socket. There sockperf sleeps in recvfrom by default, and each
 * round trip then includes waking it. With --nonblocked it calls recvfrom until there is data. */
static int compose(const struct bench *bench, const struct generator_options *load, uint16_t port,
                   struct command *ret) {
  char path[PATH_MAX];
  if (!programs_find_tool("sockperf", path, sizeof path))
    return -ENOENT;
  *ret = (struct command){.count = 0};
  command_add(ret, "%s", path);
  command_add(ret, "ping-pong");
  command_add(ret, "--ip=127.0.0.1");
  command_add(ret, "--port=%u", (unsigned)port);
  command_add(ret, "--time=%u", run_seconds(bench));
  command_add(ret, "--msg-size=%zu", load->size);
  if (!load->udp)
    command_add(ret, "--tcp");
  if (load->spin)
    command_add(ret, "--nonblocked");
  return ret->error;
}

/* Wait for its end and parse its output. */
static int finish(const struct bench *bench, struct child *child, struct text *text,
                  struct sample *sample) {
  unsigned patience_s = run_seconds(bench) + PATIENCE_S;
  struct sockperf_result result;
  int error = child_read(child, text, patience_s * NS_PER_SECOND);
  int status = child_end(child, error ? SIGKILL : 0, text, NS_PER_SECOND);
  if (error == -ETIMEDOUT)
    snprintf(sample->reason, sizeof sample->reason, "sockperf did not end within %u s", patience_s);
  else if (error)
    snprintf(sample->reason, sizeof sample->reason, "reading sockperf's output failed: %s",
             strerror(-error));
  if (error)
    return error;
  const char *output = text->at ? text->at : "";
  if (status != 0) {
    char how[96];
    size_t size;
    const char *line = stderr_last_line(output, &size);
    child_describe_end(status, how, sizeof how);
    snprintf(sample->reason, sizeof sample->reason, "sockperf failed (%s): %.*s", how, (int)size,
             line);
    return -ECHILD;
  }
  error = sockperf_parse(output, &result, sample->reason, sizeof sample->reason);
  if (error)
    return error;
  sample->values[THEIRS_P50] = result.p50_ns;
  sample->values[THEIRS_P99] = result.p99_ns;
  return 0;
}

static int run_sockperf(const struct bench *bench, const struct generator_options *load,
                        uint16_t port, struct sample *sample) {
  struct command command;
  struct child child;
  struct text text = {.at = NULL};
  int error = compose(bench, load, port, &command);
  if (!error)
    error = child_start(command.argv, load->cpu, NULL, &child);
  if (error) {
    snprintf(sample->reason, sizeof sample->reason, "cannot start sockperf: %s", strerror(-error));
    return error;
  }
  error = finish(bench, &child, &text, sample);
  free(text.at);
  return error;
}

static int measure_theirs(struct bench *bench, const struct contestant *contestant,
                          struct echo_load *load, struct sample *sample) {
  struct contestant answering = *contestant;
  struct server_process server;
  int size = snprintf(answering.runs, sizeof answering.runs, "%s+reply=sockperf", contestant->runs);
  if ((size_t)size >= sizeof answering.runs) {
    snprintf(sample->reason, sizeof sample->reason, "its name has no room for +reply=sockperf");
    return -ENAMETOOLONG;
  }
  int error = echo_begin(bench, &answering, load, &server, sample);
  if (error)
    return error;
  error = run_sockperf(bench, &load->options, server.port, sample);
  if (server_alive(&server, sample->stderr_tail, sizeof sample->stderr_tail)) {
    server_stop(&server, sample->stderr_tail, sizeof sample->stderr_tail);
    return error;
  }
  snprintf(sample->reason, sizeof sample->reason, "its server died during sockperf's run");
  return -ECHILD;
}

/* ---- both ---------------------------------------------------------------------------------- */

static int measure(struct bench *bench, const struct contestant *contestant,
                   const struct point *point, unsigned round, struct sample *sample) {
  struct echo_load load;
  int error = 0;
  echo_load_at(bench, point, round, &load);
  load.options.warmup_ns = WARM_UP_MS * NS_PER_MS;
  load.options.duration_ns = run_seconds(bench) * NS_PER_SECOND - left_out_ns;
  for (unsigned turn = 0; turn < 2 && !error; turn++)
    error = (round + turn) % 2 == 0 ? measure_ours(bench, contestant, &load, sample)
                                    : measure_theirs(bench, contestant, &load, sample);
  if (error)
    return error;
  sample->values[RATIO_P50] = sample->values[OURS_P50] / sample->values[THEIRS_P50];
  sample->values[RATIO_P99] = sample->values[OURS_P99] / sample->values[THEIRS_P99];
  return 0;
}

const struct experiment experiment_witness = {
    .name = "witness",
    .title = "An independent witness",
    .reproduces = "sockperf ping-pong (https://github.com/Mellanox/sockperf)",
    .method = "sockperf and our generator measure round trips of the same server one after "
              "another, alternating which is first: one socket, one message under way, the same "
              "size, time and processors; neither sleeps if it has a processor of its own "
              "(sockperf --nonblocked). sockperf prints half round trips, which are doubled here. "
              "Ratios are taken within a round: they should be near 1, or one of the two is wrong.",
    .takes = (TAKES_ECHO | TAKES_CONTESTANTS | TAKES_UDP) &
             ~(unsigned)(TAKES_WARMUP | TAKES_CONNECTIONS),
    .metrics =
        {
            [OURS_P50] = {"ours_p50", "median, ours", "ns", "lower", true},
            [THEIRS_P50] = {"sockperf_p50", "median, sockperf", "ns", "lower", true},
            [RATIO_P50] = {"ratio_p50", "median, ours / sockperf", "", "", true},
            [OURS_P99] = {"ours_p99", "p99, ours", "ns", "lower", true},
            [THEIRS_P99] = {"sockperf_p99", "p99, sockperf", "ns", "lower", true},
            [RATIO_P99] = {"ratio_p99", "p99, ours / sockperf", "", "", true},
        },
    .points = points,
    .refuses = refuses,
    .measure = measure,
};
