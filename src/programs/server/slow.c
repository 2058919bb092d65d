/* SPDX-License-Identifier: MIT */
/*
 * slow.c - --slow=MS: the callbacks that made all others wait for long, as Tornado's debug mode
 * reports them. A line on stderr for each, and the loop's times at the end.
 */
#include <stdio.h>

#include "common/clock.h"
#include "common/say.h"
#include "server.h"

enum {
  NAME_SIZE = 48,
};

static const double ms_ns = 1e6, second_ns = 1e9;

static const char *name_worker(const struct server *server, char name[NAME_SIZE]) {
  name[0] = '\0';
  if (server->control >= 0)
    snprintf(name, NAME_SIZE, "worker %zu, ", server->worker_index + 1);
  return name;
}

static const char *name_call(char what, int fd, char name[NAME_SIZE]) {
  if (what == 'h')
    snprintf(name, NAME_SIZE, "handler of descriptor %d", fd);
  else if (what == 's')
    snprintf(name, NAME_SIZE, "watcher of signal %d", fd);
  else
    snprintf(name, NAME_SIZE, "%s", what == 't' ? "timeout" : "callback");
  return name;
}

static void on_slow(void *arg, char what, int fd, uint64_t duration_ns) {
  char who[NAME_SIZE], call[NAME_SIZE];
  say("slow: %s%s ran for %.1f ms", name_worker(arg, who), name_call(what, fd, call),
      (double)duration_ns / ms_ns);
}

void slow_watch(struct server *server) {
  const struct ioloop_observer hooks = {.slow = on_slow,
                                        .slow_ns = server->options.slow_ms * NS_PER_MS};
  if (!server->options.slow_ms)
    return;
  ioloop_set_observer(server->loop, &hooks, server);
  ioloop_set_timing(server->loop, true);
}

void slow_summarize(const struct server *server) {
  struct ioloop_metrics metrics;
  char who[NAME_SIZE];
  if (!server->options.slow_ms)
    return;
  ioloop_get_metrics(server->loop, &metrics);
  say("slow: %slongest %.1f ms; the loop worked for %.3f s and waited for %.3f s",
      name_worker(server, who), (double)metrics.longest_handler_ns / ms_ns,
      (double)metrics.busy_ns / second_ns, (double)metrics.idle_ns / second_ns);
}
