/* SPDX-License-Identifier: MIT */
/* platform.c - on Linux: source addresses, timer slack, another process's CPU time (macOS lacks
 * clock_getcpuclockid), and the end of a child with its parent. Elsewhere only 127.0.0.1 is this
 * host, sleeps have no slack to set, and a lab ended by SIGKILL leaves its children behind. */
#include <errno.h>

#include "generator_internal.h"

#ifdef __linux__

#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

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

void end_with_parent(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) /* it died before the call */
    _exit(127);
}

#else

int generator__spread_source(int fd, unsigned counter) {
  (void)fd, (void)counter;
  return 0;
}

unsigned long generator__exact_sleep(unsigned long slack_ns) {
  return slack_ns;
}

int generator__cpu_clock(pid_t process, clockid_t *ret) {
  (void)process, (void)ret;
  return -ENOSYS;
}

void end_with_parent(pid_t parent) {
  (void)parent;
}

#endif
