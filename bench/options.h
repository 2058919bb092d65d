/* SPDX-License-Identifier: MIT */
/*
 * options.h - the lab's command line, and from options to a lab that can run: every error in them is
 * reported before the first measurement, not after half an hour.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench.h"
#include "common/cli.h"

struct lab_options {
  struct bench bench;     /* options.c fills in what the options set, setup.c the rest */
  unsigned given;         /* enum takes: which options were given */
  const char **arguments; /* arguments: experiments, or a command and files */
  size_t argument_count;
  const char *contestants; /* NULL: not given */
  struct {
    const char *connections, *idle, *rates, *cpu;
  } words;      /* as given, before they are interpreted */
  int protocol; /* enum protocol_choice */
  bool quiet, require_quiet, help, version;
  const char *json, *csv, *html, *hgrm;
};

enum protocol_choice {
  CHOICE_TCP,
  CHOICE_UDP,
  CHOICE_BOTH
};

#define DURATION_UNSET UINT64_MAX

enum {
  PROCESSOR_UNSET = -2,
  EXPERIMENT_NAMES_SIZE = 512
};

extern const struct cli_option options_table[];

/* 0, or EXIT_USAGE after printing an error. `arguments` has room for argc. */
int options_parse(int argc, char **argv, const char **arguments, struct lab_options *ret);

/* Does each of the named experiments (they end with NULL) use each option that was given? Of quick
 * and all it is enough that one does. 0, or EXIT_USAGE after printing a line that names those that
 * do. */
int options_check(const struct lab_options *options, const struct experiment *const *experiments);

/* The same for a command, which uses `takes`. */
int options_check_command(const struct lab_options *options, const char *command, unsigned takes);

/* ---- main.c ------------------------------------------------------------------------ */

/* Words that are no experiments: list, merge ... The last one has no name. */
extern const struct command_line {
  const char *name;
  int (*run)(const struct lab_options *options);
  unsigned takes;
  const char *help;
} commands[];

/* ---- help.c ------------------------------------------------------------------------ */

/* Print --help on stdout. Returns an exit code. */
int help_print(void);
/* The --help of one experiment; not flushed. */
void help_print_experiment(struct bench *bench, const struct experiment *experiment);

/* ---- setup.c ----------------------------------------------------------------------- */

/* In the order in which `all` runs them; ends with NULL. */
extern const struct experiment *const experiments_all[];

/* The names of those of a list (it ends with NULL) that take all of `takes`: "latency, load". */
void setup_names(const struct experiment *const *experiments, unsigned takes,
                 char ret[EXPERIMENT_NAMES_SIZE]);

/* The named experiments, or those of quick or all, which also choose the size; ends with NULL. Like
 * all functions below: 0, or an exit code after printing an error. */
int setup_experiments(struct lab_options *options, const struct experiment *const **ret);

/* Everything else in options->bench. */
int setup_bench(struct lab_options *options);

/* The contestants and the baseline only. */
int setup_contestants(struct lab_options *options);

/* The numbers that were not given, by bench->size. */
void setup_defaults(struct bench *bench);

/* Can the requested files be written? */
int setup_outputs(const struct lab_options *options);

#endif
