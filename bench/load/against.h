/* SPDX-License-Identifier: MIT */
/*
 * against.h - `bench against HOST:PORT`: measure any echo server by hand.
 */
#ifndef BENCH_AGAINST_H
#define BENCH_AGAINST_H

#include <stdbool.h>
#include <stdint.h>

#include "generator.h"

struct against {
  struct generator_options load;
  char host[256];
  bool json, help;
  const char *hgrm; /* a file, or NULL */
};

/* Parse the command line: 0, or an exit code after printing an error. */
int against_parse(int argc, char **argv, struct against *ret);
int against_print_help(void);

/* argv[0] is the program's name in --help: "bench against". Returns an exit code. */
int against_main(int argc, char **argv);

#endif
