/* SPDX-License-Identifier: MIT */
/* main.c - the command line of the workloads, and the time that their core takes. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cli.h"
#include "common/clock.h"
#include "common/program.h"
#include "common/say.h"
#include "workload.h"

void (*loop_readable)(void *arg), (*loop_due)(void), (*loop_woken)(void);

/* ---- measuring ------------------------------------------------------------------------- */

static struct {
  uint64_t operations, ns, cpu_ns;
  uint64_t began, cpu_began;
} measured;

void measure_begin(void) {
  measured.cpu_began = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  measured.began = clock_ns(CLOCK_MONOTONIC);
}

void measure_end(uint64_t operations) {
  measured.ns += clock_ns(CLOCK_MONOTONIC) - measured.began;
  measured.cpu_ns += clock_ns(CLOCK_PROCESS_CPUTIME_ID) - measured.cpu_began;
  measured.operations += operations;
}

void measure_print(void) {
  printf("operations=%" PRIu64 " ns=%" PRIu64 " cpu_ns=%" PRIu64 "\n", measured.operations,
         measured.ns, measured.cpu_ns);
}

/* ---- the command line ------------------------------------------------------------------ */

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

int loop_trouble(const char *what) {
  return complain("%s: %s", what, strerror(errno));
}

size_t workload_number(const char *text, size_t most) {
  char *after;
  errno = 0;
  unsigned long long value = strtoull(text, &after, 10);
  if (*text >= '0' && *text <= '9' && !*after && !errno && value > 0 && value <= most)
    return (size_t)value;
  complain("%s: must be a number from 1 to %zu", text, most);
  return 0;
}

static const struct {
  const char *name;
  workload *run;
  size_t least, most; /* arguments after METHOD */
  bool prints;        /* prints its own result */
} workloads[] = {
    {"ring", workload_ring, 4, 5, false},         {"cascade", workload_cascade, 1, 2, false},
    {"handlers", workload_handlers, 2, 2, false}, {"timers", workload_timers, 2, 2, false},
    {"wake", workload_wake, 1, 1, true},
};

static int run(const char *const *arguments, size_t count) {
  size_t i = 0, rest = count < 2 ? 0 : count - 2, end = sizeof workloads / sizeof *workloads;
  while (i < end && (count == 0 || strcmp(workloads[i].name, arguments[0]) != 0))
    i++;
  if (i == end)
    return misuse("expected ring, cascade, handlers, timers or wake (see --help)");
  if (count < 2 || rest < workloads[i].least || rest > workloads[i].most)
    return misuse("%s: wrong number of arguments (see --help)", workloads[i].name);
  int error = workloads[i].run(arguments[1], arguments + 2, rest);
  if (!error && !workloads[i].prints)
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
  if (argc > MOST_ARGUMENTS + 2)
    return misuse("too many arguments (see --help)");
  if (cli_parse(&cli, argc, argv))
    return EXIT_USAGE;
  return help ? print_help(options) : run(arguments, cli.argument_count);
}
