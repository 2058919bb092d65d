/* SPDX-License-Identifier: MIT */
/*
 * io_uring.c - io_uring when a resource is short: the rings, for simultaneous events; room in the
 * sockets; memory; features of the kernel. Operations take longer or are refused with a reason, and
 * nothing is lost.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ioloop/ioloop.h"
#include "ioloop/stream.h"
#include "tap.h"

enum {
  POLLS = 10000, /* the completion ring has 8,192 places */
  STREAMS = 600, /* each with more data waiting than fits into one of the 256 shared buffers */
  BYTES = 20000, /* received by each: three buffers */
  DESCRIPTORS = 2 * STREAMS > POLLS ? 2 * STREAMS : POLLS,
};

static struct ioloop *open_loop(void) {
  struct ioloop_backend_info info;
  CHECK_OK(ioloop_backend_probe("io_uring", &info, sizeof info));
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
  ioloop_get_metrics(loop, &metrics, sizeof metrics);
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

/* The byte that stream number `stream` carries at `offset`. */
static char pattern(size_t stream, size_t offset) {
  return (char)(offset * 7 + offset / 256 + stream);
}

struct reader {
  struct ioloop_stream *stream;
  size_t number, received;
  size_t *complete;
};

static void on_read(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
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
    CHECK_OK(ioloop_stream_new(loop, pair[0], &readers[i].stream));
    CHECK_OK(ioloop_stream_read(readers[i].stream, on_read, &readers[i]));
  }
  while (complete < STREAMS && ioloop_run_once(loop, UINT64_C(5000000000)) > 0)
    ;
  CHECK_IS(complete, ==, STREAMS);
  CHECK_IS(metrics_of(loop).starved, >, 0);
  for (size_t i = 0; i < STREAMS; i++) {
    CHECK_IS(readers[i].received, ==, BYTES);
    ioloop_stream_close(readers[i].stream);
    close(peers[i]);
  }
  CHECK_OK(ioloop_free(loop));
}

/* ---- room ---------------------------------------------------------------------------------- */

/* The kernel's workers are threads of the process that they work for. */
static int count_threads(void) {
  int count = 0;
  DIR *threads = opendir("/proc/self/task");
  CHECK(threads);
  for (struct dirent *one; (one = readdir(threads));)
    count += one->d_name[0] != '.';
  CHECK_SYS(closedir(threads));
  return count;
}

TEST(3,
     "clients that have half-closed and do not read: no send of theirs occupies a kernel thread") {
  enum {
    CLIENTS = 20,
    SIZE = 1000000
  };
  static char text[SIZE];
  struct ioloop *loop = open_loop();
  struct ioloop_stream *streams[CLIENTS];
  int peers[CLIENTS];
  int before = count_threads();
  for (int i = 0; i < CLIENTS; i++) {
    int pair[2];
    CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    CHECK_SYS(shutdown(pair[1], SHUT_WR));
    peers[i] = pair[1];
    CHECK_OK(ioloop_stream_new(loop, pair[0], &streams[i]));
    CHECK_OK(ioloop_stream_write(streams[i], text, SIZE));
  }
  for (int turn = 0; turn < 50; turn++)
    CHECK_OK(ioloop_run_once(loop, 1000000));
  CHECK_IS(count_threads(), ==, before);
  for (int i = 0; i < CLIENTS; i++) {
    CHECK_IS(ioloop_stream_pending(streams[i]), >, 0);
    ioloop_stream_close(streams[i]);
    close(peers[i]);
  }
  CHECK_OK(ioloop_free(loop));
}

static void ignore_input(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  (void)stream, (void)data, (void)size, (void)arg;
}

/* Allow not one page more than there are. Returns the limit to restore. */
static struct rlimit take_memory(void) {
  struct rlimit before, none;
  CHECK_SYS(getrlimit(RLIMIT_AS, &before));
  none = before;
  if (!tap_in_sanitizer())
    none.rlim_cur = 1;
  CHECK_SYS(setrlimit(RLIMIT_AS, &none));
  return before;
}

TEST(4, "closing a stream, the completion ring full of others' and no memory: none is lost") {
  enum {
    OTHERS = POLLS - 400
  };
  struct ioloop *loop = open_loop();
  static int pairs[OTHERS / 2][2];
  int pair[2], served = 0;
  struct ioloop_stream *stream;
  CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
  CHECK_OK(ioloop_stream_read(stream, ignore_input, NULL));
  for (int i = 0; i < OTHERS / 2; i++) {
    CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pairs[i]));
    for (int side = 0; side < 2; side++) {
      CHECK_IS(write(pairs[i][!side], "x", 1), ==, 1);
      CHECK_OK(ioloop_add_handler(loop, pairs[i][side], IOLOOP_READ, take_one, &served));
    }
  }
  struct rlimit memory = take_memory();
  ioloop_stream_close(stream);
  CHECK_SYS(setrlimit(RLIMIT_AS, &memory));
  CHECK_IS(read(pair[1], &(char){0}, 1), ==, 0);
  CHECK_IS(served, ==, 0);
  while (served < OTHERS && ioloop_run_once(loop, UINT64_C(5000000000)) > 0)
    ;
  CHECK_IS(served, ==, OTHERS);
  CHECK_OK(ioloop_free(loop));
  close(pair[1]);
  for (int i = 0; i < OTHERS / 2; i++) {
    close(pairs[i][0]);
    close(pairs[i][1]);
  }
}

TEST(6, "without memory for its rings a loop is -ENOMEM, and nothing is left behind") {
  struct ioloop *loop = open_loop();
  CHECK_OK(ioloop_free(loop));
  if (tap_in_sanitizer())
    SKIP("the sanitizer ends a program without memory");
  struct rlimit memory = take_memory();
  int r = ioloop_new("io_uring", &loop);
  CHECK_SYS(setrlimit(RLIMIT_AS, &memory));
  CHECK_IS(r, ==, -ENOMEM);
}

/* ---- an old kernel -------------------------------------------------------------------------- */

/* io_uring_setup before 5.18, which does not know IORING_SETUP_SUBMIT_ALL. */
static void become_old(void) {
  struct sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog filter = {.len = sizeof steps / sizeof steps[0], .filter = steps};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
    SKIP("no seccomp filter can be set here (%s)", strerror(errno));
}

TEST(5, "a kernel without a needed feature is too old; the backend's name is not wrong") {
  struct ioloop_backend_info info;
  struct ioloop *loop;
  become_old();
  CHECK_OK(ioloop_backend_probe("io_uring", &info, sizeof info));
  CHECK_IS(info.error, ==, -ENOSYS);
  CHECK(strstr(info.reason, "too old: needs Linux 6.0"));
  CHECK_ERROR(ioloop_new("io_uring", &loop), ENOSYS);
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
