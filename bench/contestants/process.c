/* SPDX-License-Identifier: MIT */
/* process.c - an echo server in a process: starting, waiting for it, stopping it; see
 * contestant.h. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "child.h"
#include "common/clock.h"
#include "contestant.h"
#include "method/interrupt.h"

static const uint64_t start_patience_ns = 20 * NS_PER_SECOND; /* valgrind is slow to start */
static const uint64_t stop_patience_ns = 5 * NS_PER_SECOND;

/* ---- its port ---------------------------------------------------------------------- */

/* "listening tcp 127.0.0.1:4711 backend=poll" of ours, "listening 4711" of a peer: the digits
 * before the line's end or the next word. */
static uint16_t port_in(const struct text *text) {
  const char *line = text->at ? strstr(text->at, "listening ") : NULL;
  if (!line || !strchr(line, '\n'))
    return 0;
  const char *colon = strchr(line, ':'), *end = strchr(line, '\n');
  const char *digits = colon && colon < end ? colon + 1 : line + strlen("listening ");
  unsigned long port = strtoul(digits, NULL, 10);
  return port <= UINT16_MAX ? (uint16_t)port : 0;
}

static bool listens(const struct text *text) {
  return port_in(text) != 0;
}

static int refuse_start(struct child *child, struct text *text, int error, char *stderr_tail,
                        size_t room) {
  char how[96], line[160];
  int status = child_end(child, error == -EPIPE ? 0 : SIGKILL, text, NS_PER_SECOND);
  child_describe_end(status, how, sizeof how);
  stderr_keep_end(text->at, stderr_tail, room);
  if (error == -EPIPE)
    snprintf(line, sizeof line, "(ended before it listened: %s)", how);
  else
    snprintf(line, sizeof line, "(did not listen: %s)", strerror(-error));
  stderr_add_line(stderr_tail, room, line);
  return error == -EPIPE ? -ECHILD : error;
}

int server_start_command(const struct command *command, int cpu, const struct server_limits *limits,
                         struct server_process *ret, char *stderr_tail, size_t tail_size) {
  struct child child;
  struct text text = {.at = NULL};
  *stderr_tail = '\0';
  int error = child_start(command->argv, cpu, limits, &child);
  if (error) {
    snprintf(stderr_tail, tail_size, "cannot start %s: %s", command->argv[0], strerror(-error));
    return error;
  }
  error = child_read_until(&child, &text, listens, start_patience_ns);
  if (error)
    error = refuse_start(&child, &text, error, stderr_tail, tail_size);
  else
    *ret =
        (struct server_process){.pid = child.pid, .port = port_in(&text), .errors = child.output};
  free(text.at);
  return error;
}

int server_start(const struct contestant *contestant, bool udp, uint16_t port, int cpu,
                 const struct server_limits *limits, struct server_process *ret, char *stderr_tail,
                 size_t tail_size) {
  struct command command;
  int error = contestant_command(contestant, udp, port, &command);
  if (error) {
    snprintf(stderr_tail, tail_size, "cannot start %s: %s", contestant->name, strerror(-error));
    return error;
  }
  return server_start_command(&command, cpu, limits, ret, stderr_tail, tail_size);
}

/* ---- the end ----------------------------------------------------------------------- */

static int end(struct server_process *process, int signo, char *stderr_tail, size_t room) {
  struct child child = {.pid = process->pid, .output = process->errors};
  struct text text = {.at = NULL};
  int status = child_end(&child, signo, &text, stop_patience_ns);
  stderr_keep_end(text.at, stderr_tail, room);
  free(text.at);
  process->pid = -1;
  return status;
}

bool server_alive(struct server_process *process, char *stderr_tail, size_t tail_size) {
  char how[96], line[128];
  siginfo_t info = {.si_pid = 0};
  if (process->pid <= 0)
    return false;
  if (waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || !info.si_pid)
    return true;
  child_describe_end(end(process, 0, stderr_tail, tail_size), how, sizeof how);
  snprintf(line, sizeof line, "(%s)", how);
  stderr_add_line(stderr_tail, tail_size, line);
  return false;
}

bool server_dies(struct server_process *process, uint64_t patience_ns, char *stderr_tail,
                 size_t tail_size) {
  const struct timespec moment = {.tv_nsec = NS_PER_MS};
  uint64_t deadline_ns = clock_ns(CLOCK_MONOTONIC) + patience_ns;
  while (server_alive(process, stderr_tail, tail_size)) {
    if (clock_ns(CLOCK_MONOTONIC) >= deadline_ns || interrupt_seen())
      return false;
    nanosleep(&moment, NULL);
  }
  return true;
}

void server_stop(struct server_process *process, char *stderr_tail, size_t tail_size) {
  *stderr_tail = '\0';
  if (process->pid > 0)
    end(process, SIGTERM, stderr_tail, tail_size);
}
