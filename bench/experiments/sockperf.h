/* SPDX-License-Identifier: MIT */
/*
 * sockperf.h - sockperf's client: run as it is installed, and what it printed.
 */
#ifndef BENCH_SOCKPERF_H
#define BENCH_SOCKPERF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  /* It leaves out so much at the beginning and at the end of a run. */
  SOCKPERF_WARM_UP_MS = 400,
  SOCKPERF_COOL_DOWN_MS = 50,
};

struct sockperf_options {
  uint16_t port; /* of 127.0.0.1 */
  bool udp;
  size_t size;      /* of a message, 14 or more: its header */
  unsigned seconds; /* the whole run, 1 or more: it knows no fractions */
  bool spin;        /* never sleep */
  int cpu;          /* -1: anywhere */
};

struct sockperf_result {
  uint64_t count;        /* round trips measured */
  double p50_ns, p99_ns; /* of a round trip, not of half of one, as it prints */
};

/* Is it installed? */
bool sockperf_found(void);

/*
 * One round trip after the other on one socket (ping-pong). 0, or -errno with a
 * line in `reason`: -ENOENT not installed; -ECHILD it failed, reason has its own words; -ETIMEDOUT
 * it did not end in time; -EINTR Ctrl-C; others as sockperf_parse.
 */
int sockperf_run(const struct sockperf_options *options, struct sockperf_result *ret, char *reason,
                 size_t reason_size);

/* Read what it printed. 0; -EBADMSG: messages were dropped, doubled or out of order, or it is not
 * what sockperf 3 prints, see `reason`. */
int sockperf_parse(const char *text, struct sockperf_result *ret, char *reason, size_t reason_size);

#endif
