/* SPDX-License-Identifier: MIT */
/*
 * sockperf.c - the figures in the output of sockperf's client:
 *
 *     sockperf: [Valid Duration] RunTime=0.550 sec; SentMessages=17766; ReceivedMessages=17766
 *     sockperf: # dropped messages = 0; # duplicated messages = 0; # out-of-order messages = 0
 *     sockperf: ---> percentile 50.000 =   14.016
 *
 * Percentiles are microseconds, and of half a round trip.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "contestants/child.h"
#include "sockperf.h"

static bool find_count(const char *text, const char *before, uint64_t *ret) {
  const char *at = strstr(text, before);
  return at && sscanf(at + strlen(before), "%" SCNu64, ret) == 1;
}

/* Twice the printed value, in ns. */
static bool find_percentile(const char *text, const char *which, double *ret) {
  char before[48];
  double half_us;
  snprintf(before, sizeof before, "---> percentile %s =", which);
  const char *at = strstr(text, before);
  if (!at || sscanf(at + strlen(before), "%lf", &half_us) != 1 || !(half_us > 0))
    return false;
  *ret = 2 * 1000 * half_us;
  return true;
}

static void refuse(const char *text, char *reason, size_t reason_size) {
  size_t size;
  const char *line = stderr_last_line(text, &size);
  snprintf(reason, reason_size, "sockperf printed no percentiles that can be read here, but: %.*s",
           (int)size, line);
}

int sockperf_parse(const char *text, struct sockperf_result *ret, char *reason,
                   size_t reason_size) {
  uint64_t dropped, doubled, disordered;
  const char *valid = strstr(text, "[Valid Duration]");
  if (!valid || !find_count(valid, "ReceivedMessages=", &ret->count) ||
      !find_count(valid, "# dropped messages = ", &dropped) ||
      !find_count(valid, "# duplicated messages = ", &doubled) ||
      !find_count(valid, "# out-of-order messages = ", &disordered) ||
      !find_percentile(valid, "50.000", &ret->p50_ns) ||
      !find_percentile(valid, "99.000", &ret->p99_ns)) {
    refuse(text, reason, reason_size);
    return -EBADMSG;
  }
  if (dropped == 0 && doubled == 0 && disordered == 0)
    return 0;
  snprintf(reason, reason_size,
           "sockperf counts %" PRIu64 " messages dropped, %" PRIu64 " duplicated, %" PRIu64
           " out of order",
           dropped, doubled, disordered);
  return -EBADMSG;
}
