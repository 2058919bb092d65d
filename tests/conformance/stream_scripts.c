/* SPDX-License-Identifier: MIT */
/*
 * stream_scripts.c - conformance 94: a program sees the same of a stream under every model.
 *
 * Random scripts (bytes from the peer, its end or a reset, reads of each kind, stops, writes, a
 * half-close, a gate) are played under `poll` and under the model that is tested. After each step
 * the loop runs until nothing is left to do. The callbacks and results of both must be the same.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo.h"

enum {
  FRAME = 3,
  MOST_FRAME = 6,
  SCRIPTS = 150
};

struct script {
  struct ioloop *loop;
  uint64_t random;
  struct ioloop_stream *stream;
  struct ioloop_gate *gate;
  int peer; /* -1: it has closed */
  bool tcp, peer_ended, echo;
  unsigned read_next; /* in a frame's callback; 0: none */
  unsigned closed, steps;
  char story[2000];
};

/* Private to the script: both models must draw the same numbers. */
static unsigned below(struct script *script, unsigned limit) {
  script->random = script->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (unsigned)(script->random >> 33) % limit;
}

static void add(struct script *script, const char *format, long value, const char *text) {
  size_t length = strlen(script->story);
  CHECK(length + strlen(text) + 32 < sizeof script->story);
  snprintf(script->story + length, sizeof script->story - length, format, value, text);
}

static void on_read(struct ioloop_stream *stream, const char *data, size_t size, void *arg);
static void on_frame(struct ioloop_stream *stream, const char *data, size_t size, void *arg);

static void begin_read(struct script *script, unsigned kind) {
  int r = 0;
  if (kind == 1)
    r = ioloop_stream_read(script->stream, on_read, script);
  else if (kind == 2)
    r = ioloop_stream_read_bytes(script->stream, FRAME, on_frame, script);
  else
    r = ioloop_stream_read_until(script->stream, "\n", 1, MOST_FRAME, on_frame, script);
  add(script, " read%ld%s", r, "");
}

/* The number of pieces in which ioloop_stream_read delivers its bytes is not specified. */
static void note_data(struct script *script, const char *data, size_t size, const char *format) {
  char text[64];
  CHECK(size < sizeof text);
  memcpy(text, data, size);
  text[size] = '\0';
  for (char *newline = text; (newline = strchr(newline, '\n'));)
    *newline = '.';
  add(script, size ? format : " end%.0ld%s", 0, text);
}

static void on_read(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  (void)stream;
  CHECK(!((struct script *)arg)->closed);
  note_data(arg, data, size, "%.0ld%s");
}

static void on_frame(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  struct script *script = arg;
  CHECK(!script->closed);
  note_data(script, data, size, "%.0ld<%s>");
  if (size && script->echo)
    (void)ioloop_stream_write(stream, data, size); /* may have been shut down */
  if (size && script->read_next)
    begin_read(script, script->read_next);
}

static void on_closed(struct ioloop_stream *stream, int error, void *arg) {
  struct script *script = arg;
  (void)stream;
  script->closed++;
  add(script, " closed %ld (%s)", error, error ? strerror(-error) : "in order");
}

/* ---- steps ---------------------------------------------------------------------------------- */

static void peer_sends(struct script *script) {
  static const char *const texts[] = {"a", "bb\n", "ccc\nd", "\n", "eeeeeeee", "ff\ngg\nhh"};
  const char *text = texts[below(script, sizeof texts / sizeof texts[0])];
  if (script->peer >= 0 && !script->peer_ended)
    (void)send(script->peer, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Only one of them: if receiving goes on while nothing is read, an end is known before a later
 * reset. */
static void peer_ends(struct script *script) {
  if (script->peer < 0 || script->peer_ended)
    return;
  if (below(script, 2)) {
    (void)shutdown(script->peer, SHUT_WR); /* ENOTCONN: it was closed on our side */
    script->peer_ended = true;
    return;
  }
  if (script->tcp)
    client_reset(script->peer);
  else
    CHECK_SYS(close(script->peer));
  script->peer = -1;
}

static void step(struct script *script) {
  unsigned what = below(script, 16);
  if (what < 5)
    peer_sends(script);
  else if (what < 8)
    begin_read(script, 1 + below(script, 3));
  else if (what == 8)
    ioloop_stream_read_stop(script->stream);
  else if (what == 9)
    peer_ends(script);
  else if (what == 10)
    ioloop_gate_close(script->gate);
  else if (what < 13)
    ioloop_gate_open(script->gate);
  else if (what < 15)
    add(script, " write%ld%s", ioloop_stream_write(script->stream, "hello", 5), "");
  else if (below(script, 2))
    add(script, " shutdown%ld%s", ioloop_stream_shutdown(script->stream), "");
  else
    ioloop_stream_close_when_sent(script->stream);
}

static void settle(struct script *script) {
  run_turns(script->loop, 4);
  CHECK_OK(ioloop_run_once(script->loop, MS(1)));
  run_turns(script->loop, 3);
  add(script, "%.0ld;%s", 0, "");
}

static void play(struct script *script, struct ioloop *loop, uint64_t seed) {
  int pair[2];
  *script = (struct script){.loop = loop, .random = seed};
  script->tcp = below(script, 2);
  script->echo = below(script, 4) == 0;
  script->read_next = below(script, 4);
  script->steps = 4 + below(script, 12);
  make_pair(script->tcp ? TCP : UNIX_STREAM, pair);
  script->peer = pair[1];
  CHECK_OK(ioloop_stream_new(loop, pair[0], &script->stream));
  CHECK_OK(ioloop_gate_new(&script->gate));
  ioloop_stream_set_gate(script->stream, script->gate);
  ioloop_stream_set_close_callback(script->stream, on_closed, script);
  for (unsigned i = 0; i < script->steps && !script->closed; i++) {
    step(script);
    settle(script);
  }
  if (!script->closed)
    ioloop_stream_close(script->stream);
  CHECK_IS(script->closed, ==, 1);
  ioloop_gate_free(script->gate);
  if (script->peer >= 0)
    CHECK_SYS(close(script->peer));
}

static void play_all(struct ioloop *loop, uint64_t first, struct script *scripts, size_t count) {
  for (size_t i = 0; i < count; i++)
    play(&scripts[i], loop, first + i);
}

TEST(94, "random scripts: a program sees the same of a stream as under poll") {
  if (strcmp(tap_argument, "linux-aio") == 0)
    SKIP("a thread of the kernel reports some changes a moment later; this compares turn by turn");
  static struct script here[SCRIPTS], there[SCRIPTS];
  size_t count = tap_count(SCRIPTS);
  uint64_t seed = tap_random();
  struct ioloop *reference;
  CHECK_OK(ioloop_new("poll", &reference));
  play_all(reference, seed, there, count);
  CHECK_OK(ioloop_free(reference));
  struct ioloop *loop = test_loop_new();
  play_all(loop, seed, here, count);
  test_loop_free(loop);
  for (size_t i = 0; i < count; i++) {
    if (strcmp(here[i].story, there[i].story) != 0)
      NOTE("script %zu: here '%s', there '%s'", i, here[i].story, there[i].story);
    CHECK(strcmp(here[i].story, there[i].story) == 0);
  }
}
