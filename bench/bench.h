/* SPDX-License-Identifier: MIT */
/*
 * bench.h - the map of the lab, and the context of all its parts: options, processors, progress.
 *
 *   .            the command line: main.c, options.c, help.c; setup.c lists the experiments
 *   method/      how a comparison is run: rounds, order, A/A, the grid of results
 *   experiments/ one file per experiment: its points, its metrics, one measurement
 *   contestants/ what is measured: starting it, its processors, its stderr
 *   load/        the load generator, in a process of its own; `bench against`
 *   peers/       servers on other libraries and by hand       workloads/  loops without a server
 *   machine/     what the machine is, and the pauses that it adds
 *   results/     histograms, statistics, claims, the JSON document and its check, merging
 *   report/      verdict, table, page, plots, CSV, comparison of two documents
 *
 * Their build file is src/programs/lab/meson.build.
 *
 * The path of one figure, the median round trip under epoll with 50 connections:
 *   1. experiments/latency.c names the point tcp-50 and the metric p50.
 *   2. method/comparison.c calls its `measure` for each round, in an order from the seed.
 *   3. experiments/echo.c starts the server (contestants/child.c) and the generator
 *      (load/generator_child.c), which records each round trip in a histogram.
 *   4. `measure` takes the median from it; method/result_grid.c keeps one per round.
 *   5. results/estimates.c computes their median, its interval and its ratio to the baseline, and
 *      decides what is resolved, if results/quality.c finds that the machine was quiet.
 *   6. results/document.c writes all that as JSON (docs/bench-schema.md), with the machine.
 *   7. report/view.c reads it back; report/table.c and report/html.c print it.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "contestants/contestant.h"
#include "machine/machine.h"
#include "method/comparison.h"

/* Also the index of an experiment's points in a table. */
enum bench_size {
  SIZE_QUICK,
  SIZE_NORMAL,
  SIZE_FULL
};

/* Numbers from an option (--connections=1,50); if empty, the experiment's own. */
enum {
  NUMBERS_MAX = 32
};
struct number_list {
  double at[NUMBERS_MAX];
  size_t count;
};

struct bench {
  enum bench_size size;
  struct contestants contestants; /* chosen */
  const char *baseline;           /* a contestant's name */
  uint64_t rounds, seed;
  uint64_t duration_ns, warmup_ns; /* of one measurement */
  uint64_t slo_ns;                 /* the p99 limit of `load` */
  uint64_t message_size;
  bool sized; /* --size was given: no points of other sizes */
  bool poisson;
  bool tcp, udp;                               /* --protocol: both unless one was chosen */
  struct number_list connections, idle, rates; /* --connections, --idle, --rate */
  bool describe;                               /* for --help: list the points, measure nothing */
  int server_cpu, generator_cpu;               /* -1: anywhere (one processor only) */
  uint64_t port;                               /* 0: a free one each time */
  volatile sig_atomic_t interrupted;           /* Ctrl-C: finish with the results so far */
};

extern const struct experiment experiment_latency, experiment_load, experiment_idle,
    experiment_ring, experiment_cascade, experiment_churn, experiment_handlers, experiment_timers,
    experiment_overflow, experiment_wake, experiment_count, experiment_witness;

/* ---- progress: on stderr, one line that is rewritten on a terminal ----------------- */

/* --quiet: print no progress. */
void progress_quiet(void);
/* `total` measurements will follow, which take about that long; a line says so, also in a log. */
void progress_begin(const char *experiment, size_t total, double seconds);
/* "40 s", "3 min", "1.5 h". Returns `to`. */
const char *progress_duration(char to[32], double seconds);
/* The next one begins: "round 2/5  TCP, 50 connections  rtsig", with the estimated time left. */
void progress_step(const char *what);
void progress_end(void);

/* ---- the document (docs/bench-schema.md) ------------------------------------------- */

#define DOCUMENT_FORMAT  "ioloop-bench"
#define DOCUMENT_VERSION 1

enum {
  EXIT_BUSY = 3 /* --require-quiet: the machine was not (results/quality.h) */
};

/* Format, version, date, command line, seed, environment, and an empty "experiments". */
json_t *document_new(const struct bench *bench, int argc, char **argv);

enum {
  FAULT_SIZE = 256
};
/* Has it the structure that docs/bench-schema.md describes? If not, `fault` says what is wrong
 * first: "experiments[0].points is missing". */
bool document_check(const json_t *document, char fault[FAULT_SIZE]);

/* Read and check one. NULL after printing an error: no such file, not JSON, not ours, another
 * version. */
json_t *document_load(const char *path);
/* 0, or EXIT_TROUBLE after printing an error. "-": stdout. */
int document_save(const json_t *document, const char *path);

/* ---- reports, each made from the document alone ------------------------------------ */

/* The table, written to `to`; coloured only if that is a terminal. */
void report_table(const json_t *document, FILE *to);
int report_csv(const json_t *document, const char *path);       /* as document_save */
int report_html(const json_t *document, const char *path);      /* one self-contained page */
int report_hgrm(const json_t *document, const char *directory); /* a .hgrm for each histogram */

/* ---- combining and comparing documents --------------------------------------------- */

/* `bench merge -o ALL.json A.json B.json...`: rounds side by side, histograms added. */
int documents_merge(const char *const *paths, size_t count, const char *to);
/* `bench compare OLD.json NEW.json`: 0: no regression; EXIT_TROUBLE: at least one. */
int documents_compare(const char *old_path, const char *new_path);

#endif
