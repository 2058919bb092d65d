/* SPDX-License-Identifier: MIT */
/*
 * takes.h - which options an experiment or a command uses. An option that none of those on the
 * command line uses is an error: without it, the figures would not be what was requested.
 */
#ifndef BENCH_TAKES_H
#define BENCH_TAKES_H

enum takes {
  TAKES_CONTESTANTS = 1 << 0,
  TAKES_BASELINE = 1 << 1,
  TAKES_ROUNDS = 1 << 2,
  TAKES_SEED = 1 << 3,
  TAKES_DURATION = 1 << 4,
  TAKES_WARMUP = 1 << 5,
  TAKES_SIZE = 1 << 6,
  TAKES_CONNECTIONS = 1 << 7,     /* one number */
  TAKES_CONNECTION_LIST = 1 << 8, /* several numbers, a point for each */
  TAKES_TCP = 1 << 9,             /* --protocol=tcp, or both: whichever it has */
  TAKES_UDP = 1 << 10,            /* --protocol=udp */
  TAKES_IDLE = 1 << 11,
  TAKES_RATE = 1 << 12,
  TAKES_POISSON = 1 << 13,
  TAKES_SLO = 1 << 14,
  TAKES_PORT = 1 << 15,
  TAKES_CPU = 1 << 16,
  TAKES_JSON = 1 << 17,
  TAKES_CSV = 1 << 18,
  TAKES_HTML = 1 << 19,
  TAKES_HGRM = 1 << 20,

  TAKES_REPORTS = TAKES_JSON | TAKES_CSV | TAKES_HTML | TAKES_HGRM,
  /* Every experiment. */
  TAKES_ALWAYS = TAKES_BASELINE | TAKES_SEED | TAKES_CPU | TAKES_REPORTS,
  /* An experiment whose contestants serve echoes for a time, over TCP. */
  TAKES_ECHO = TAKES_ALWAYS | TAKES_ROUNDS | TAKES_DURATION | TAKES_WARMUP | TAKES_SIZE |
               TAKES_CONNECTIONS | TAKES_TCP | TAKES_PORT,
  /* An experiment whose contestants are loops without a server, with a fixed amount of work. */
  TAKES_WORKLOAD = TAKES_ALWAYS | TAKES_CONTESTANTS | TAKES_ROUNDS,
};

struct lab_options;
struct experiment;

/* Does at least one of the experiments (they end with NULL) use each option that was given? 0, or
 * EXIT_USAGE after printing a line that names those that do. */
int takes_check(const struct lab_options *options, const struct experiment *const *experiments);

/* The same for a command, which uses `takes`. */
int takes_check_command(const struct lab_options *options, const char *command, unsigned takes);

#endif
