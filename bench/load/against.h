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
  uint64_t server; /* a pid, or 0 */
  bool json, help;
  const char *hgrm; /* a file, or NULL */
};

struct against_result {
  struct generator_result run;
  struct histogram *latency, *lateness;
  uint64_t server_cpu_ns;
  int error;
};

/* Parse the command line: 0, or an exit code after printing an error. */
int against_parse(int argc, char **argv, struct against *ret);
int against_print_help(void);

void against_print_table(const struct against *against, const struct against_result *result);
/* 0, or EXIT_TROUBLE after printing an error. */
int against_print_json(const struct against *against, const struct against_result *result);
int against_write_hgrm(const char *path, const struct histogram *latency);

/* argv[0] is the program's name in --help: "bench against". Returns an exit code. */
int against_main(int argc, char **argv);

#endif
