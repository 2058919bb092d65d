/* SPDX-License-Identifier: MIT */
/* generator_linux.c - source addresses and timer slack on Linux. */
#include <errno.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include "generator_internal.h"

/*
 * All of 127.0.0.0/8 is this host. IP_BIND_ADDRESS_NO_PORT (Linux 4.2) leaves the port to
 * connect(), which only needs one that is free for this server; bind() alone would need one that is
 * free for all.
 */
int generator__spread_source(int fd, unsigned counter) {
  enum {
    OCTETS = 254 /* 1 to 254 in the last two bytes */
  };
  unsigned third = counter / OCTETS % OCTETS + 1, fourth = counter % OCTETS + 1;
  const struct sockaddr_in source = {
      .sin_family = AF_INET,
      .sin_addr.s_addr = htonl((INADDR_LOOPBACK & 0xff000000u) | third << 8 | fourth),
  };
  const int on = 1;
  if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) < 0 ||
      bind(fd, (const struct sockaddr *)&source, sizeof source) < 0)
    return -errno;
  return 0;
}

unsigned long generator__exact_sleep(unsigned long slack_ns) {
  int before = prctl(PR_GET_TIMERSLACK);
  prctl(PR_SET_TIMERSLACK, slack_ns);
  return before > 0 ? (unsigned long)before : 0; /* 0: the thread's default */
}

int generator__cpu_clock(pid_t process, clockid_t *ret) {
  return -clock_getcpuclockid(process, ret);
}
