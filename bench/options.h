/* SPDX-License-Identifier: MIT */
/*
 * options.h - the lab's command line.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench.h"

struct lab_options {
  unsigned given;         /* enum takes: which options were given */
  const char **arguments; /* arguments: experiments, or a command and files */
  size_t argument_count;
  const char *contestants, *baseline;
  struct {
    const char *connections, *idle, *rates, *cpu;
  } words; /* as given, before they are interpreted */
  struct number_list connections, idle, rates;
  uint64_t rounds; /* 0: not given */
  uint64_t seed;
  uint64_t duration_ns, warmup_ns; /* UINT64_MAX: not given */
  uint64_t slo_ns, size, port;
  int protocol;                  /* enum protocol_choice */
  int server_cpu, generator_cpu; /* PROCESSOR_UNSET: the first two available */
  bool poisson, quiet, help, version;
  const char *json, *csv, *html, *hgrm;
};

enum protocol_choice {
  CHOICE_TCP,
  CHOICE_UDP,
  CHOICE_BOTH
};

enum {
  PROCESSOR_UNSET = -2
};

/* 0, or EXIT_USAGE after printing an error. `arguments` has room for argc. */
int options_parse(int argc, char **argv, const char **arguments, struct lab_options *ret);

/* Print --help on stdout. Returns an exit code. */
int options_print_help(void);
/* The --help of one experiment; not flushed. */
void options_print_experiment(struct bench *bench, const struct experiment *experiment);

#endif
