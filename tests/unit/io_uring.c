/* SPDX-License-Identifier: MIT */
/*
 * io_uring.c - when io_uring's rings are too small for what comes at once: it takes longer, is
 * counted, and nothing is lost.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ioloop.h"
#include "iostream.h"
#include "tap.h"

enum {
  POLLS = 10000, /* the completion ring has 8,192 places */
  STREAMS = 600, /* each with more waiting than one of the 256 shared buffers holds */
  BYTES = 20000, /* what each receives: three buffers */
  DESCRIPTORS = 2 * STREAMS > POLLS ? 2 * STREAMS : POLLS,
};

static struct ioloop *open_loop(void) {
  struct ioloop_backend_info info;
  CHECK_OK(ioloop_backend_probe("io_uring", &info));
  if (info.error)
    SKIP("io_uring: %s", info.reason);
  struct rlimit limit;
  CHECK_SYS(getrlimit(RLIMIT_NOFILE, &limit));
  if (limit.rlim_max < DESCRIPTORS + 64)
    SKIP("needs %d descriptors", DESCRIPTORS + 64);
  limit.rlim_cur = limit.rlim_max;
  CHECK_SYS(setrlimit(RLIMIT_NOFILE, &limit));
  struct ioloop *loop;
  CHECK_OK(ioloop_new("io_uring", &loop));
  return loop;
}

static struct ioloop_metrics metrics_of(const struct ioloop *loop) {
  struct ioloop_metrics metrics;
  ioloop_get_metrics(loop, &metrics);
  return metrics;
}

static void take_one(struct ioloop *loop, int fd, unsigned events, void *arg) {
  char byte;
  int *served = arg;
  (void)loop, (void)events;
  if (read(fd, &byte, 1) == 1)
    ++*served;
}

TEST(1, "more completions than the ring holds: overflows are counted, every handler is served") {
  struct ioloop *loop = open_loop();
  static int pairs[POLLS / 2][2];
  int served = 0;
  for (int i = 0; i < POLLS / 2; i++) {
    CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pairs[i]));
    for (int side = 0; side < 2; side++) {
      CHECK_OK(ioloop_add_handler(loop, pairs[i][side], IOLOOP_READ, take_one, &served));
      CHECK_IS(write(pairs[i][!side], "x", 1), ==, 1);
    }
  }
  while (served < POLLS && ioloop_run_once(loop, UINT64_C(5000000000)) > 0)
    ;
  CHECK_IS(served, ==, POLLS);
  CHECK_IS(metrics_of(loop).overflows, >, 0);
  CHECK_OK(ioloop_free(loop));
  for (int i = 0; i < POLLS / 2; i++) {
    close(pairs[i][0]);
    close(pairs[i][1]);
  }
}

/* What stream number `stream` carries at `offset`. */
static char pattern(size_t stream, size_t offset) {
  return (char)(offset * 7 + offset / 256 + stream);
}

struct reader {
  struct iostream *stream;
  size_t number, received;
  size_t *complete;
};

static void on_read(struct iostream *stream, const char *data, size_t size, void *arg) {
  struct reader *reader = arg;
  (void)stream;
  for (size_t i = 0; i < size; i++)
    CHECK_IS(data[i], ==, pattern(reader->number, reader->received + i));
  reader->received += size;
  if (size && reader->received == BYTES)
    ++*reader->complete;
}

TEST(2, "more to receive than there are buffers: receives wait their turn, every byte comes once") {
  struct ioloop *loop = open_loop();
  static struct reader readers[STREAMS];
  static int peers[STREAMS];
  static char text[BYTES];
  size_t complete = 0;
  for (size_t i = 0; i < STREAMS; i++) {
    int pair[2];
    CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    for (size_t k = 0; k < BYTES; k++)
      text[k] = pattern(i, k);
    CHECK_IS(write(pair[1], text, BYTES), ==, BYTES);
    peers[i] = pair[1];
    readers[i] = (struct reader){.number = i, .complete = &complete};
    CHECK_OK(iostream_new(loop, pair[0], &readers[i].stream));
    CHECK_OK(iostream_read(readers[i].stream, on_read, &readers[i]));
  }
  while (complete < STREAMS && ioloop_run_once(loop, UINT64_C(5000000000)) > 0)
    ;
  CHECK_IS(complete, ==, STREAMS);
  CHECK_IS(metrics_of(loop).starved, >, 0);
  for (size_t i = 0; i < STREAMS; i++) {
    CHECK_IS(readers[i].received, ==, BYTES);
    iostream_close(readers[i].stream);
    close(peers[i]);
  }
  CHECK_OK(ioloop_free(loop));
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
