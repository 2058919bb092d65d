/* SPDX-License-Identifier: MIT */
/*
 * completion.c - streams by completion whose operations fail: between them and the backend's table
 * is one that fails on demand, at once or later.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"
#include "ioloop/stream.h"
#include "tap.h"

static struct {
  const struct ioloop_completion *real;
  struct ioloop_completion table;
  struct ioloop *loop;
  int sends, receives; /* still to fail */
  int error;
  bool at_once;
} failing;

static void on_failure(struct ioloop *loop, void *arg) {
  struct ioloop__op *op = arg;
  op->kind->done(loop, op, failing.error, NULL, false);
}

static int fail(struct ioloop__op *op) {
  return failing.at_once ? failing.error : ioloop_add_callback(failing.loop, on_failure, op);
}

static int failing_send(void *state, struct ioloop__op *op, int fd, const void *data, size_t size,
                        bool quiet) {
  if (failing.sends > 0) {
    failing.sends--;
    return fail(op);
  }
  return failing.real->send(state, op, fd, data, size, quiet);
}

static int failing_receive(void *state, struct ioloop__op *op, int fd) {
  if (failing.receives > 0) {
    failing.receives--;
    return fail(op);
  }
  return failing.real->receive(state, op, fd);
}

static struct ioloop *open_loop(void) {
  struct ioloop_backend_info info;
  struct ioloop *loop;
  CHECK_OK(ioloop_backend_probe("io_uring", &info, sizeof info));
  if (info.error)
    SKIP("io_uring: %s", info.reason);
  CHECK_OK(ioloop_new("io_uring", &loop));
  failing.loop = loop;
  failing.real = loop->completer.table;
  failing.table = *failing.real;
  failing.table.send = failing_send;
  failing.table.receive = failing_receive;
  loop->completer.table = &failing.table;
  return loop;
}

struct end {
  size_t received;
  unsigned ended, closed;
  int error;
};

static void on_data(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  struct end *end = arg;
  end->received += size;
  end->ended += !size;
  CHECK_OK(ioloop_stream_write(stream, data, size));
}

static void on_closed(struct ioloop_stream *stream, int error, void *arg) {
  struct end *end = arg;
  (void)stream;
  end->closed++;
  end->error = error;
}

static struct ioloop_stream *open_echo(struct ioloop *loop, struct end *end, int *peer) {
  struct ioloop_stream *stream;
  int pair[2];
  CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
  ioloop_stream_set_close_callback(stream, on_closed, end);
  CHECK_OK(ioloop_stream_read(stream, on_data, end));
  *peer = pair[1];
  *end = (struct end){0};
  return stream;
}

static void run_until(struct ioloop *loop, const unsigned *flag, int peer, size_t size) {
  char back[64];
  uint64_t deadline = tap_deadline(SECONDS(10));
  while (!*flag && (!size || recv(peer, back, sizeof back, MSG_DONTWAIT) != (ssize_t)size)) {
    CHECK(tap_left(deadline));
    CHECK_OK(ioloop_run_once(loop, MS(100)));
  }
}

TEST(1, "an operation for which the kernel has no memory is started again") {
  struct ioloop *loop = open_loop();
  for (int variant = 0; variant < 8; variant++) {
    struct end end;
    int peer;
    failing.at_once = variant & 1;
    failing.error = variant & 2 ? -ENOMEM : -ENOBUFS;
    failing.sends = variant & 4 ? 3 : 0;
    failing.receives = variant & 4 ? 0 : 3;
    struct ioloop_stream *stream = open_echo(loop, &end, &peer);
    CHECK_IS(send(peer, "hello", 5, 0), ==, 5);
    run_until(loop, &end.closed, peer, 5);
    CHECK_IS(end.closed, ==, 0);
    CHECK_IS(failing.sends + failing.receives, ==, 0);
    CHECK_IS(send(peer, "again", 5, 0), ==, 5);
    run_until(loop, &end.closed, peer, 5);
    ioloop_stream_close(stream);
    CHECK_IS(end.error, ==, 0);
    CHECK_SYS(close(peer));
  }
  CHECK_OK(ioloop_free(loop));
}

/* The first send is under way when the second write comes, and has failed when the third does. */
TEST(1, "what is written before and after a send that failed stays in order") {
  struct ioloop *loop = open_loop();
  struct end end;
  char back[8];
  int peer;
  failing.at_once = false;
  failing.error = -ENOBUFS;
  failing.sends = 1;
  failing.receives = 0;
  struct ioloop_stream *stream = open_echo(loop, &end, &peer);
  CHECK_OK(ioloop_stream_write(stream, "1", 1));
  CHECK_OK(ioloop_stream_write(stream, "2", 1));
  CHECK_OK(ioloop_run_once(loop, 0));
  CHECK_IS(failing.sends, ==, 0);
  CHECK_OK(ioloop_stream_write(stream, "3", 1));
  CHECK_IS(ioloop_stream_pending(stream), ==, 3);
  for (size_t got = 0; got < 3;) {
    CHECK_OK(ioloop_run_once(loop, MS(100)));
    ssize_t n = recv(peer, back + got, sizeof back - got, MSG_DONTWAIT);
    got += n > 0 ? (size_t)n : 0;
  }
  CHECK(memcmp(back, "123", 3) == 0);
  ioloop_stream_close(stream);
  CHECK_IS(end.closed, ==, 1);
  CHECK_SYS(close(peer));
  CHECK_OK(ioloop_free(loop));
}

TEST(2, "a send that fails for good ends the stream when what has come is read") {
  struct ioloop *loop = open_loop();
  for (int variant = 0; variant < 3; variant++) {
    struct end end;
    char byte;
    int peer;
    failing.at_once = variant == 1;
    failing.error = variant == 2 ? -ENOBUFS : -EHOSTUNREACH;
    failing.sends = variant == 2 ? INT_MAX : 1; /* of the one the last is final */
    open_echo(loop, &end, &peer);
    CHECK_IS(send(peer, "hello", 5, 0), ==, 5);
    uint64_t turns = loop->metrics.iterations;
    run_until(loop, &end.closed, peer, 0);
    CHECK_IS(loop->metrics.iterations - turns, <, 100);
    CHECK_IS(end.error, ==, failing.error);
    CHECK_IS(end.received, ==, 5);
    CHECK_IS(end.ended, ==, 0);
    CHECK_IS(recv(peer, &byte, 1, 0), ==, 0);
    CHECK_SYS(close(peer));
  }
  CHECK_OK(ioloop_free(loop));
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
