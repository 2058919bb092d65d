/* SPDX-License-Identifier: MIT */
/*
 * backoff.h - how long to wait before a process that died is started again.
 */
#ifndef SERVER_BACKOFF_H
#define SERVER_BACKOFF_H

#include <stdint.h>

#define BACKOFF_FIRST_NS UINT64_C(100000000)   /* 100 ms */
#define BACKOFF_MOST_NS  UINT64_C(5000000000)  /* 5 s */
#define BACKOFF_WELL_NS  UINT64_C(10000000000) /* a process that lived this long is healthy: 10 s */

/* Zero at first. */
struct backoff {
  uint64_t next_ns;
};

/* The delay before a process that died after `lived_ns` is started again: none the first time, then
 * 100 ms, doubling each time up to 5 s. One that had lived 10 s starts over. */
uint64_t backoff_delay(struct backoff *backoff, uint64_t lived_ns);

#endif
