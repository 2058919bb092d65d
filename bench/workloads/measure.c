/* SPDX-License-Identifier: MIT */
/* measure.c - the wall-clock time and the CPU time of a workload's core. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "common/clock.h"
#include "workload.h"

static struct {
  uint64_t operations, ns, cpu_ns;
  uint64_t began, cpu_began;
} measured;

void measure_begin(void) {
  measured.cpu_began = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  measured.began = clock_ns(CLOCK_MONOTONIC);
}

void measure_end(uint64_t operations) {
  measured.ns += clock_ns(CLOCK_MONOTONIC) - measured.began;
  measured.cpu_ns += clock_ns(CLOCK_PROCESS_CPUTIME_ID) - measured.cpu_began;
  measured.operations += operations;
}

void measure_print(void) {
  printf("operations=%" PRIu64 " ns=%" PRIu64 " cpu_ns=%" PRIu64 "\n", measured.operations,
         measured.ns, measured.cpu_ns);
}
