/* SPDX-License-Identifier: MIT */
/* workload.c - see workload.h. */
#include "workload.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "contestants/child.h"

static const uint64_t patience_ns = 120 * NS_PER_SECOND;

/* `needs` is NULL if it needs only to be built. */
static const struct peer {
  const char *name, *library, *method, *needs;
  bool first; /* of its library */
} peers[] = {
    {"peer:epoll", "epoll", "-", "Linux", true},
    {"peer:poll", "poll", "-", NULL, false},
    {"peer:select", "select", "-", NULL, false},
    {"peer:libevent", "libevent", "epoll", "libevent", true},
    {"peer:libevent:poll", "libevent", "poll", "libevent", false},
    {"peer:libevent:select", "libevent", "select", "libevent", false},
    {"peer:libev", "libev", "epoll", "libev", true},
    {"peer:libev:poll", "libev", "poll", "libev", false},
    {"peer:libev:select", "libev", "select", "libev", false},
    {"peer:libuv", "libuv", "-", "libuv", true},
};

/* The servers of which one must be chosen for a library's workload to take part. */
static const struct {
  const char *library, *server;
} counterparts[] = {
    {"epoll", "peer:epoll"},    {"poll", "peer:epoll"},           {"select", "peer:epoll"},
    {"libevent", "peer:event"}, {"libevent", "peer:bufferevent"}, {"libev", "peer:libev"},
    {"libuv", "peer:libuv"},
};

/* ---- contestants ------------------------------------------------------------------- */

static const struct peer *find_peer(const char *name) {
  for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++)
    if (strcmp(peers[i].name, name) == 0)
      return &peers[i];
  return NULL;
}

static void check_program(struct contestant *contestant, const char *library, const char *needs) {
  char program[64], path[PATH_MAX];
  snprintf(program, sizeof program, "bench-workload-%s", library);
  contestant->available = programs_find(program, path, sizeof path);
  if (!contestant->available)
    snprintf(contestant->reason, sizeof contestant->reason, "not built: %s %s",
             needs ? "needs" : "there is no", needs ? needs : program);
}

static bool chosen(const struct bench *bench, const struct peer *peer) {
  for (size_t i = 0; i < sizeof counterparts / sizeof counterparts[0]; i++)
    if (strcmp(counterparts[i].library, peer->library) == 0 &&
        contestants_find(&bench->contestants, counterparts[i].server))
      return true;
  return false;
}

static int add_peers(const struct bench *bench, bool libraries_only, struct contestants *ret) {
  int error = 0;
  for (size_t i = 0; !error && i < sizeof peers / sizeof peers[0]; i++) {
    struct contestant one = {.kind = CONTESTANT_WORKLOAD};
    if (!chosen(bench, &peers[i]) || (libraries_only && !peers[i].first))
      continue;
    snprintf(one.name, sizeof one.name, "%s", peers[i].name);
    snprintf(one.runs, sizeof one.runs, "%s", peers[i].name);
    check_program(&one, peers[i].library, peers[i].needs);
    error = contestants_add(ret, &one);
  }
  return error;
}

/* Ours under one backend. Contestants with options of server ("+spin=50") have no counterpart. */
static int add_backend(const struct contestant *server, struct contestants *ret) {
  struct contestant one = *server;
  one.kind = CONTESTANT_WORKLOAD;
  if (strchr(one.runs, '+') || strcmp(one.runs, "blocking") == 0)
    return 0;
  if (one.available)
    check_program(&one, "ioloop", NULL);
  return contestants_add(ret, &one);
}

static int add_ours(const struct bench *bench, bool libraries_only, struct contestants *ret) {
  size_t before = ret->count;
  int error = 0;
  for (size_t i = 0; !error && i < bench->contestants.count; i++) {
    const struct contestant *server = &bench->contestants.at[i];
    if (server->kind != CONTESTANT_BACKEND)
      continue;
    if (libraries_only && (ret->count > before || !server->available))
      continue;
    error = add_backend(server, ret);
  }
  return error;
}

int workload_contestants(struct bench *bench, struct contestants *ret) {
  int error = add_ours(bench, false, ret);
  return error ? error : add_peers(bench, false, ret);
}

int workload_libraries(struct bench *bench, struct contestants *ret) {
  int error = add_ours(bench, true, ret);
  return error ? error : add_peers(bench, true, ret);
}

bool workload_of_peer(const char *name) {
  return find_peer(name) != NULL;
}

int workload_command(const struct contestant *contestant, const char *workload,
                     struct command *ret) {
  const struct peer *peer = find_peer(contestant->runs);
  char program[64];
  *ret = (struct command){.count = 0};
  snprintf(program, sizeof program, "bench-workload-%s", peer ? peer->library : "ioloop");
  command_add_program(ret, program);
  for (const char *at = workload; *at; at += strspn(at, " ")) {
    int size = (int)strcspn(at, " ");
    command_add(ret, "%.*s", size, at);
    if (at == workload)
      command_add(ret, "%s", peer ? peer->method : contestant->runs);
    at += size;
  }
  return ret->error;
}

/* ---- a run ------------------------------------------------------------------------- */

static bool parse_counts(const char *text, struct workload_result *ret) {
  const char *at = strstr(text, "operations=");
  return at &&
         sscanf(at, "operations=%" SCNu64 " ns=%" SCNu64 " cpu_ns=%" SCNu64, &ret->operations,
                &ret->ns, &ret->cpu_ns) == 3 &&
         ret->operations > 0;
}

static void take_histogram(const char *text, struct sample *sample) {
  const char *line = strchr(text, '{'), *why;
  json_t *json = line ? json_loads(line, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
  struct histogram *histogram = json ? histogram_from_json(json, &why) : NULL;
  if (histogram)
    histogram_merge(sample->latency, histogram);
  histogram_free(histogram);
  json_decref(json);
}

/* How it ended, and its own message about that. */
static void explain(int status, struct sample *sample) {
  char how[96];
  size_t size;
  const char *line = stderr_last_line(sample->stderr_tail, &size);
  child_describe_end(status, how, sizeof how);
  snprintf(sample->reason, sizeof sample->reason, "it failed (%s)%s%.*s", how, size ? ": " : "",
           (int)size, line);
}

static int judge(int error, int status, const struct text *text, struct sample *sample,
                 struct workload_result *ret) {
  stderr_keep_end(text->at, sample->stderr_tail, sizeof sample->stderr_tail);
  if (error == -EINTR)
    return error;
  if (error)
    snprintf(sample->reason, sizeof sample->reason, "it did not end: %s", strerror(-error));
  else if (status != 0)
    explain(status, sample);
  else if (!text->at || !parse_counts(text->at, ret))
    snprintf(sample->reason, sizeof sample->reason, "it did not print operations=N ns=N cpu_ns=N");
  else
    return 0;
  return error ? error : -ECHILD;
}

int workload_run(struct bench *bench, const struct command *command, struct sample *sample,
                 struct workload_result *ret) {
  struct child child;
  struct text text = {.at = NULL};
  if (command->error)
    return command->error;
  int error = child_start(command->argv, bench->server_cpu, NULL, &child);
  if (error) {
    snprintf(sample->reason, sizeof sample->reason, "cannot start %s: %s", command->argv[0],
             strerror(-error));
    return error;
  }
  error = child_read(&child, &text, patience_ns);
  int status = child_end(&child, error ? SIGKILL : 0, &text, patience_ns);
  error = judge(error, status, &text, sample, ret);
  if (!error && text.at)
    take_histogram(text.at, sample);
  free(text.at);
  return error;
}

int workload_measure(struct bench *bench, const struct contestant *contestant,
                     const struct point *point, unsigned round, struct sample *sample) {
  struct command command;
  struct workload_result result;
  (void)round;
  workload_command(contestant, point->workload, &command);
  int error = workload_run(bench, &command, sample, &result);
  if (error)
    return error;
  sample->values[WORKLOAD_TIME] = (double)result.ns / (double)result.operations;
  sample->values[WORKLOAD_CPU] = (double)result.cpu_ns / (double)result.operations;
  return 0;
}

double workload_seconds(const struct bench *bench, const struct point *point) {
  (void)bench;
  (void)point;
  return 0.12;
}
