/* SPDX-License-Identifier: MIT */
/*
 * backoff.h - how long to wait before something that died is started again.
 */
#ifndef SERVER_BACKOFF_H
#define SERVER_BACKOFF_H

#include <stdint.h>

#define BACKOFF_FIRST_NS UINT64_C(100000000)   /* 100 ms */
#define BACKOFF_MOST_NS  UINT64_C(5000000000)  /* 5 s */
#define BACKOFF_WELL_NS  UINT64_C(10000000000) /* who lived so long was well: 10 s */

/* Zero at first. */
struct backoff {
  uint64_t next_ns;
};

/* It died after `lived_ns`: wait so long. The first time not at all, then 100 ms, then twice as
 * long each time up to 5 s; from the start again for one that had lived 10 s. */
uint64_t backoff_delay(struct backoff *backoff, uint64_t lived_ns);

#endif
