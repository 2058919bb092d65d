/* SPDX-License-Identifier: MIT */
/* stream_connect_linux.c - conformance 91: a connection with itself, forced by a network namespace
 * with only two ports. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "echo.h"

enum {
  PORT = 40000 /* and the next */
};

static void enter_narrow_namespace(void) {
  static const char range[] = "40000 40001\n";
  struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  if (unshare(CLONE_NEWNET) < 0)
    SKIP("no network namespace can be made here: %s", strerror(errno));
  int fd = SYS(socket(AF_INET, SOCK_DGRAM, 0));
  CHECK_SYS(ioctl(fd, SIOCSIFFLAGS, &lo));
  CHECK_SYS(close(fd));
  fd = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY);
  if (fd < 0)
    SKIP("the range of ports cannot be changed here: %s", strerror(errno));
  CHECK_IS(write(fd, range, sizeof range - 1), ==, sizeof range - 1);
  CHECK_SYS(close(fd));
}

static void on_refused(struct ioloop_stream *stream, int error, void *arg) {
  (void)stream;
  *(int *)arg = error;
}

static void on_connected(struct ioloop_stream *stream, void *arg) {
  (void)stream, (void)arg;
  CHECK(false); /* no socket listens */
}

TEST(91, "a connection with itself is refused") {
  int error;
  enter_narrow_namespace();
  struct ioloop *loop = test_loop_new();
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
  struct sockaddr_in v4 = loopback_address(PORT);
  v6.sin6_addr = in6addr_loopback;
  for (int i = 0; i < 16; i++) {
    struct ioloop_stream *stream;
    error = 0;
    if (i % 2)
      CHECK_OK(ioloop_stream_connect(loop, (struct sockaddr *)&v4, sizeof v4, on_connected,
                                     on_refused, &error, &stream));
    else
      CHECK_OK(ioloop_stream_connect(loop, (struct sockaddr *)&v6, sizeof v6, on_connected,
                                     on_refused, &error, &stream));
    CHECK_OK(ioloop_stream_write(stream, "is it me?", 9));
    RUN_UNTIL(loop, error);
    CHECK_IS(error, ==, -ECONNREFUSED);
  }
  test_loop_free(loop);
}
