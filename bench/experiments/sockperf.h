/* SPDX-License-Identifier: MIT */
/*
 * sockperf.h - the figures in the output of sockperf's client.
 */
#ifndef BENCH_SOCKPERF_H
#define BENCH_SOCKPERF_H

#include <stddef.h>
#include <stdint.h>

struct sockperf_result {
  uint64_t count;        /* round trips measured */
  double p50_ns, p99_ns; /* of a whole round trip; sockperf prints half of it */
};

/* 0; -EBADMSG: messages were dropped, duplicated or out of order, or it is not the output of
 * sockperf 3, see `reason`. */
int sockperf_parse(const char *text, struct sockperf_result *ret, char *reason, size_t reason_size);

#endif
