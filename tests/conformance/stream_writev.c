/* SPDX-License-Identifier: MIT */
/* stream_writev.c - conformance 623: several pieces in one write. */
#include <errno.h>
#include <stdint.h>
#include <sys/uio.h>
#include <unistd.h>

#include "echo.h"

enum {
  PIECES = 150, /* more than one call takes */
  LARGEST = 3000
};

/* Pieces of the pattern, some of them empty. Returns their sum. */
static size_t make_pieces(struct iovec pieces[PIECES], uint64_t at) {
  static char data[PIECES][LARGEST];
  size_t sum = 0;
  for (int i = 0; i < PIECES; i++) {
    size_t size = i % 7 == 0 ? 0 : (size_t)tap_random_below(LARGEST) + 1;
    fill_pattern(data[i], size, at + sum);
    pieces[i] = (struct iovec){.iov_base = size ? data[i] : NULL, .iov_len = size};
    sum += size;
  }
  return sum;
}

static uint64_t read_some(int fd, uint64_t at) {
  static char data[7000];
  ssize_t n = read(fd, data, (size_t)tap_random_below(sizeof data) + 1);
  CHECK(n > 0 || (n < 0 && errno == EAGAIN));
  if (n > 0)
    check_pattern(data, (size_t)n, at);
  return n > 0 ? (uint64_t)n : 0;
}

static void write_in_pieces(enum kind kind) {
  struct ioloop *loop = test_loop_new();
  struct iovec pieces[PIECES];
  struct ioloop_stream *stream;
  uint64_t sent = 0, received = 0, size = tap_count(3000000), deadline = tap_deadline(SECONDS(30));
  int pair[2];
  make_pair(kind, pair);
  int reader = pair[kind != PIPE], writer = pair[kind == PIPE];
  if (kind != PIPE)
    set_buffers(writer, 50000);
  CHECK_OK(ioloop_stream_new(loop, writer, &stream));
  while (received < size) {
    if (sent < size && ioloop_stream_pending(stream) < 400000) {
      uint64_t sum = make_pieces(pieces, sent);
      CHECK_OK(ioloop_stream_writev(stream, pieces, PIECES));
      CHECK_OK(ioloop_stream_writev(stream, pieces, 0)); /* nothing */
      sent += sum;
    }
    uint64_t some = read_some(reader, received);
    received += some;
    CHECK(tap_left(deadline));
    CHECK_OK(ioloop_run_once(loop, some ? 0 : MS(1)));
  }
  ioloop_stream_close(stream);
  CHECK_SYS(close(reader));
  test_loop_free(loop);
}

TEST(623, "pieces of a write arrive in order, each byte once: TCP") {
  write_in_pieces(TCP);
}

TEST(623, "pieces of a write arrive in order, each byte once: AF_UNIX") {
  write_in_pieces(UNIX_STREAM);
}

TEST(623, "pieces of a write arrive in order, each byte once: a pipe") {
  write_in_pieces(PIPE);
}

static void on_end(struct ioloop_stream *stream, int error, void *arg) {
  (void)stream;
  CHECK_IS(error, ==, -EPIPE);
  --*(unsigned *)arg;
}

TEST(623, "a write of pieces is refused as a whole, and a failure does not raise SIGPIPE") {
  struct ioloop *loop = test_loop_new();
  struct iovec pieces[2] = {{"a", 1}, {"b", 1}};
  struct iovec huge[2] = {{"a", 1}, {"b", SIZE_MAX}};
  for (int kind = 0; kind < 2; kind++) {
    unsigned streams_left = 1;
    struct ioloop_stream *stream;
    int pair[2];
    make_pair(kind ? PIPE : UNIX_STREAM, pair);
    CHECK_OK(ioloop_stream_new(loop, pair[1], &stream));
    ioloop_stream_set_close_callback(stream, on_end, &streams_left);
    CHECK_ERROR(ioloop_stream_writev(stream, pieces, -1), EINVAL);
    CHECK_ERROR(ioloop_stream_writev(stream, huge, 2), EINVAL);
    CHECK_SYS(close(pair[0]));
    CHECK_OK(ioloop_stream_writev(stream, pieces, 2)); /* the close callback reports it */
    RUN_UNTIL(loop, !streams_left);
  }
  test_loop_free(loop);
}
