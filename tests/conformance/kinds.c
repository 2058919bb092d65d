/* SPDX-License-Identifier: MIT */
/*
 * kinds.c - conformance 13: every kind of descriptor that exists on all systems.
 *
 * A kind is described by a descriptor to watch and a function that makes it readable. It must be
 * quiet at first, be reported when it becomes readable during a wait and again later, be reported
 * as long as it is not read, and be quiet once it was read, even if its kernel side sends no
 * signal.
 */
#include "kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void stimulate(void *arg) {
  const struct source *source = arg;
  source->stimulate(source);
}

void check_source(const struct source *source) {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  struct later later_on;
  CHECK_OK(ioloop_add_handler(loop, source->watched, IOLOOP_READ, on_event, &record));
  CHECK_QUIET(loop, MS(10));
  for (int turn = 0; turn < 4; turn++) {
    record.calls = 0;
    if (turn % 2)
      source->stimulate(source);
    else
      later(&later_on, MS(5), stimulate, (void *)source);
    RUN_UNTIL(loop, record.calls >= 2); /* level: until it is read */
    if (turn % 2 == 0)
      later_join(&later_on);
    CHECK_IS(record.seen, ==, IOLOOP_READ);
    source->consume(source);
    CHECK_NO_SPIN(loop, MS(10));
    record.calls = 0;
    CHECK_QUIET(loop, MS(10));
  }
  CHECK_OK(ioloop_remove_handler(loop, source->watched));
  source->stimulate(source);
  CHECK_QUIET(loop, MS(10));
  test_loop_free(loop);
}

void write_to_source(const struct source *source) {
  put(source->peer, 1);
}

void drain_source(const struct source *source) {
  CHECK_IS(drain(source->watched), >, 0);
}

static void check_pair_kind(enum kind kind) {
  int pair[2];
  make_pair(kind, pair);
  check_source(&(struct source){
      .watched = pair[0], .peer = pair[1], .stimulate = write_to_source, .consume = drain_source});
  close_pair(pair);
}

TEST(13, "watches TCP") {
  check_pair_kind(TCP);
}

TEST(13, "watches UDP") {
  check_pair_kind(UDP);
}

TEST(13, "watches an AF_UNIX stream") {
  check_pair_kind(UNIX_STREAM);
}

TEST(13, "watches an AF_UNIX datagram socket") {
  check_pair_kind(UNIX_DGRAM);
}

TEST(13, "watches a pipe") {
  check_pair_kind(PIPE);
}

TEST(13, "watches a FIFO") {
  char directory[] = P_tmpdir "/ioloop-XXXXXX", path[64];
  CHECK(mkdtemp(directory));
  snprintf(path, sizeof path, "%s/fifo", directory);
  CHECK_SYS(mkfifo(path, 0600));
  int watched = SYS(open(path, O_RDONLY | O_NONBLOCK));
  int peer = SYS(open(path, O_WRONLY | O_NONBLOCK));
  CHECK_SYS(unlink(path));
  CHECK_SYS(rmdir(directory));
  check_source(&(struct source){
      .watched = watched, .peer = peer, .stimulate = write_to_source, .consume = drain_source});
  CHECK_SYS(close(watched));
  CHECK_SYS(close(peer));
}

bool watches_two_queues(void) {
  return strcmp(tap_argument, "linux-aio") != 0;
}

void open_pty(int *master, int *slave) {
  if (!watches_two_queues())
    SKIP("the kernel's asynchronous poll refuses terminals");
  *master = posix_openpt(O_RDWR | O_NOCTTY);
  if (*master < 0)
    SKIP("no pty can be opened here");
  CHECK_SYS(grantpt(*master));
  CHECK_SYS(unlockpt(*master));
  *slave = SYS(open(ptsname(*master), O_RDWR | O_NOCTTY | O_NONBLOCK));
  set_nonblocking(*master);
}

/* A terminal passes a line on to the reader when it is complete. */
static void write_line(const struct source *source) {
  CHECK_IS(write(source->peer, "line\n", 5), ==, 5);
}

static void drain_both(const struct source *source) {
  CHECK_IS(drain(source->watched), >, 0);
  drain(source->peer); /* the terminal's echo */
}

TEST(13, "watches a pty, its slave side") {
  int master, slave;
  open_pty(&master, &slave);
  check_source(&(struct source){
      .watched = slave, .peer = master, .stimulate = write_line, .consume = drain_both});
  CHECK_SYS(close(slave));
  CHECK_SYS(close(master));
}

TEST(13, "watches a pty, its master side") {
  int master, slave;
  open_pty(&master, &slave);
  check_source(&(struct source){
      .watched = master, .peer = slave, .stimulate = write_line, .consume = drain_source});
  CHECK_SYS(close(slave));
  CHECK_SYS(close(master));
}

static void connect_to_source(const struct source *source) {
  int fd = connect_tcp((uint16_t)source->peer);
  await_arrival(
      source->watched); /* a connection that is not established yet ends with its client */
  CHECK_SYS(close(fd));
}

static void accept_from_source(const struct source *source) {
  int fd = SYS(accept(source->watched, NULL, NULL));
  CHECK_SYS(close(fd));
}

TEST(13, "watches a TCP listener") {
  int listener;
  uint16_t port;
  make_tcp_listener(&listener, &port);
  check_source(&(struct source){.watched = listener,
                                .peer = port,
                                .stimulate = connect_to_source,
                                .consume = accept_from_source});
  CHECK_SYS(close(listener));
}
