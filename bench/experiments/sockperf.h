/* SPDX-License-Identifier: MIT */
/*
 * sockperf.h - runs the installed sockperf client and parses its output.
 */
#ifndef BENCH_SOCKPERF_H
#define BENCH_SOCKPERF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  /* It omits this much at the beginning and at the end of a run. */
  SOCKPERF_WARM_UP_MS = 400,
  SOCKPERF_COOL_DOWN_MS = 50,
};

struct sockperf_options {
  uint16_t port; /* of 127.0.0.1 */
  bool udp;
  size_t size;      /* of a message, at least 14, the size of its header */
  unsigned seconds; /* the whole run, at least 1: sockperf accepts no fractions */
  bool spin;        /* never sleep */
  int cpu;          /* -1: anywhere */
};

struct sockperf_result {
  uint64_t count;        /* round trips measured */
  double p50_ns, p99_ns; /* of a whole round trip; sockperf prints half of it */
};

/* Is it installed? */
bool sockperf_found(void);

/*
 * One round trip after another on one socket (ping-pong). 0, or -errno with a line in `reason`:
 * -ENOENT not installed; -ECHILD it failed, with its own message in `reason`; -ETIMEDOUT it did not
 * end in time; -EINTR Ctrl-C; others as sockperf_parse.
 */
int sockperf_run(const struct sockperf_options *options, struct sockperf_result *ret, char *reason,
                 size_t reason_size);

/* Parse its output. 0; -EBADMSG: messages were dropped, duplicated or out of order, or it is not
 * the output of sockperf 3, see `reason`. */
int sockperf_parse(const char *text, struct sockperf_result *ret, char *reason, size_t reason_size);

#endif
