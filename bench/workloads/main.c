/* SPDX-License-Identifier: MIT */
/* main.c - the command line of the workloads. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli.h"
#include "common/program.h"
#include "common/say.h"
#include "workload.h"

static const char help_text[] =
    "Usage: @ ring METHOD PIPES ACTIVE WRITES ROUNDS [socketpair]\n"
    "       @ cascade METHOD PIPES [ROUNDS]\n"
    "       @ handlers METHOD FDS TIMES\n"
    "       @ timers METHOD COUNT add|rearm|cancel|fire\n"
    "       @ wake METHOD TIMES\n"
    "\n"
    "Does one thing with a loop, many times, and prints how long that took, without setting up:\n"
    "operations=N ns=N cpu_ns=N. Takes part in `bench ring` and others.\n"
    "\n"
    "METHOD    how the loop waits: %s\n"
    "\n"
    "ring      ACTIVE of PIPES get a byte; each that arrives is written into the next pipe, until\n"
    "          WRITES were made; ROUNDS times (libevent's bench.c)\n"
    "cascade   a byte runs through all pipes, ROUNDS times (libevent's bench_cascade.c)\n"
    "handlers  FDS are added, polled once and removed, TIMES times\n"
    "timers    COUNT timers: one operation on each\n"
    "wake      another thread adds a callback, TIMES times; the second line is the histogram of\n"
    "          the time until it is called\n"
    "\n"
    "OPTIONS\n";

enum {
  MOST_ARGUMENTS = 7,
};

struct arguments {
  const char **at;
  size_t count;
};

/* A number from 1 to `most`, or 0 after printing an error. */
static size_t number(const char *text, size_t most) {
  char *after;
  errno = 0;
  unsigned long long value = strtoull(text, &after, 10);
  if (*text >= '0' && *text <= '9' && !*after && !errno && value > 0 && value <= most)
    return (size_t)value;
  complain("%s: must be a number from 1 to %zu", text, most);
  return 0;
}

enum {
  MOST = 1000000000,
  MOST_PIPES = 1000000,
};

static int run_ring(const char *method, struct arguments rest) {
  struct ring ring = {.sockets = rest.count == 5};
  if (ring.sockets && strcmp(rest.at[4], "socketpair") != 0) {
    complain("%s: only socketpair may stand here", rest.at[4]);
    return EXIT_USAGE;
  }
  if (!(ring.pipes = number(rest.at[0], MOST_PIPES)) ||
      !(ring.active = number(rest.at[1], ring.pipes)) ||
      !(ring.writes = number(rest.at[2], MOST)) || !(ring.rounds = number(rest.at[3], MOST)))
    return EXIT_USAGE;
  return workload_ring(method, &ring);
}

static int run_cascade(const char *method, struct arguments rest) {
  size_t pipes = number(rest.at[0], MOST_PIPES);
  size_t rounds = rest.count == 2 ? number(rest.at[1], MOST) : 1;
  return pipes && rounds ? workload_cascade(method, pipes, rounds) : EXIT_USAGE;
}

static int run_handlers(const char *method, struct arguments rest) {
  size_t fds = number(rest.at[0], MOST_PIPES), times = number(rest.at[1], MOST);
  return fds && times ? workload_handlers(method, fds, times) : EXIT_USAGE;
}

static int run_timers(const char *method, struct arguments rest) {
  static const char *const names[] = {"add", "rearm", "cancel", "fire"};
  size_t count = number(rest.at[0], MOST);
  if (!count)
    return EXIT_USAGE;
  for (int i = 0; i < 4; i++)
    if (strcmp(rest.at[1], names[i]) == 0)
      return workload_timers(method, count, (enum timer_operation)i);
  complain("%s: must be add, rearm, cancel or fire", rest.at[1]);
  return EXIT_USAGE;
}

static int run_wake(const char *method, struct arguments rest) {
  size_t times = number(rest.at[0], MOST);
  return times ? workload_wake(method, times) : EXIT_USAGE;
}

static const struct workload {
  const char *name;
  int (*run)(const char *method, struct arguments rest);
  size_t least, most; /* arguments after METHOD */
  bool prints;        /* prints its own result */
} workloads[] = {
    {"ring", run_ring, 4, 5, false},         {"cascade", run_cascade, 1, 2, false},
    {"handlers", run_handlers, 2, 2, false}, {"timers", run_timers, 2, 2, false},
    {"wake", run_wake, 1, 1, true},
};

static const struct workload *find(const char *name) {
  for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++)
    if (strcmp(workloads[i].name, name) == 0)
      return &workloads[i];
  return NULL;
}

static int run(struct arguments arguments) {
  const struct workload *workload = arguments.count ? find(arguments.at[0]) : NULL;
  if (!workload) {
    complain("expected ring, cascade, handlers, timers or wake (see --help)");
    return EXIT_USAGE;
  }
  size_t rest = arguments.count < 2 ? 0 : arguments.count - 2;
  if (arguments.count < 2 || rest < workload->least || rest > workload->most) {
    complain("%s: wrong number of arguments (see --help)", workload->name);
    return EXIT_USAGE;
  }
  int error = workload->run(arguments.at[1], (struct arguments){arguments.at + 2, rest});
  if (!error && !workload->prints)
    measure_print();
  return error ? error : cli_finish_stdout();
}

static int print_help(const struct cli_option *options) {
  char text[sizeof help_text + 128];
  snprintf(text, sizeof text, help_text, loop_methods);
  return cli_print_help(options, text);
}

int main(int argc, char **argv) {
  bool help = false;
  static const struct cli_option options[] = {CLI_FLAG("help", 0, "print this"), CLI_END};
  const char *arguments[MOST_ARGUMENTS + 2];
  struct cli cli = {
      .options = options, .into = &help, .argument = "WORKLOAD METHOD ...", .arguments = arguments};
  program_begin(argv[0]);
  signal(SIGPIPE, SIG_IGN);
  if (argc > MOST_ARGUMENTS + 2) {
    complain("too many arguments (see --help)");
    return EXIT_USAGE;
  }
  if (cli_parse(&cli, argc, argv))
    return EXIT_USAGE;
  return help ? print_help(options) : run((struct arguments){arguments, cli.argument_count});
}
