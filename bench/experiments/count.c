/* SPDX-License-Identifier: MIT */
/*
 * count.c - figures that are the same on a quiet machine and on a busy one: system calls and
 * instructions, per request and per event.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "echo.h"
#include "tools.h"
#include "workload.h"

enum {
  CALLS,
  INSTRUCTIONS,
  METRICS,
  SHORT_RUN = 500, /* requests; the long run has twice as many */
  RING_PIPES = 100,
  RING_WRITES = 1000
};

static const struct metric metrics[METRICS] = {
    [CALLS] = {"calls", "system calls, each", "calls", "lower", true},
    [INSTRUCTIONS] = {"instructions", "user instructions, each", "instructions", "lower", true},
};

/* ---- points: the quantity counted, and the tool ------------------------------------ */

enum subject {
  REQUESTS,
  EVENTS
};

static enum tool tool_of(const struct point *point) {
  return (enum tool)point->setting[0];
}

static enum subject subject_of(const struct point *point) {
  return (enum subject)point->setting[1];
}

static void add(enum tool tool, enum subject subject, size_t connections, struct point *ret) {
  const char *trouble = tool_trouble(tool), *colon = trouble ? ": " : "";
  *ret = (struct point){.connections = connections, .depth = 1, .x = (double)connections};
  ret->setting[0] = tool;
  ret->setting[1] = subject;
  snprintf(ret->id, sizeof ret->id, "%s-%s-%zu", tool == TOOL_STRACE ? "calls" : "instructions",
           subject == REQUESTS ? "request" : "event", connections);
  if (subject == REQUESTS)
    snprintf(ret->label, sizeof ret->label, "request, %s%s%s", tool_name(tool), colon,
             trouble ? trouble : "");
  else
    snprintf(ret->label, sizeof ret->label, "ring %zu/%d, %s%s%s", connections, (int)RING_PIPES,
             tool_name(tool), colon, trouble ? trouble : "");
}

static size_t points(struct bench *bench, struct point *ret) {
  size_t count = 0;
  (void)bench;
  for (int tool = TOOL_STRACE; tool <= TOOL_CALLGRIND; tool++) {
    add((enum tool)tool, REQUESTS, 1, &ret[count++]);
    add((enum tool)tool, EVENTS, 1, &ret[count++]);
    add((enum tool)tool, EVENTS, RING_PIPES, &ret[count++]);
  }
  return count;
}

/* ---- contestants: servers and workloads -------------------------------------------- */

static int contestants(struct bench *bench, struct contestants *ret) {
  struct contestants workloads = {.at = NULL};
  int error = workload_contestants(bench, &workloads);
  for (size_t i = 0; !error && i < bench->contestants.count; i++)
    error = contestants_add(ret, &bench->contestants.at[i]);
  for (size_t i = 0; !error && i < workloads.count; i++)
    if (!contestants_find(ret, workloads.at[i].name))
      error = contestants_add(ret, &workloads.at[i]);
  contestants_free(&workloads);
  return error;
}

static const char *refuses(struct bench *bench, const struct contestant *contestant,
                           const struct point *point) {
  static char reason[96];
  struct command command;
  const char *trouble = tool_trouble(tool_of(point));
  (void)bench;
  if (trouble) {
    snprintf(reason, sizeof reason, "not counted with %s: %s", tool_name(tool_of(point)), trouble);
    return reason;
  }
  if (subject_of(point) == REQUESTS)
    return contestant->kind == CONTESTANT_WORKLOAD ? "is no server" : NULL;
  if (strchr(contestant->name, '+') || strcmp(contestant->name, "blocking") == 0)
    return "has no loop of its own";
  if (contestant->kind == CONTESTANT_PEER && !workload_of_peer(contestant->name))
    return "is a server, and its library's loop goes by another name";
  return workload_command(contestant, "ring", &command) ? "its workload is not built" : NULL;
}

/* ---- one run ----------------------------------------------------------------------- */

/* -errno, or 0 with the tool's count while the server answered `requests` requests. */
static int count_requests(struct bench *bench, const struct contestant *contestant,
                          const struct point *point, uint64_t requests, double *ret,
                          struct sample *sample) {
  struct tool_run tool;
  struct command plain, whole;
  struct echo_load load;
  struct server_process server = {.pid = -1};
  echo_load_at(bench, point, 0, &load);
  load.options.requests = requests;
  load.options.warmup_ns = 0;
  load.options.duration_ns = 0;
  int error = tool_begin(tool_of(point), &tool);
  if (!error)
    error = contestant_command(contestant, false, bench->port, &plain);
  if (!error)
    error = tool_command(&tool, &plain, &whole);
  if (!error)
    error = server_start_command(&whole, bench->server_cpu, NULL, &server, sample->stderr_tail,
                                 sizeof sample->stderr_tail);
  if (error)
    snprintf(sample->reason, sizeof sample->reason, "it did not start under %s: %s",
             tool_name(tool_of(point)), strerror(-error));
  else
    error = echo_run(&server, &load, sample);
  if (server.pid > 0)
    server_stop(&server, sample->stderr_tail, sizeof sample->stderr_tail);
  *ret = tool_end(&tool, sample->stderr_tail);
  return error;
}

static int count_events(struct bench *bench, const struct contestant *contestant,
                        const struct point *point, unsigned rounds, double *ret, uint64_t *events,
                        struct sample *sample) {
  struct tool_run tool;
  struct command plain, whole;
  struct workload_result result = {.operations = 0};
  int error = tool_begin(tool_of(point), &tool);
  if (!error)
    error = workload_command(contestant, "ring", &plain);
  if (!error)
    error = command_add(&plain, "%d", RING_PIPES);
  if (!error)
    error = command_add(&plain, "%zu", point->connections);
  if (!error)
    error = command_add(&plain, "%d", RING_WRITES);
  if (!error)
    error = command_add(&plain, "%u", rounds);
  if (!error)
    error = tool_command(&tool, &plain, &whole);
  if (!error)
    error = workload_run(bench, &whole, sample, &result);
  *events = result.operations;
  *ret = tool_end(&tool, sample->stderr_tail);
  return error;
}

/* ---- two run lengths: starting and ending cancel out in the difference ------------- */

static int measure(struct bench *bench, const struct contestant *contestant,
                   const struct point *point, unsigned round, struct sample *sample) {
  double counted[2] = {NAN, NAN};
  uint64_t events[2] = {SHORT_RUN, 2 * SHORT_RUN};
  int error = 0;
  (void)round;
  for (unsigned i = 0; !error && i < 2 && !(i == 1 && isnan(counted[0])); i++)
    error =
        subject_of(point) == REQUESTS
            ? count_requests(bench, contestant, point, events[i], &counted[i], sample)
            : count_events(bench, contestant, point, 2 * (i + 1), &counted[i], &events[i], sample);
  histogram_clear(sample->latency); /* under a tool they are meaningless */
  if (error)
    return error;
  double each = (counted[1] - counted[0]) / (double)(events[1] - events[0]);
  if (!isfinite(each)) {
    snprintf(sample->reason, sizeof sample->reason,
             "%s counted nothing: the program did not end in order under it",
             tool_name(tool_of(point)));
    return -EIO;
  }
  sample->values[tool_of(point) == TOOL_STRACE ? CALLS : INSTRUCTIONS] = each;
  return 0;
}

const struct experiment experiment_count = {
    .name = "count",
    .title = "System calls and instructions, counted",
    .reproduces =
        "the counts that accompany the timings of Provos & Lever 2000 and of Gammo et al. 2004",
    .method =
        "strace -c -f counts the system calls of the server, valgrind's callgrind its instructions "
        "in user space, over one connection in a closed loop; the same is done for the workload of "
        "`ring` with 1 and with 100 of 100 pipes active. Each figure is the difference of two run "
        "lengths, divided by the requests or events between them, so that starting and ending "
        "cancel out. The counts hardly vary, so they are measured once. A model that polls without "
        "sleeping (nonblocking) makes as many calls as it has time for, and slow tools give it "
        "much: its counts show nothing else. Instructions in the kernel are not included, nor "
        "those of io_uring's kernel threads.",
    .takes = TAKES_ALWAYS | TAKES_CONTESTANTS | TAKES_SIZE | TAKES_TCP | TAKES_PORT,
    .metrics = metrics,
    .metric_count = METRICS,
    .counted = true,
    .points = points,
    .refuses = refuses,
    .measure = measure,
    .contestants = contestants,
    .rounds = 1,
};
