/* SPDX-License-Identifier: MIT */
/*
 * fork_streams.c - conformance 117: a callback of a stream, a server or a datagram socket forks,
 * and the child returns from it. 118: children made in other ways, or by another thread.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "echo.h"

/* ---- 117: the child returns ---------------------------------------------------------------- */

static pid_t parent, child;
static unsigned calls; /* of the program's callbacks, in this process, since the fork */

static void fork_once(void) {
  calls++;
  if (child || getpid() != parent)
    return;
  child = fork();
  CHECK_SYS(child);
  if (child == 0)
    calls = 0;
}

/* The child ends here; `r` is the return value of its run. */
static void part(struct ioloop *loop, int r) {
  if (getpid() != parent) {
    CHECK_IS(r, ==, -ECHILD);
    CHECK_IS(calls, ==, 0);
    CHECK_OK(ioloop_free(loop));
    _exit(0);
  }
  CHECK_IS(child, >, 0);
  wait_child(child);
}

static void run_to_fork(struct ioloop *loop) {
  uint64_t deadline = tap_deadline(SECONDS(10));
  int r = 0;
  while (!child && r >= 0 && getpid() == parent && tap_left(deadline))
    r = ioloop_run_once(loop, tap_left(deadline));
  part(loop, r);
}

static void begin_scene(void) {
  parent = getpid();
  child = 0;
  calls = 0;
}

static void on_accepted(struct ioloop_tcpserver *server, int fd, const struct sockaddr *peer,
                        socklen_t size, void *arg) {
  (void)server, (void)peer, (void)size;
  ++*(unsigned *)arg;
  fork_once();
  CHECK_SYS(close(fd));
}

TEST(117, "fork in an accept callback: the child that returns accepts no connection") {
  struct ioloop *loop = test_loop_new();
  struct ioloop_tcpserver *server;
  unsigned accepted = 0;
  struct ioloop_tcpserver_options options = {
      .size = sizeof options, .on_accepted = on_accepted, .arg = &accepted};
  struct sockaddr_in address = loopback_address(0);
  struct sockaddr_storage bound;
  socklen_t size;
  int clients[8];
  CHECK_OK(ioloop_tcpserver_new(loop, &options, &server));
  CHECK_OK(ioloop_tcpserver_listen(server, (struct sockaddr *)&address, sizeof address));
  CHECK_OK(ioloop_tcpserver_address(server, 0, &bound, &size));
  begin_scene();
  for (int i = 0; i < 8; i++)
    clients[i] = client_connect(ntohs(((struct sockaddr_in *)&bound)->sin_port));
  run_to_fork(loop);
  RUN_UNTIL(loop, accepted == 8);
  for (int i = 0; i < 8; i++) {
    ioloop_tcpserver_release(server);
    CHECK_SYS(close(clients[i]));
  }
  ioloop_tcpserver_close(server);
  test_loop_free(loop);
}

struct side {
  size_t bytes;
  unsigned frames, drained, closed;
};

static void on_data(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  (void)stream, (void)data;
  ((struct side *)arg)->bytes += size;
  fork_once();
}

static void on_frame(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  struct side *side = arg;
  CHECK_IS(size, ==, 2);
  CHECK_IS(data[1], ==, '\n');
  side->frames++;
  fork_once();
  int r = ioloop_stream_read_until(stream, "\n", 1, 100, on_frame, side);
  CHECK_IS(r, ==, getpid() == parent ? 0 : -ECHILD);
}

static void on_drained(struct ioloop_stream *stream, void *arg) {
  (void)stream;
  ((struct side *)arg)->drained++;
  fork_once();
}

static void on_closed(struct ioloop_stream *stream, int error, void *arg) {
  (void)stream, (void)error;
  ((struct side *)arg)->closed++;
}

/* Where a checker of leaks in a child that returns finds them. */
static struct ioloop_stream *volatile all_streams[16];
static size_t stream_count;

static struct ioloop_stream *make_stream(struct ioloop *loop, int pair[2], struct side *side) {
  struct ioloop_stream *stream;
  make_pair(TCP, pair);
  CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
  ioloop_stream_set_close_callback(stream, on_closed, side);
  all_streams[stream_count++ % 16] = stream;
  return stream;
}

TEST(117, "fork in a read callback: the child that returns takes no byte of its parent's") {
  struct ioloop *loop = test_loop_new();
  struct side sides[4] = {0};
  struct ioloop_stream *streams[4];
  int pairs[4][2];
  begin_scene();
  for (int i = 0; i < 4; i++) {
    streams[i] = make_stream(loop, pairs[i], &sides[i]);
    CHECK_OK(ioloop_stream_read(streams[i], on_data, &sides[i]));
    put(pairs[i][1], 100);
  }
  run_to_fork(loop);
  for (int i = 0; i < 4; i++) {
    RUN_UNTIL(loop, sides[i].bytes == 100);
    put(pairs[i][1], 1);
    RUN_UNTIL(loop, sides[i].bytes == 101);
    ioloop_stream_close(streams[i]);
    CHECK_IS(sides[i].closed, ==, 1);
    CHECK_SYS(close(pairs[i][1]));
  }
  test_loop_free(loop);
}

TEST(117, "fork in a frame's callback: the child is given no other frame") {
  struct ioloop *loop = test_loop_new();
  struct side side = {0};
  int pair[2];
  begin_scene();
  struct ioloop_stream *stream = make_stream(loop, pair, &side);
  CHECK_OK(ioloop_stream_read_until(stream, "\n", 1, 100, on_frame, &side));
  CHECK_IS(write(pair[1], "a\nb\nc\nd\n", 8), ==, 8);
  run_to_fork(loop);
  RUN_UNTIL(loop, side.frames == 4);
  ioloop_stream_close(stream);
  CHECK_SYS(close(pair[1]));
  test_loop_free(loop);
}

TEST(117, "fork in a drain callback: the child that returns does nothing to the connection") {
  enum {
    SIZE = 4 << 20
  };
  struct ioloop *loop = test_loop_new();
  struct side side = {0};
  int pair[2];
  char *data = calloc(1, SIZE);
  size_t taken = 0;
  CHECK(data);
  begin_scene();
  struct ioloop_stream *stream = make_stream(loop, pair, &side);
  CHECK_OK(ioloop_stream_set_drain_callback(stream, on_drained, &side));
  CHECK_OK(ioloop_stream_write(stream, data, SIZE));
  uint64_t deadline = tap_deadline(SECONDS(10));
  int r = 0;
  while (!child && r >= 0 && getpid() == parent && tap_left(deadline)) {
    taken += drain(pair[1]);
    r = ioloop_run_once(loop, MS(1));
  }
  part(loop, r);
  while (taken < SIZE && tap_left(deadline))
    taken += drain(pair[1]);
  CHECK_IS(taken, ==, SIZE);
  CHECK_OK(ioloop_stream_write(stream, "x", 1));
  RUN_UNTIL(loop, drain(pair[1]) == 1);
  ioloop_stream_close(stream);
  CHECK_SYS(close(pair[1]));
  free(data);
  test_loop_free(loop);
}

static void answer_and_fork(struct ioloop_stream *stream, const char *data, size_t size,
                            void *arg) {
  ((struct side *)arg)->bytes += size;
  CHECK_OK(ioloop_stream_write(stream, data, size));
  CHECK_OK(ioloop_stream_write(stream, data, size));
  fork_once();
  if (getpid() != parent)
    ioloop_stream_close(stream);
}

/* By completion the two wait for the end of the turn, or behind what the socket has no room for. */
TEST(117, "fork in a read callback that has written: the child that closes the stream sends none") {
  enum {
    SIZE = 4 << 20
  };
  char *data = calloc(1, SIZE);
  CHECK(data);
  for (int full = 0; full < 2; full++) {
    struct ioloop *loop = test_loop_new();
    struct side side = {0};
    int pair[2];
    size_t expected = full ? SIZE + 6 : 6, taken = 0;
    begin_scene();
    struct ioloop_stream *stream = make_stream(loop, pair, &side);
    CHECK_OK(ioloop_stream_set_watermarks(stream, SIZE, 2 * SIZE));
    CHECK_OK(ioloop_stream_read(stream, answer_and_fork, &side));
    run_turns(loop, 2);
    if (full)
      CHECK_OK(ioloop_stream_write(stream, data, SIZE));
    put(pair[1], 3);
    run_to_fork(loop);
    uint64_t deadline = tap_deadline(SECONDS(10));
    while (taken < expected && tap_left(deadline)) {
      taken += drain(pair[1]);
      CHECK_OK(ioloop_run_once(loop, US(100)));
    }
    CHECK_IS(taken, ==, expected);
    CHECK_NO_SPIN(loop, MS(1));
    CHECK_IS(drain(pair[1]), ==, 0);
    CHECK_IS(side.bytes, ==, 3);
    ioloop_stream_close(stream);
    CHECK_SYS(close(pair[1]));
    test_loop_free(loop);
  }
  free(data);
}

static void on_datagram(struct ioloop_datagram *socket, const char *data, size_t size,
                        const struct sockaddr *peer, socklen_t peer_size, void *arg) {
  ++*(unsigned *)arg;
  CHECK_OK(ioloop_datagram_send(socket, data, size, peer, peer_size));
  fork_once();
}

TEST(117, "fork in a datagram's callback: the child that returns neither takes nor answers one") {
  struct ioloop *loop = test_loop_new();
  struct sockaddr_in address = loopback_address(0);
  struct ioloop_datagram *socket;
  unsigned received = 0, answered = 0;
  char data[8];
  begin_scene();
  CHECK_OK(ioloop_datagram_bind(loop, (struct sockaddr *)&address, sizeof address, on_datagram,
                                NULL, &received, &socket));
  socklen_t size = sizeof address;
  CHECK_SYS(getsockname(ioloop_datagram_fd(socket), (struct sockaddr *)&address, &size));
  int client = udp_client(ntohs(address.sin_port));
  for (int i = 0; i < 20; i++)
    CHECK_IS(send(client, "x", 1, 0), ==, 1);
  run_to_fork(loop);
  RUN_UNTIL(loop, received == 20);
  for (; answered < 20; answered++)
    CHECK_IS(receive_within(loop, client, data, sizeof data), ==, 1);
  run_turns(loop, 3);
  CHECK_IS(recv(client, data, sizeof data, MSG_DONTWAIT), ==, -1); /* each once */
  CHECK_SYS(close(client));
  ioloop_datagram_close(socket);
  test_loop_free(loop);
}

/* ---- 118: other children --------------------------------------------------------------------- */

static void on_signal(struct ioloop *loop, int signo, void *arg) {
  (void)loop, (void)signo;
  ++*(unsigned *)arg;
}

static struct ioloop *of_handler;

static void post_from_handler(int signo) {
  (void)signo;
  (void)ioloop_add_callback_from_signal(of_handler, on_never_called, NULL);
  ioloop_stop(of_handler);
}

/* Without fork handlers: the child has its parent's count of forks, and with vfork its memory. */
static void signal_child(pid_t made) {
  CHECK_SYS(made);
  if (made == 0) {
    kill(getpid(), SIGUSR1); /* raise depends on cached data of the thread */
    kill(getpid(), SIGUSR2);
    _exit(0);
  }
  wait_child(made);
}

static void check_unnoticed(struct ioloop *loop, unsigned *signals) {
  uint64_t wakeups = metrics_of(loop).wakeups;
  CHECK_QUIET(loop, MS(5));
  CHECK_IS(*signals, ==, 0);
  if (!presumes_readiness())
    CHECK_IS(metrics_of(loop).wakeups, ==, wakeups);
  CHECK_SYS(raise(SIGUSR1)); /* a signal of its own is not missed after that */
  RUN_UNTIL(loop, *signals == 1);
  *signals = 0;
}

TEST(118, "a signal that a child of fork, vfork or _Fork gets is none of its parent's") {
  struct ioloop *loop = test_loop_new();
  unsigned signals = 0;
  of_handler = loop;
  CHECK_OK(ioloop_add_signal(loop, SIGUSR1, on_signal, &signals));
  CHECK(signal(SIGUSR2, post_from_handler) != SIG_ERR);
  run_turns(loop, 2);
  signal_child(fork());
  check_unnoticed(loop, &signals);
#ifdef __linux__
  signal_child(vfork());
  check_unnoticed(loop, &signals);
#endif
#ifdef __GLIBC__ /* nested: other C libraries do not have the macro of the next line */
#if __GLIBC_PREREQ(2, 34)
  signal_child(_Fork());
  check_unnoticed(loop, &signals);
#endif
#endif
  test_loop_free(loop);
}

struct life {
  struct ioloop *loop;
  struct barrier made, done;
};

static void *live(void *arg) {
  struct life *life = arg;
  unsigned count = 0;
  life->loop = test_loop_new();
  barrier_wait(&life->made);
  CHECK_OK(ioloop_call_every(life->loop, US(100), on_count, &count, NULL));
  CHECK_OK(ioloop_start(life->loop));
  CHECK_IS(count, >, 0);
  barrier_wait(&life->done);
  test_loop_free(life->loop);
  return NULL;
}

static void free_other_threads(void *arg) {
  struct life *life = arg;
  alarm(10 * tap_scale());
  ioloop_stop(life->loop);
  CHECK_ERROR(ioloop_run_once(life->loop, 0), ECHILD);
  CHECK_ERROR(ioloop_add_callback_threadsafe(life->loop, on_never_called, NULL), ECHILD);
  CHECK_OK(ioloop_free(life->loop));
  test_loop_free(test_loop_new());
}

TEST(118, "fork while another thread runs its loop: the child may free that, the thread goes on") {
  struct life life;
  pthread_t thread;
  barrier_init(&life.made, 2);
  barrier_init(&life.done, 2);
  CHECK_THREAD(pthread_create(&thread, NULL, live, &life));
  barrier_wait(&life.made);
  for (int i = 0; i < 50; i++)
    wait_child(fork_child(free_other_threads, &life));
  ioloop_stop(life.loop);
  barrier_wait(&life.done);
  CHECK_THREAD(pthread_join(thread, NULL));
  barrier_destroy(&life.made);
  barrier_destroy(&life.done);
}
