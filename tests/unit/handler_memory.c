/* SPDX-License-Identifier: MIT */
/*
 * handler_memory.c - the cost of an idle registered handler: at most 64 bytes of heap, at 10,000
 * handlers, for our table, the backend's slots and its own arrays together. (libevent's events are
 * libevent's.) Under linux-aio each also has a control block: 64 bytes that the kernel's interface
 * requires, and 16 of malloc.
 */
#include <fcntl.h>
#include <malloc.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ioloop/ioloop.h"
#include "tap.h"

enum {
  HANDLERS = 10000,
  MAX_BYTES = 64,
  CONTROL_BLOCK = 64 + 16,
};

static size_t heap_bytes(void) {
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

static void ignore(struct ioloop *loop, int fd, unsigned events, void *arg) {
  (void)loop, (void)fd, (void)events, (void)arg;
}

static void open_pipes(int *fds) {
  for (int i = 0; i < HANDLERS; i += 2)
    CHECK_SYS(pipe2(&fds[i], O_NONBLOCK | O_CLOEXEC));
}

static void measure(const char *backend) {
  struct rlimit limit;
  CHECK_SYS(getrlimit(RLIMIT_NOFILE, &limit));
  if (limit.rlim_max < HANDLERS + 64)
    SKIP("needs %d descriptors", HANDLERS + 64);
  limit.rlim_cur = limit.rlim_max;
  CHECK_SYS(setrlimit(RLIMIT_NOFILE, &limit));
  struct ioloop *loop;
  CHECK_OK(ioloop_new(backend, &loop));
  size_t before = heap_bytes();
  if (before == 0)
    SKIP("this allocator does not count (a sanitizer's, or valgrind's)");
  static int fds[HANDLERS];
  open_pipes(fds); /* after the loop, whose table is as large as the highest number */
  for (int i = 0; i < HANDLERS; i++) /* even: a pipe's reading end */
    CHECK_OK(ioloop_add_handler(loop, fds[i], i % 2 ? IOLOOP_WRITE : IOLOOP_READ, ignore, NULL));
  size_t bytes = heap_bytes() - before;
  NOTE("%s: %.1f bytes a handler", backend, (double)bytes / HANDLERS);
  size_t block = strcmp(backend, "linux-aio") == 0 ? CONTROL_BLOCK : 0;
  CHECK_IS(bytes, <=, (MAX_BYTES + block) * HANDLERS);
  CHECK_OK(ioloop_free(loop));
  for (int i = 0; i < HANDLERS; i++)
    close(fds[i]);
}

TEST(1, "an idle handler under the backend takes at most 64 bytes of heap") {
  struct ioloop_backend_info info;
  CHECK_OK(ioloop_backend_probe(tap_argument, &info, sizeof info));
  measure(tap_argument);
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, true);
}
