/* SPDX-License-Identifier: MIT */
/*
 * comparison.h - the method: who is measured when, and what is made of it.
 *
 * A comparison is a grid, contestants x points (a point is one setting: TCP, 50 connections),
 * measured R times. In each round every point is visited in turn and at each the contestants in an
 * order shuffled anew from the printed seed, so that whatever else the machine does meets all
 * alike. The baseline is measured twice at each point and round (A/A): the ratio of the two says
 * what this machine can resolve, and every other ratio is to be read against it.
 *
 * What comes out is a JSON object (docs/bench-schema.md), which every report is made from.
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
#include "takes.h"

enum {
  METRICS_MAX = 16,
  POINTS_MAX = 64,
  REASON_SIZE = 256,
  SAID_SIZE = 4096
};

struct metric {
  const char *id;     /* "p50" */
  const char *label;  /* "median round trip" */
  const char *unit;   /* "ns", "1/s", "calls", "instructions", "" */
  const char *better; /* "lower", "higher" or "" (neither: it describes) */
  bool primary;       /* shown in tables and plots; the first primary one makes the heat map */
};

struct point {
  char id[48];    /* "tcp-50": unique in the experiment */
  char label[80]; /* "TCP, 50 connections" */
  char group[32]; /* one line of a plot for each: "TCP" */
  double x;       /* on the experiment's axis */
  bool udp;
  size_t connections, idle, size, depth;
  double rate;
  double setting[2]; /* what the experiment wants besides */
};

/* One measurement. Metrics that were not measured are NaN on entry and may stay so. */
struct sample {
  double values[METRICS_MAX];
  struct histogram
      *latency; /* cleared on entry; whether anything is recorded is the experiment's affair */
  char reason[REASON_SIZE]; /* of a failure: a clear line */
  char said[SAID_SIZE];     /* what the contestant said on stderr */
};

struct bench; /* bench.h: options, seed, processors, progress */

struct experiment {
  const char *name;   /* "latency" */
  const char *title;  /* "Round trips" */
  const char *redoes; /* the paper or tool: "Banga, Mogul & Druschel 1999, fig. 5" */
  const char
      *method;    /* how a figure is obtained, two or three sentences: for --help and the page */
  unsigned takes; /* enum takes: the options that it has a use for */
  const char *x_label; /* NULL: points are not on an axis */
  bool x_log;
  const struct metric *metrics;
  size_t metric_count;
  bool counted; /* its metrics hardly vary: one round says all, and there is no interval */
  /* Fill in points (at most POINTS_MAX) for bench->size (quick, normal, full). Returns their
   * number. */
  size_t (*points)(struct bench *bench, struct point *points);
  /* Can this contestant take part, here? NULL reason: yes. NULL function: all can. */
  const char *(*refuses)(struct bench *bench, const struct contestant *contestant,
                         const struct point *point);
  /* 0; -errno with sample->reason: this contestant failed here, the others go on; -EINTR: Ctrl-C;
   * -EAGAIN with a reason: the run is invalid (the generator was late), its values are left out. */
  int (*measure)(struct bench *bench, const struct contestant *contestant,
                 const struct point *point, unsigned round, struct sample *sample);
  /* Contestants of its own instead of echo servers (ring, timers): NULL: the chosen servers. */
  int (*contestants)(struct bench *bench, struct contestants *ret);
  const char *baseline; /* NULL: bench's, or the first contestant where that takes no part */
  unsigned rounds;      /* 0: bench's; counts that come out the same each time need but one */
  const struct claims *claims; /* what others found; NULL: none */
};

/* Run it and return the experiment's JSON object, complete or, after Ctrl-C, as far as it came
 * (bench->interrupted is set then). NULL: no memory. A new reference. */
json_t *comparison_run(struct bench *bench, const struct experiment *experiment);

#endif
