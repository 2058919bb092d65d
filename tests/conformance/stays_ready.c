/* SPDX-License-Identifier: MIT */
/* stays_ready.c - conformance 104: descriptors that stay ready although nothing can be done about
 * it. */
#include <sys/socket.h>
#include <unistd.h>

#include "echo.h"
#include "kinds.h"

enum {
  ENOUGH_TURNS = 2 * 33 /* until the loop detects it */
};

static void no_datagram(struct ioloop_datagram *socket, const char *data, size_t size,
                        const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  (void)socket, (void)data, (void)size, (void)peer, (void)peer_size, (void)arg;
}

TEST(104, "a datagram socket whose input was shut down does not spin, and still sends") {
  static const enum kind kinds[] = {UDP, UNIX_DGRAM};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    struct ioloop *loop = test_loop_new();
    struct ioloop_datagram *socket;
    int pair[2];
    char byte;
    make_pair(kinds[i], pair);
    CHECK_OK(ioloop_datagram_new(loop, pair[0], no_datagram, NULL, NULL, &socket));
    CHECK_SYS(shutdown(pair[0], SHUT_RD));
    run_turns(loop, ENOUGH_TURNS);
    CHECK_NO_SPIN(loop, MS(60));
    CHECK_OK(ioloop_datagram_send(socket, "x", 1, NULL, 0));
    CHECK_IS(receive_within(loop, pair[1], &byte, 1), ==, 1);
    ioloop_datagram_close(socket);
    CHECK_SYS(close(pair[1]));
    test_loop_free(loop);
  }
}

/* The kernel may take the bytes of a pty that no process has open, a few at a time: such a turn does
 * something, and so does one that finds out that there is room. */
static void check_idle_turns(struct ioloop *loop, const struct ioloop_stream *stream, uint64_t ns) {
  uint64_t end = tap_now() + ns;
  int idle = 0, busy = 0;
  while (tap_left(end) > 0) {
    size_t before = ioloop_stream_pending(stream);
    CHECK_OK(ioloop_run_once(loop, tap_left(end)));
    if (ioloop_stream_pending(stream) == before)
      idle++;
    else
      busy++;
  }
  if (!presumes_readiness())
    CHECK_IS(idle, <, ENOUGH_TURNS * (busy + 1)); /* it is found out again after each */
}

TEST(104, "a pty that is hung up while a write waits for room does not spin") {
  static char data[8 * 1024 * 1024];
  struct ioloop *loop = test_loop_new();
  struct ioloop_stream *stream;
  int master, slave;
  open_pty(&master, &slave);
  CHECK_OK(ioloop_stream_new(loop, master, &stream));
  CHECK_OK(ioloop_stream_write(stream, data, sizeof data));
  CHECK_SYS(close(slave));
  run_turns(loop, ENOUGH_TURNS);
  check_idle_turns(loop, stream, MS(60));
  CHECK_IS(ioloop_stream_pending(stream), >, 0);
  ioloop_stream_close(stream);
  test_loop_free(loop);
}
