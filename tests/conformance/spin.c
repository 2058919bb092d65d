/* SPDX-License-Identifier: MIT */
/* spin.c - conformance 85: a bounded spin must not change behaviour, and must end. */
#include <unistd.h>

#include "ioloop/stream.h"
#include "support.h"

static struct ioloop *spinning_loop(uint64_t spin_ns) {
  struct ioloop *loop = test_loop_new();
  CHECK_OK(ioloop_set_spin(loop, spin_ns));
  return loop;
}

/* A wait that finds an event, after which the loop spins. */
static void give_work(struct ioloop *loop, const int pair[2], struct record *record) {
  size_t bytes = record->bytes;
  put(pair[1], 1);
  RUN_UNTIL(loop, record->bytes > bytes);
}

static void on_thread_callback(void *arg) {
  struct ioloop *loop = arg;
  CHECK_OK(ioloop_add_callback_threadsafe(loop, on_stop, NULL));
}

static void stop_from_thread(void *loop) {
  ioloop_stop(loop);
}

/* A spin so long that whatever ends it must have been found by polling. */
static void check_seen(void (*fn)(void *arg)) {
  struct ioloop *loop = spinning_loop(SECONDS(1000));
  struct record record = {0};
  struct later thread;
  int pair[2];
  make_pair(TCP, pair);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
  give_work(loop, pair, &record);
  later(&thread, MS(5), fn, loop);
  CHECK_OK(ioloop_start(loop));
  later_join(&thread);
  test_loop_free(loop);
  close_pair(pair);
}

TEST(85, "a spinning loop sees a callback of another thread") {
  check_seen(on_thread_callback);
}

TEST(85, "a spinning loop sees a stop of another thread") {
  check_seen(stop_from_thread);
}

TEST(85, "a spin ends at the next timeout, which is not early") {
  struct ioloop *loop = spinning_loop(SECONDS(1000));
  struct record record = {0};
  int pair[2];
  make_pair(TCP, pair);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
  for (uint64_t delay = 1; delay <= MS(20); delay *= 7) {
    give_work(loop, pair, &record);
    unsigned fired = 0;
    uint64_t before = tap_now();
    CHECK_OK(ioloop_call_later(loop, delay, on_count, &fired, NULL));
    RUN_UNTIL(loop, fired);
    CHECK_IS(tap_now() - before, >=, delay);
  }
  test_loop_free(loop);
  close_pair(pair);
}

TEST(85, "run_once spins no longer than it may wait") {
  skip_if_readiness_is_presumed();
  struct ioloop *loop = spinning_loop(SECONDS(1000));
  struct record record = {0};
  int pair[2];
  make_pair(UNIX_STREAM, pair);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
  static const uint64_t limits[] = {0, 1, US(100), MS(3)};
  for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
    give_work(loop, pair, &record);
    CHECK_IS(ioloop_run_once(loop, limits[i]), ==, 0);
  }
  test_loop_free(loop);
  close_pair(pair);
}

TEST(85, "a spin that finds nothing ends, and the loop sleeps") {
  skip_if_readiness_is_presumed();
  struct ioloop *loop = spinning_loop(MS(5));
  struct record record = {0};
  int pair[2];
  make_pair(TCP, pair);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
  CHECK_QUIET(loop, MS(40)); /* nothing was found: not even a spin */
  CHECK_IS(metrics_of(loop).spins, ==, 0);
  give_work(loop, pair, &record);
  CHECK_QUIET(loop, MS(40));
  uint64_t spins = metrics_of(loop).spins;
  CHECK_IS(spins, >, 0);
  CHECK_QUIET(loop, MS(40));
  CHECK_IS(metrics_of(loop).spins, ==, spins);
  CHECK_IS(metrics_of(loop).spin_hits, ==, 0);
  test_loop_free(loop);
  close_pair(pair);
}

static void play(struct ioloop *loop, const int pair[2], struct record *record, int rounds) {
  for (int i = 0; i < rounds; i++) {
    struct later thread;
    size_t bytes = record->bytes;
    int fd = pair[1];
    later(&thread, MS(1), write_byte, &fd);
    RUN_UNTIL(loop, record->bytes > bytes);
    later_join(&thread);
  }
}

TEST(85, "events that arrive during a spin are found by it, and off is off") {
  skip_if_readiness_is_presumed();
  struct ioloop *loop = spinning_loop(SECONDS(1000));
  struct record record = {0};
  int pair[2];
  make_pair(TCP, pair);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
  give_work(loop, pair, &record);
  play(loop, pair, &record, 10); /* the loop never blocks: a spin is longer than the test */
  struct ioloop_metrics on = metrics_of(loop);
  CHECK_IS(on.spin_hits, >=, 10);
  CHECK_IS(on.spins, >, on.spin_hits);

  CHECK_OK(ioloop_set_spin(loop, 0));
  play(loop, pair, &record, 3);
  CHECK_QUIET(loop, MS(20));
  CHECK_IS(metrics_of(loop).spins, ==, on.spins);
  test_loop_free(loop);
  close_pair(pair);
}

/* ---- streams -------------------------------------------------------------------------------- */

struct heard {
  size_t bytes;
  bool end, closed;
  enum {
    GO_ON,
    STOP,
    CLOSE
  } then;
};

static void on_heard(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  struct heard *heard = arg;
  for (size_t i = 0; i < size; i++)
    CHECK_IS((unsigned char)data[i], ==, (heard->bytes + i) % 256);
  heard->bytes += size;
  heard->end = size == 0;
  if (heard->then == STOP)
    ioloop_stream_read_stop(stream);
  if (heard->then == CLOSE)
    ioloop_stream_close(stream);
}

static void on_heard_closed(struct ioloop_stream *stream, int error, void *arg) {
  (void)stream;
  CHECK_IS(error, ==, 0);
  ((struct heard *)arg)->closed = true;
}

static struct ioloop_stream *listen_to(struct ioloop *loop, int pair[2], struct heard *heard) {
  struct ioloop_stream *stream;
  make_pair(TCP, pair);
  CHECK_OK(ioloop_stream_new(loop, pair[0], &stream));
  ioloop_stream_set_close_callback(stream, on_heard_closed, heard);
  CHECK_OK(ioloop_stream_read(stream, on_heard, heard));
  return stream;
}

struct speech {
  int fd;
  unsigned char byte;
};

static void say_byte(void *arg) {
  struct speech *speech = arg;
  CHECK_SYS(send(speech->fd, &speech->byte, 1, MSG_NOSIGNAL));
}

static void tell(struct ioloop *loop, int fd, struct heard *heard) {
  size_t before = heard->bytes;
  struct speech speech = {fd, (unsigned char)before};
  struct later thread;
  later(&thread, US(200), say_byte, &speech);
  RUN_UNTIL(loop, heard->bytes > before);
  later_join(&thread);
}

TEST(85, "a spinning loop serves every stream") {
  struct ioloop *loop = spinning_loop(SECONDS(1000));
  struct heard heard[2] = {{0}, {0}};
  struct ioloop_stream *streams[2];
  int pairs[2][2];
  for (int i = 0; i < 2; i++)
    streams[i] = listen_to(loop, pairs[i], &heard[i]);
  for (int i = 0; i < 30; i++)
    tell(loop, pairs[i % 3 == 2][1], &heard[i % 3 == 2]);
  if (!presumes_readiness())
    CHECK_IS(metrics_of(loop).spin_hits, >=, 29);
  for (int i = 0; i < 2; i++) {
    CHECK_SYS(close(pairs[i][1]));
    RUN_UNTIL(loop, heard[i].end);
    ioloop_stream_close(streams[i]);
    CHECK(heard[i].closed);
  }
  test_loop_free(loop);
}

TEST(85, "a spinning loop leaves alone a stream that has stopped reading") {
  struct ioloop *loop = spinning_loop(MS(2));
  struct heard heard = {.then = STOP};
  int pair[2];
  struct ioloop_stream *stream = listen_to(loop, pair, &heard);
  for (int i = 0; i < 10; i++) {
    tell(loop, pair[1], &heard);
    struct speech speech = {pair[1], (unsigned char)heard.bytes};
    size_t before = heard.bytes;
    say_byte(&speech);
    for (uint64_t end = tap_now() + MS(10); tap_left(end);)
      CHECK(ioloop_run_once(loop, tap_left(end)) >= 0);
    CHECK_IS(heard.bytes, ==, before);
    CHECK_OK(ioloop_stream_read(stream, on_heard, &heard));
    RUN_UNTIL(loop, heard.bytes > before);
    CHECK_OK(ioloop_stream_read(stream, on_heard, &heard));
  }
  ioloop_stream_close(stream);
  CHECK_SYS(close(pair[1]));
  test_loop_free(loop);
}

TEST(85, "a spinning loop forgets a stream that was closed, also in its callback") {
  struct ioloop *loop = spinning_loop(SECONDS(1000));
  struct heard other = {0};
  int other_pair[2];
  struct ioloop_stream *other_stream = listen_to(loop, other_pair, &other);
  for (int i = 0; i < 10; i++) {
    struct heard heard = {.then = CLOSE};
    int pair[2];
    listen_to(loop, pair, &heard);
    tell(loop, pair[1], &heard);
    CHECK(heard.closed);
    tell(loop, other_pair[1], &other);
    CHECK_SYS(close(pair[1]));
  }
  ioloop_stream_close(other_stream);
  CHECK_SYS(close(other_pair[1]));
  test_loop_free(loop);
}
