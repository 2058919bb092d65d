/* SPDX-License-Identifier: MIT */
/*
 * tornado.c - the contestants peer:tornado@LOOP: the same echo server, written in Python for
 * Tornado, on different event loops. LOOP is one of our backends, through the Python package;
 * asyncio, Python's own; or uvloop. So a table shows what Python costs (epoll, peer:tornado@epoll)
 * separately from what the model costs (peer:tornado@epoll, peer:tornado@sigio).
 *
 * The program bench-peer-tornado is a script. Whether Python, Tornado and the modules are there is
 * found out by running it, once, when such a contestant is first named.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "common/clock.h"
#include "ioloop/ioloop.h"

#define PROGRAM "bench-peer-tornado"

enum kind {
  LOOP_OURS,
  LOOP_ASYNCIO,
  LOOP_UVLOOP,
  KINDS
};

static const char *const kind_names[] = {"ioloop", "asyncio", "uvloop"};
static char why_not[KINDS][CONTESTANT_REASON_SIZE]; /* empty: it is available */

static void all_unavailable(const char *reason, size_t size) {
  for (int kind = 0; kind < KINDS; kind++)
    snprintf(why_not[kind], sizeof why_not[kind], "%.*s", (int)size, reason);
}

/* Lines such as "uvloop: ... has no module uvloop". */
static void take_reasons(const char *text) {
  for (int kind = 0; kind < KINDS; kind++) {
    char wanted[16];
    snprintf(wanted, sizeof wanted, "%s: ", kind_names[kind]);
    size_t size = strlen(wanted);
    for (const char *at = text; at && *at; at += *at == '\n') {
      if (strncmp(at, wanted, size) == 0)
        snprintf(why_not[kind], sizeof why_not[kind], "%.*s", (int)strcspn(at + size, "\n"),
                 at + size);
      at += strcspn(at, "\n");
    }
  }
}

static void ask_program(void) {
  char path[PATH_MAX], option[] = "--unavailable", reason[CONTESTANT_REASON_SIZE];
  char *const argv[] = {path, option, NULL};
  struct text text = {.at = NULL};
  struct child child;
  if (!programs_find(PROGRAM, path, sizeof path)) {
    snprintf(reason, sizeof reason, "not built: needs Python 3.9 (install python3)");
    all_unavailable(reason, strlen(reason));
    return;
  }
  int error = child_start(argv, -1, NULL, &child);
  if (error) {
    snprintf(reason, sizeof reason, "cannot run " PROGRAM ": %s%s", strerror(-error),
             error == -ENOENT ? " (it was built for a Python that has gone: build it again)" : "");
    all_unavailable(reason, strlen(reason));
    return;
  }
  error = child_read(&child, &text, 20 * NS_PER_SECOND);
  int status = child_end(&child, error ? SIGKILL : 0, &text, NS_PER_SECOND);
  if (!error && status == 0) {
    take_reasons(text.at);
  } else {
    size_t size = 0;
    const char *line = text.at ? stderr_last_line(text.at, &size) : "";
    all_unavailable(size ? line : PROGRAM " has failed",
                    size ? size : sizeof PROGRAM " has failed");
  }
  free(text.at);
}

static enum kind kind_of(const char *loop) {
  if (strcmp(loop, kind_names[LOOP_ASYNCIO]) == 0)
    return LOOP_ASYNCIO;
  return strcmp(loop, kind_names[LOOP_UVLOOP]) == 0 ? LOOP_UVLOOP : LOOP_OURS;
}

bool tornado_fill(struct contestant *to, const char *loop) {
  static bool asked;
  enum kind kind = kind_of(loop);
  struct ioloop_backend_info info = {.name = "", .reason = ""};
  if (kind == LOOP_OURS && ioloop_backend_probe(loop, &info, sizeof info) != 0)
    return false;
  if (!asked)
    ask_program();
  asked = true;
  *to = (struct contestant){.kind = CONTESTANT_PEER, .tcp = true, .udp = true, .available = true};
  snprintf(to->name, sizeof to->name, TORNADO_PREFIX "%s", loop);
  snprintf(to->runs, sizeof to->runs, "%s", to->name);
  snprintf(to->reason, sizeof to->reason, "%s", info.error ? info.reason : why_not[kind]);
  to->available = to->reason[0] == '\0';
  return true;
}

static int add(struct contestants *to, const char *loop) {
  struct contestant one;
  return tornado_fill(&one, loop) ? contestants_add(to, &one) : 0;
}

int tornado_add_all(struct contestants *to) {
  struct ioloop_backend_info info;
  int error = 0;
  for (size_t i = 0; !error && ioloop_backend_at(i, &info, sizeof info) == 0; i++)
    if (strcmp(info.name, "blocking") != 0) /* has no loop */
      error = add(to, info.name);
  for (int kind = LOOP_ASYNCIO; !error && kind < KINDS; kind++)
    error = add(to, kind_names[kind]);
  return error;
}

int tornado_command(const char *loop, struct command *to) {
  command_add_program(to, PROGRAM);
  return command_add(to, "%s", loop);
}
