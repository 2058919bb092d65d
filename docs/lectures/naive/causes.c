/* SPDX-License-Identifier: MIT */
/*
 * causes.c - the seven causes of a TCP SIGIO and the two of UDP, shown one by one on live sockets.
 *
 * Each cause is provoked twice: once with F_SETSIG and a real-time signal, which is queued and
 * carries the descriptor and the event, and once without, which is the SIGIO that a classic server
 * gets. Nothing in the table is known beforehand; it shows the dequeued signals.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/cli.h"
#include "common/program.h"
#include "common/say.h"
#include "decode.h"
#include "scenarios.h"

enum {
  MAX_SIGNALS = 64, /* a scenario sends a handful */
  SETTLE_MS = 50,   /* on the loopback all happens within the call, except for delayed ACKs */
};

struct seen {
  siginfo_t signals[MAX_SIGNALS];
  size_t count;
  int fd; /* which one was armed */
};

static sigset_t watched;

static void settle(void) {
  struct timespec left = {.tv_nsec = SETTLE_MS * 1000000L};
  while (nanosleep(&left, &left) < 0 && errno == EINTR)
    ;
}

/* All that is pending now. */
static void collect(struct seen *seen) {
  static const struct timespec none = {0};
  seen->count = 0;
  while (seen->count < MAX_SIGNALS &&
         sigtimedwait(&watched, &seen->signals[seen->count], &none) > 0)
    seen->count++;
}

/* The signals that a scenario sends with `signo`; 0 is the plain SIGIO. */
static bool watch(const struct scenario *scenario, int signo, struct seen *ret) {
  struct stage stage = {.signo = signo};
  struct seen closing;
  bool ok = scenario->act(&stage);
  if (!ok)
    complain("%s: %s", scenario->done, strerror(errno));
  settle();
  collect(ret);
  ret->fd = stage.armed;
  stage_clear(&stage);
  collect(&closing); /* signals of our own closing do not belong to the scenario */
  return ok;
}

static void print_signal(const siginfo_t *info, int armed) {
  char band[64];
  printf("%-9s %d%-2s %s\n", decode_code(info->si_code), info->si_fd,
         info->si_fd == armed ? "" : "?", decode_band(info->si_band, band, sizeof band));
}

static bool print_row(const struct scenario *scenario) {
  struct seen queued, plain;
  if (!watch(scenario, SIGRTMIN, &queued) || !watch(scenario, 0, &plain))
    return false;
  printf("%-32s %-35s %6zu %5zu  ", scenario->cause, scenario->done, queued.count, plain.count);
  if (!queued.count)
    puts("-");
  for (size_t i = 0; i < queued.count; i++) {
    if (i)
      printf("%83s", "");
    print_signal(&queued.signals[i], queued.fd);
  }
  return true;
}

static bool print_rows(const struct scenario *scenarios) {
  for (; scenarios->cause; scenarios++)
    if (!print_row(scenarios))
      return false;
  return true;
}

static const char help[] =
    "@ [OPTION…] - the causes of a SIGIO, each provoked on live sockets\n"
    "\n"
    "QUEUED is how many real-time signals came (F_SETSIG), each with a line of its own: si_code,\n"
    "si_fd (a ? where it is not the descriptor that was armed) and si_band. PLAIN is how many\n"
    "SIGIO came for the same without F_SETSIG, none taken before the end.\n"
    "\n"
    "OPTIONS\n"
    "\n"
    "EXIT STATUS\n"
    "  0 all were shown; 1 a socket could not be made, one line says why; 2 wrong command line\n";

int main(int argc, char **argv) {
  bool asked = false;
  static const struct cli_option options[] = {CLI_FLAG("help", 0, "print this"), CLI_END};
  struct cli cli = {.options = options, .into = &asked};
  program_begin(argv[0]);
  int error = cli_parse(&cli, argc, argv);
  if (error)
    return error;
  if (asked) {
    cli_print_help(options, help);
    return cli_finish_stdout();
  }
  sigemptyset(&watched);
  sigaddset(&watched, SIGIO);
  sigaddset(&watched, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &watched, NULL);
  printf("%-32s %-35s %6s %5s  %-9s %-3s %s\n", "CAUSE", "WHAT WAS DONE", "QUEUED", "PLAIN",
         "SI_CODE", "FD", "SI_BAND");
  if (!print_rows(scenario_causes))
    return EXIT_TROUBLE;
  puts("\nFor comparison");
  if (!print_rows(scenario_comparisons))
    return EXIT_TROUBLE;
  return cli_finish_stdout();
}
