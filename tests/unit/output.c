/* SPDX-License-Identifier: MIT */
/*
 * output.c - non-blocking stdout: output arrives whole and in order once the reader takes it, and
 * other users of the descriptor are not affected.
 */
#include "common/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

struct watch {
  int stalled, resumed, emptied, failed, error;
};

static void on_stalled(void *arg, bool stalled) {
  struct watch *watch = arg;
  watch->stalled += stalled;
  watch->resumed += !stalled;
}

static void on_emptied(void *arg) {
  ((struct watch *)arg)->emptied++;
}

static void on_failed(void *arg, int error) {
  struct watch *watch = arg;
  watch->failed++;
  watch->error = error;
}

static struct output *make(struct ioloop *loop, int fd, struct watch *watch) {
  const struct output_events events = {
      .stalled = on_stalled, .emptied = on_emptied, .failed = on_failed, .arg = watch};
  struct output *output;
  CHECK_OK(output_new(loop, fd, &events, &output));
  return output;
}

static void put_text(struct output *output, const char *text) {
  output_put(output, text, strlen(text));
}

TEST(1, "output of one iteration of the loop is written at once at its end") {
  struct ioloop *loop;
  struct watch watch = {.stalled = 0};
  char got[64];
  int ends[2];
  CHECK_SYS(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends));
  CHECK_OK(ioloop_new(NULL, &loop));
  struct output *output = make(loop, ends[1], &watch);
  put_text(output, "one\n");
  put_text(output, "two\n");
  CHECK_IS(output_pending_lines(output), ==, 2);
  CHECK_IS(recv(ends[0], got, sizeof got, MSG_DONTWAIT), ==, -1);
  CHECK_OK(ioloop_run_once(loop, 0));
  CHECK_IS(recv(ends[0], got, sizeof got, MSG_DONTWAIT), ==, 8);
  CHECK_IS(output_pending(output), ==, 0);
  CHECK_IS(watch.emptied, ==, 1);
  output_free(output);
  CHECK_OK(ioloop_free(loop));
  close(ends[0]);
  close(ends[1]);
}

static size_t read_all(int fd, unsigned *next) {
  char data[4096];
  size_t total = 0;
  for (ssize_t n; (n = read(fd, data, sizeof data)) > 0; total += (size_t)n)
    for (ssize_t i = 0; i < n; i++)
      CHECK_IS((unsigned char)data[i], ==, (*next)++ & 0xff);
  return total;
}

/* To the high watermark while nothing is read, then until all is written. */
static void stall_and_drain(int reader, int writer) {
  struct ioloop *loop;
  struct watch watch = {.stalled = 0};
  unsigned put = 0, got = 0;
  int flags = SYS(fcntl(writer, F_GETFL));
  CHECK_SYS(fcntl(reader, F_SETFL, O_NONBLOCK));
  CHECK_OK(ioloop_new(NULL, &loop));
  struct output *output = make(loop, writer, &watch);
  while (!watch.stalled) {
    char *to = output_reserve(output, 1000);
    CHECK(to);
    for (size_t i = 0; i < 1000; i++)
      to[i] = (char)(put++ & 0xff);
    output_commit(output, 1000);
    CHECK_OK(ioloop_run_once(loop, 0));
  }
  CHECK(output_pending(output) < OUTPUT_HIGH + 1000);
  while (got < put) {
    read_all(reader, &got);
    CHECK_OK(ioloop_run_once(loop, 0));
  }
  CHECK_IS(got, ==, put);
  CHECK(watch.stalled == 1 && watch.resumed == 1 && watch.failed == 0);
  CHECK_IS(output_pending(output), ==, 0);
  output_free(output);
  CHECK_IS(SYS(fcntl(writer, F_GETFL)), ==, flags);
  CHECK_OK(ioloop_free(loop));
  close(reader);
  close(writer);
}

TEST(2, "a pipe whose reader stalls: watermarks, nothing lost, no flag left behind") {
  int ends[2];
  CHECK_SYS(pipe(ends));
  stall_and_drain(ends[0], ends[1]);
}

TEST(3, "a socket whose reader stalls: the same") {
  int ends[2];
  CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
  stall_and_drain(ends[0], ends[1]);
}

TEST(4, "a reader that went away: failed once, with EPIPE, and later output is dropped") {
  struct ioloop *loop;
  struct watch watch = {.stalled = 0};
  int ends[2];
  signal(SIGPIPE, SIG_IGN);
  CHECK_SYS(pipe(ends));
  CHECK_OK(ioloop_new(NULL, &loop));
  struct output *output = make(loop, ends[1], &watch);
  close(ends[0]);
  put_text(output, "to nobody\n");
  CHECK_OK(ioloop_run_once(loop, 0));
  put_text(output, "nor this\n");
  CHECK_OK(ioloop_run_once(loop, 0));
  CHECK(watch.failed == 1 && watch.error == -EPIPE);
  CHECK_IS(output_pending(output), ==, 0);
  output_free(output);
  CHECK_OK(ioloop_free(loop));
  close(ends[1]);
}

/* The writing end of a FIFO without a reader, which cannot be opened a second time (ENXIO). */
static int lonely_fifo(void) {
  char folder[] = "/tmp/ioloop-XXXXXX", path[64];
  CHECK(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/fifo", folder);
  CHECK_SYS(mkfifo(path, 0600));
  int reader = SYS(open(path, O_RDONLY | O_NONBLOCK)), writer = SYS(open(path, O_WRONLY));
  close(reader);
  CHECK_SYS(unlink(path));
  CHECK_SYS(rmdir(folder));
  return writer;
}

TEST(5, "where the descriptor cannot be reopened O_NONBLOCK is set on it, and put back") {
  struct ioloop *loop;
  struct watch watch = {.stalled = 0};
  int writer = lonely_fifo();
  CHECK_OK(ioloop_new(NULL, &loop));
  struct output *output = make(loop, writer, &watch);
  CHECK(SYS(fcntl(writer, F_GETFL)) & O_NONBLOCK);
  output_free(output);
  CHECK(!(SYS(fcntl(writer, F_GETFL)) & O_NONBLOCK));
  CHECK_OK(ioloop_free(loop));
  close(writer);
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
