/* SPDX-License-Identifier: MIT */
/* start_stop.c - conformance 22 to 24: a loop is started, stopped and freed. */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "support.h"

static void start_again(struct ioloop *loop, void *counter) {
  CHECK_ERROR(ioloop_start(loop), EBUSY);
  CHECK_ERROR(ioloop_run_once(loop, 0), EBUSY);
  ++*(unsigned *)counter;
  ioloop_stop(loop);
}

static void start_again_in_handler(struct ioloop *loop, int fd, unsigned events, void *counter) {
  (void)fd, (void)events;
  start_again(loop, counter);
}

TEST(22, "a recursive start is refused") {
  struct ioloop *loop = test_loop_new();
  unsigned count = 0;
  int pair[2];
  make_pair(PIPE, pair);
  CHECK_OK(ioloop_add_callback(loop, start_again, &count));
  CHECK_OK(ioloop_start(loop));
  CHECK_OK(ioloop_call_later(loop, 0, start_again, &count, NULL));
  CHECK_OK(ioloop_start(loop));
  put(pair[1], 1);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, start_again_in_handler, &count));
  CHECK_OK(ioloop_start(loop));
  CHECK_IS(count, ==, 3);
  test_loop_free(loop);
  close_pair(pair);
}

static void free_running(struct ioloop *loop, void *counter) {
  CHECK_ERROR(ioloop_free(loop), EBUSY);
  ++*(unsigned *)counter;
  ioloop_stop(loop);
}

TEST(23, "free of a running loop is refused") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  unsigned count = 0;
  int pair[2];
  make_pair(PIPE, pair);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
  CHECK_OK(ioloop_add_callback(loop, free_running, &count));
  CHECK_OK(ioloop_start(loop));
  CHECK_OK(ioloop_add_callback(loop, free_running, &count));
  CHECK_OK(ioloop_run_once(loop, 0));
  CHECK_IS(count, ==, 2);
  put(pair[1], 1); /* nothing has happened to it */
  RUN_UNTIL(loop, record.bytes == 1);
  test_loop_free(loop);
  CHECK_OK(ioloop_free(NULL));
  close_pair(pair);
}

TEST(23, "a loop with everything registered can be freed") {
  struct ioloop *loop = test_loop_new();
  int pair[2];
  make_pair(TCP, pair);
  put(pair[1], 1);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_never, NULL));
  CHECK_OK(ioloop_add_handler(loop, pair[1], IOLOOP_READ | IOLOOP_WRITE, on_never, NULL));
  CHECK_OK(ioloop_add_callback(loop, on_never_called, NULL));
  CHECK_OK(ioloop_add_callback_threadsafe(loop, on_never_called, NULL));
  CHECK_OK(ioloop_add_callback_from_signal(loop, on_never_called, NULL));
  CHECK_OK(ioloop_call_later(loop, 1, on_never_called, NULL, NULL));
  CHECK_OK(ioloop_call_every(loop, SECONDS(1), on_never_called, NULL, NULL));
  test_loop_free(loop);
  take(pair[0], 1); /* the descriptors are ours as before */
  close_pair(pair);
}

TEST(24, "a stop before the start ends it at once") {
  struct ioloop *loop = test_loop_new();
  unsigned count = 0;
  ioloop_stop(loop);
  CHECK_OK(ioloop_add_callback(loop, on_count, &count));
  CHECK_OK(ioloop_start(loop));
  CHECK_IS(count, ==, 0); /* without having run anything */
  CHECK_OK(ioloop_add_callback(loop, on_stop, NULL));
  CHECK_OK(ioloop_start(loop)); /* and the stop has been consumed */
  CHECK_IS(count, ==, 1);
  test_loop_free(loop);
}

static void stop_in_handler(struct ioloop *loop, int fd, unsigned events, void *record) {
  on_drain(loop, fd, events, record);
  ioloop_stop(loop);
}

TEST(24, "stop from a handler, a callback, a timeout") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  int pair[2];
  make_pair(UNIX_STREAM, pair);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, stop_in_handler, &record));
  put(pair[1], 1);
  CHECK_OK(ioloop_start(loop));
  CHECK_IS(record.bytes, ==, 1);
  CHECK_OK(ioloop_add_callback(loop, on_stop, NULL));
  CHECK_OK(ioloop_start(loop));
  CHECK_OK(ioloop_call_later(loop, MS(3), on_stop, NULL, NULL));
  CHECK_OK(ioloop_start(loop));
  put(pair[1], 1); /* it can be started repeatedly */
  CHECK_OK(ioloop_start(loop));
  CHECK_IS(record.bytes, ==, 2);
  test_loop_free(loop);
  close_pair(pair);
}

static void stop_loop(void *loop) {
  ioloop_stop(loop);
}

TEST(24, "stop from another thread ends a blocked wait") {
  struct ioloop *loop = test_loop_new();
  for (int turn = 0; turn < 30; turn++) {
    struct later thread;
    later(&thread, US(100) * (uint64_t)turn, stop_loop, loop);
    CHECK_OK(ioloop_start(loop));
    later_join(&thread);
  }
  test_loop_free(loop);
}

static struct ioloop *signalled_loop;

static void stop_in_signal(int signo) {
  (void)signo;
  ioloop_stop(signalled_loop);
}

static void send_alarm(void *thread) {
  CHECK_THREAD(pthread_kill(*(pthread_t *)thread, SIGUSR1));
}

TEST(24, "stop from a signal handler ends a blocked wait") {
  struct sigaction action = {.sa_handler = stop_in_signal, .sa_flags = SA_RESTART};
  pthread_t self = pthread_self();
  signalled_loop = test_loop_new();
  need_prompt_signals(signalled_loop);
  CHECK_SYS(sigaction(SIGUSR1, &action, NULL));
  for (int turn = 0; turn < 30; turn++) {
    struct later thread;
    later(&thread, US(100) * (uint64_t)turn, send_alarm, &self);
    CHECK_OK(ioloop_start(signalled_loop));
    later_join(&thread);
  }
  test_loop_free(signalled_loop);
}
