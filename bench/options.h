/* SPDX-License-Identifier: MIT */
/*
 * options.h - what the lab's command line can say.
 */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench.h"

struct options {
  unsigned given;     /* enum takes: what was on the command line */
  const char **words; /* what stands there besides options: experiments or a command and files */
  size_t word_count;
  const char *contestants, *baseline;
  struct number_list connections, idle, rates;
  uint64_t rounds; /* 0: not said */
  uint64_t seed;
  uint64_t duration_ns, warmup_ns; /* UINT64_MAX: not said */
  uint64_t slo_ns, size, port;
  int protocol;                  /* enum protocol_choice */
  int server_cpu, generator_cpu; /* PROCESSOR_UNSAID: the first two there are */
  bool poisson, quiet, help, version;
  const char *json, *csv, *html, *hgrm;
};

enum protocol_choice {
  CHOICE_TCP,
  CHOICE_UDP,
  CHOICE_BOTH
};

enum {
  PROCESSOR_UNSAID = -2
};

/* 0, or EXIT_USAGE when a line has been said. `words` has room for argc. */
int options_parse(int argc, char **argv, const char **words, struct options *ret);

/* --help on stdout. An exit code. */
int options_print_help(void);
/* Of one experiment, not flushed. */
void options_print_experiment(struct bench *bench, const struct experiment *experiment);

#endif
