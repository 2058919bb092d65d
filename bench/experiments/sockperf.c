/* SPDX-License-Identifier: MIT */
/*
 * sockperf.c - running sockperf's client; its output is parsed in sockperf_output.c.
 *
 * With one socket it sleeps in recvfrom by default, and each round trip then includes waking the
 * client. With --nonblocked it calls recvfrom until there is data, which is comparable to a
 * generator that spins.
 */
#include "sockperf.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/clock.h"
#include "contestants/child.h"

static const uint64_t patience_ns = 10 * NS_PER_SECOND; /* in addition to the run itself */

bool sockperf_found(void) {
  char path[PATH_MAX];
  return programs_find_tool("sockperf", path, sizeof path);
}

static int compose(const struct sockperf_options *options, struct command *ret) {
  char path[PATH_MAX];
  if (!programs_find_tool("sockperf", path, sizeof path))
    return -ENOENT;
  *ret = (struct command){.count = 0};
  int error = command_add(ret, "%s", path);
  if (!error)
    error = command_add(ret, "ping-pong");
  if (!error)
    error = command_add(ret, "--ip=127.0.0.1");
  if (!error)
    error = command_add(ret, "--port=%u", (unsigned)options->port);
  if (!error)
    error = command_add(ret, "--time=%u", options->seconds);
  if (!error)
    error = command_add(ret, "--msg-size=%zu", options->size);
  if (!error && !options->udp)
    error = command_add(ret, "--tcp");
  if (!error && options->spin)
    error = command_add(ret, "--nonblocked");
  return error;
}

static void explain(const struct text *text, int status, char *reason, size_t room) {
  char how[96];
  size_t size;
  const char *line = stderr_last_line(text->at ? text->at : "", &size);
  child_describe_end(status, how, sizeof how);
  snprintf(reason, room, "sockperf failed (%s): %.*s", how, (int)size, line);
}

/* Wait for its end and parse its output. */
static int finish(const struct sockperf_options *options, struct child *child, struct text *text,
                  struct sockperf_result *ret, char *reason, size_t room) {
  int error = child_read(child, text, options->seconds * NS_PER_SECOND + patience_ns);
  int status = child_end(child, error ? SIGKILL : 0, text, NS_PER_SECOND);
  if (error == -ETIMEDOUT)
    snprintf(reason, room, "sockperf did not end within %u s", options->seconds + 10);
  else if (error)
    snprintf(reason, room, "reading sockperf's output failed: %s", strerror(-error));
  if (error)
    return error;
  if (status == 0)
    return sockperf_parse(text->at ? text->at : "", ret, reason, room);
  explain(text, status, reason, room);
  return -ECHILD;
}

int sockperf_run(const struct sockperf_options *options, struct sockperf_result *ret, char *reason,
                 size_t reason_size) {
  struct command command;
  struct child child;
  struct text text = {.at = NULL};
  int error = compose(options, &command);
  if (!error)
    error = child_start(command.argv, options->cpu, NULL, &child);
  if (error) {
    snprintf(reason, reason_size, "cannot start sockperf: %s", strerror(-error));
    return error;
  }
  error = finish(options, &child, &text, ret, reason, reason_size);
  free(text.at);
  return error;
}
