/* SPDX-License-Identifier: MIT */
/*
 * comparison.h - the method: the order of measurements, and the results computed from them.
 *
 * A comparison is a grid, contestants x points (a point is one setting: TCP, 50 connections),
 * measured R times. Each round visits every point in turn, and at each point the contestants in an
 * order reshuffled from the printed seed, so that background load hits every contestant equally.
 * The baseline is measured twice at each point and round (A/A): the ratio of the two shows what
 * this machine can resolve, and every other ratio must be read against it.
 *
 * The result is a JSON object (docs/bench-schema.md), from which every report is made.
 */
#ifndef BENCH_COMPARISON_H
#define BENCH_COMPARISON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "contestants/contestant.h"
#include "results/claims.h"
#include "results/histogram.h"

enum {
  METRICS_MAX = 16,
  POINTS_MAX = 64,
  REASON_SIZE = 256,
  STDERR_TAIL_SIZE = 4096
};

struct metric {
  const char *id;     /* "p50" */
  const char *label;  /* "median round trip" */
  const char *unit;   /* "ns", "1/s", "calls", "instructions", "" */
  const char *better; /* "lower", "higher" or "" (neither: descriptive) */
  bool primary; /* shown in tables and plots; the first primary one is used for the heat map */
};

struct point {
  char id[48];    /* "tcp-50": unique in the experiment */
  char label[80]; /* "TCP, 50 connections" */
  char group[32]; /* one line of a plot per group: "TCP" */
  double x;       /* on the experiment's axis */
  bool udp;
  size_t connections, idle, size, depth;
  double rate;
  bool churn;                  /* each request on a new connection */
  struct server_limits limits; /* of the server */
  char workload[48];           /* of a loop alone: "ring 100 1", its name and arguments */
  double setting;              /* a further parameter, defined by the experiment */
};

/* One measurement. Metrics that were not measured are NaN on entry and may stay so. */
struct sample {
  double values[METRICS_MAX];
  /* Cleared on entry; the experiment decides whether to record into it. */
  struct histogram *latency;
  char reason[REASON_SIZE];           /* of a failure: one clear line */
  char stderr_tail[STDERR_TAIL_SIZE]; /* the end of the contestant's stderr */
};

/* Which options an experiment or a command uses. An option that none of those on the command line
 * uses is an error: without it, the figures would not be what was requested. */
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
  TAKES_QUIET = 1 << 21, /* --require-quiet */

  TAKES_REPORTS = TAKES_JSON | TAKES_CSV | TAKES_HTML | TAKES_HGRM,
  /* Every experiment. */
  TAKES_ALWAYS = TAKES_BASELINE | TAKES_SEED | TAKES_CPU | TAKES_REPORTS | TAKES_QUIET,
  /* An experiment whose contestants serve echoes for a time, over TCP. */
  TAKES_ECHO = TAKES_ALWAYS | TAKES_ROUNDS | TAKES_DURATION | TAKES_WARMUP | TAKES_SIZE |
               TAKES_CONNECTIONS | TAKES_TCP | TAKES_PORT,
  /* An experiment whose contestants are loops without a server, with a fixed amount of work. */
  TAKES_WORKLOAD = TAKES_ALWAYS | TAKES_CONTESTANTS | TAKES_ROUNDS,
};

struct bench; /* bench.h: options, seed, processors, progress */

struct experiment {
  const char *name;       /* "latency" */
  const char *title;      /* "Round trips" */
  const char *reproduces; /* paper or tool: "Banga, Mogul & Druschel 1999, fig. 5" */
  const char *method;     /* in two or three sentences, for --help and the page */
  unsigned takes;         /* enum takes: the options that it uses */
  const char *x_label;    /* NULL: points have no axis */
  bool x_log;
  struct metric metrics[METRICS_MAX + 1]; /* the first without an id ends them */
  bool counted; /* its metrics hardly vary: there is one round, and no interval */
  /* About how long one measurement takes, in seconds, for saying so beforehand. NULL: warm-up,
   * duration, and a moment to start a server. */
  double (*seconds)(const struct bench *bench, const struct point *point);
  /* Fill in points (at most POINTS_MAX) for bench->size (quick, normal, full). Returns their
   * number. */
  size_t (*points)(struct bench *bench, struct point *points);
  /* Can this contestant take part here? NULL reason: yes. NULL function: all can. */
  const char *(*refuses)(struct bench *bench, const struct contestant *contestant,
                         const struct point *point);
  /* 0; -errno with sample->reason: this contestant failed here, the others continue; -EINTR:
   * Ctrl-C; -EAGAIN with a reason: the run is invalid (the generator was late), its values are left
   * out. */
  int (*measure)(struct bench *bench, const struct contestant *contestant,
                 const struct point *point, unsigned round, struct sample *sample);
  /* The experiment's own contestants in place of echo servers (ring, timers). NULL: the chosen
   * servers. */
  int (*contestants)(struct bench *bench, struct contestants *ret);
  const char *baseline;        /* NULL: bench's, or the first contestant if that takes no part */
  const struct claims *claims; /* published results of others; NULL: none */
};

/* Run it and return the experiment's JSON object with its values (results/estimates.h adds the
 * rest): complete, or the results so far after Ctrl-C (bench->interrupted is then set). Says on
 * stderr beforehand how long it takes. NULL: no memory. A new reference. */
json_t *comparison_run(struct bench *bench, const struct experiment *experiment);

/* About how long an experiment takes with these contestants and options, in seconds; NaN: no
 * memory. */
double comparison_seconds(struct bench *bench, const struct experiment *experiment);

#endif
