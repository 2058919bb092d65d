/* SPDX-License-Identifier: MIT */
/*
 * sockperf.c - parsing the output of sockperf: version 3.7, colours included.
 */
#include "experiments/sockperf.h"

#include <errno.h>
#include <string.h>

#include "tap.h"

#define BEFORE                                                                                     \
  "sockperf: \x1b[2;35m== version #3.7-no.git == \x1b[0m\n"                                        \
  "sockperf: Test ended\n"                                                                         \
  "sockperf: [Total Run] RunTime=1.001 sec; Warm up time=400 msec; SentMessages=33572; "           \
  "ReceivedMessages=33571\n"                                                                       \
  "sockperf: ========= Printing statistics for Server No: 0\n"
#define VALID                                                                                      \
  "sockperf: [Valid Duration] RunTime=0.550 sec; SentMessages=17766; ReceivedMessages=17766\n"     \
  "sockperf: \x1b[2;35m====> avg-latency=15.474 (std-dev=6.849)\x1b[0m\n"
#define IN_ORDER                                                                                   \
  "sockperf: # dropped messages = 0; # duplicated messages = 0; # out-of-order messages = 0\n"
#define PERCENTILES                                                                                \
  "sockperf: ---> <MAX> observation =  364.040\n"                                                  \
  "sockperf: ---> percentile 99.999 =  364.040\n"                                                  \
  "sockperf: ---> percentile 99.000 =   42.521\n"                                                  \
  "sockperf: ---> percentile 50.000 =   14.016\n"                                                  \
  "sockperf: ---> <MIN> observation =    8.460\n"

static int parse(const char *text, struct sockperf_result *ret, char reason[256]) {
  *reason = '\0';
  return sockperf_parse(text, ret, reason, 256);
}

TEST(1, "the valid part's count, and percentiles twice as large, in nanoseconds") {
  struct sockperf_result result;
  char reason[256];
  CHECK_OK(parse(BEFORE VALID IN_ORDER PERCENTILES, &result, reason));
  CHECK_IS(result.count, ==, 17766);
  CHECK(result.p50_ns > 28031.9 && result.p50_ns < 28032.1);
  CHECK(result.p99_ns > 85041.9 && result.p99_ns < 85042.1);
}

TEST(2, "messages dropped, doubled or out of order invalidate a run, and are reported") {
  static const char *const texts[] = {
      "# dropped messages = 3; # duplicated messages = 0; # out-of-order messages = 0\n",
      "# dropped messages = 0; # duplicated messages = 3; # out-of-order messages = 0\n",
      "# dropped messages = 0; # duplicated messages = 0; # out-of-order messages = 3\n",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct sockperf_result result;
    char text[2048] = BEFORE VALID, reason[256];
    strcat(text, texts[i]);
    strcat(text, PERCENTILES);
    CHECK_ERROR(parse(text, &result, reason), EBADMSG);
    CHECK(strchr(reason, '3'));
  }
}

TEST(3, "truncated or other output is no result") {
  static const char whole[] = BEFORE VALID IN_ORDER PERCENTILES;
  const size_t enough = (size_t)(strstr(whole, "50.000 =") - whole) + 10;
  char text[sizeof whole], reason[256];
  struct sockperf_result result;
  for (size_t size = 0; size < enough; size++) {
    memcpy(text, whole, size);
    text[size] = '\0';
    CHECK_ERROR(parse(text, &result, reason), EBADMSG);
    CHECK(*reason);
  }
  CHECK_ERROR(parse("sockperf: No messages were received from the server.\n", &result, reason),
              EBADMSG);
  CHECK(strstr(reason, "No messages were received"));
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
