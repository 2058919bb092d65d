/* SPDX-License-Identifier: MIT */
/*
 * stream_held.c - conformance 88: the end of a stream whose input is held back by a gate or a full
 * queue, or whose sending has failed. As in stream_ends.c the callbacks are recorded as a story,
 * which must be the same on every model: <frames> or bytes, $ for the end of input, and how it
 * closed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo.h"

struct tale {
  struct ioloop_stream *stream;
  int peer;
  bool echo;     /* in each frame's callback */
  unsigned stop; /* after this many frames no read is started; 0: all are read */
  unsigned frames, closed;
  char story[100];
};

static void tell(struct tale *tale, const char *format, const char *text, size_t size) {
  size_t length = strlen(tale->story);
  snprintf(tale->story + length, sizeof tale->story - length, format, (int)size, text);
}

static void on_closed(struct ioloop_stream *stream, int error, void *arg) {
  struct tale *tale = arg;
  const char *text = error == 0             ? " closed"
                     : error == -ECONNRESET ? " reset"
                     : error == -EPIPE      ? " pipe"
                     : error == -EMSGSIZE   ? " size"
                                            : " ?";
  (void)stream;
  tale->closed++;
  tell(tale, "%.*s", text, strlen(text));
}

static void on_rest(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  (void)stream;
  tell(arg, size ? "%.*s" : "$", data, size);
}

static void on_frame(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  struct tale *tale = arg;
  if (!size) {
    tell(tale, "$", "", 0);
    return;
  }
  tell(tale, "<%.*s>", data, size - 1);
  tale->frames++;
  if (tale->echo)
    CHECK_OK(ioloop_stream_write(stream, data, size));
  if (tale->frames != tale->stop)
    CHECK_OK(ioloop_stream_read_until(stream, "\n", 1, 8, on_frame, tale));
}

static void open_tale(struct tale *tale, struct ioloop *loop, enum kind kind) {
  int pair[2];
  *tale = (struct tale){0};
  make_pair(kind, pair);
  CHECK_OK(ioloop_stream_new(loop, pair[0], &tale->stream));
  ioloop_stream_set_close_callback(tale->stream, on_closed, tale);
  tale->peer = pair[1];
}

static void begin_reading(struct tale *tale) {
  CHECK_OK(ioloop_stream_read_until(tale->stream, "\n", 1, 8, on_frame, tale));
}

static void send_text(const struct tale *tale, const char *text) {
  client_send(tale->peer, text, strlen(text));
}

static void close_peer(struct tale *tale) {
  CHECK_SYS(close(tale->peer));
  tale->peer = -1;
}

static void reset_peer(struct tale *tale) {
  client_reset(tale->peer);
  tale->peer = -1;
}

static void check_story(const struct tale *tale, const char *right) {
  bool same = strcmp(tale->story, right) == 0;
  if (right && !same) /* the first for gcc, with sanitizers */
    NOTE("story '%s', right '%s'", tale->story, right);
  CHECK(same);
}

static void end_tale(struct tale *tale) {
  if (!tale->closed)
    ioloop_stream_close(tale->stream);
  CHECK_IS(tale->closed, ==, 1);
  if (tale->peer >= 0)
    CHECK_SYS(close(tale->peer));
}

/* ---- by a gate ------------------------------------------------------------------------------ */

enum held_end {
  FINISH,
  RESET,
  BROKEN, /* a write fails first */
  HELD_ENDS
};

static void end_held(struct tale *tale, enum held_end end) {
  if (end == RESET)
    reset_peer(tale);
  else
    close_peer(tale);
  if (end == BROKEN)
    CHECK_OK(ioloop_stream_write(tale->stream, "x", 1));
}

TEST(88, "the end of a stream that its gate holds comes when the gate opens, behind the input") {
  static const char *const right[] = {"<a><b>$", "<a><b> reset", "<a><b> pipe"};
  struct ioloop *loop = test_loop_new();
  for (int early = 0; early < 2; early++)
    for (enum held_end end = 0; end < HELD_ENDS; end++) {
      struct ioloop_gate *gate;
      struct tale tale;
      open_tale(&tale, loop, end == BROKEN ? UNIX_STREAM : TCP);
      CHECK_OK(ioloop_gate_new(&gate));
      ioloop_stream_set_gate(tale.stream, gate);
      begin_reading(&tale);
      run_turns(loop, 2);
      ioloop_gate_close(gate);
      send_text(&tale, "a\nb\nc");
      if (early)
        run_turns(loop, 3);
      end_held(&tale, end);
      run_turns(loop, 3);
      CHECK_NO_SPIN(loop, MS(5));
      check_story(&tale, "");
      ioloop_gate_open(gate);
      RUN_UNTIL(loop, tale.closed || strchr(tale.story, '$'));
      check_story(&tale, right[end]);
      end_tale(&tale);
      ioloop_gate_free(gate);
    }
  test_loop_free(loop);
}

TEST(88, "a frame that is too long is not noticed while the gate is closed") {
  struct ioloop *loop = test_loop_new();
  struct ioloop_gate *gate;
  struct tale tale;
  open_tale(&tale, loop, UNIX_STREAM);
  CHECK_OK(ioloop_gate_new(&gate));
  ioloop_stream_set_gate(tale.stream, gate);
  begin_reading(&tale);
  run_turns(loop, 2);
  ioloop_gate_close(gate);
  send_text(&tale, "a\n123456789");
  run_turns(loop, 3);
  CHECK_NO_SPIN(loop, MS(5));
  check_story(&tale, "");
  ioloop_gate_open(gate);
  RUN_UNTIL(loop, tale.closed);
  check_story(&tale, "<a> size");
  end_tale(&tale);
  ioloop_gate_free(gate);
  test_loop_free(loop);
}

/* ---- by a full queue ------------------------------------------------------------------------ */

static void choke(struct tale *tale, struct ioloop *loop) {
  static const char data[8000000];
  begin_reading(tale);
  run_turns(loop, 2);
  CHECK_OK(ioloop_stream_write(tale->stream, data, sizeof data));
  run_turns(loop, 3);
  CHECK_IS(ioloop_stream_pending(tale->stream), >, 256 * 1024);
  send_text(tale, "a\nb\nc");
  run_turns(loop, 3);
  check_story(tale, "");
}

TEST(88, "the end of a stream whose queue is full comes when that is sent, behind the input") {
  struct ioloop *loop = test_loop_new();
  for (enum kind kind = UNIX_STREAM; kind <= TCP; kind += TCP - UNIX_STREAM) {
    struct tale tale;
    open_tale(&tale, loop, kind);
    choke(&tale, loop);
    CHECK_SYS(shutdown(tale.peer, SHUT_WR));
    run_turns(loop, 3);
    CHECK_NO_SPIN(loop, MS(5));
    check_story(&tale, "");
    while (!strchr(tale.story, '$')) {
      drain(tale.peer);
      run_turns(loop, 1);
    }
    check_story(&tale, "<a><b>$");
    end_tale(&tale);
  }
  test_loop_free(loop);
}

TEST(88, "a reset ends a stream whose queue is full, behind the input") {
  struct ioloop *loop = test_loop_new();
  struct tale tale;
  for (int shut = 0; shut < 2; shut++) {
    open_tale(&tale, loop, TCP);
    choke(&tale, loop);
    if (shut)
      CHECK_OK(ioloop_stream_shutdown(tale.stream));
    reset_peer(&tale);
    RUN_UNTIL(loop, tale.closed);
    check_story(&tale, "<a><b> reset");
    end_tale(&tale);
  }
  open_tale(&tale, loop, TCP);
  choke(&tale, loop);
  ioloop_stream_close_when_sent(tale.stream);
  reset_peer(&tale);
  RUN_UNTIL(loop, tale.closed);
  check_story(&tale, " reset"); /* nothing is read then */
  end_tale(&tale);
  test_loop_free(loop);
}

/* ---- sending has failed --------------------------------------------------------------------- */

TEST(88, "frames that have come are read though their echo cannot be sent, then it closes, once") {
  struct ioloop *loop = test_loop_new();
  for (int together = 0; together < 2; together++) {
    struct tale tale;
    open_tale(&tale, loop, UNIX_STREAM);
    tale.echo = true;
    if (together)
      begin_reading(&tale);
    send_text(&tale, "a\nb\nc\nd");
    close_peer(&tale);
    if (!together) {
      CHECK_OK(ioloop_stream_read_bytes(tale.stream, 2, on_frame, &tale));
      run_turns(loop, 1);
    }
    RUN_UNTIL(loop, tale.closed || strchr(tale.story, '$'));
    check_story(&tale, "<a><b><c> pipe");
    end_tale(&tale);
  }
  test_loop_free(loop);
}

TEST(88, "a write to a peer that went without reading all ends in a reset, read or not") {
  struct ioloop *loop = test_loop_new();
  for (int reading = 0; reading < 2; reading++) {
    struct tale tale;
    open_tale(&tale, loop, UNIX_STREAM);
    CHECK_OK(ioloop_stream_write(tale.stream, "unread", 6));
    run_turns(loop, 2);
    close_peer(&tale);
    CHECK_OK(ioloop_stream_write(tale.stream, "x", 1));
    if (reading)
      begin_reading(&tale);
    RUN_UNTIL(loop, tale.closed);
    check_story(&tale, " reset");
    end_tale(&tale);
  }
  test_loop_free(loop);
}

/* ---- frames --------------------------------------------------------------------------------- */

TEST(88, "a frame that is too long closes the stream, an end before that is an end") {
  struct ioloop *loop = test_loop_new();
  for (enum kind kind = UNIX_STREAM; kind <= TCP; kind += TCP - UNIX_STREAM)
    for (int late = 0; late < 2; late++)
      for (int length = 7; length <= 9; length++) {
        struct tale tale;
        open_tale(&tale, loop, kind);
        if (!late)
          begin_reading(&tale);
        send_text(&tale, "a\n");
        client_send(tale.peer, "123456789", (size_t)length);
        CHECK_SYS(shutdown(tale.peer, SHUT_WR));
        run_turns(loop, late ? 2 : 0);
        if (late)
          begin_reading(&tale);
        RUN_UNTIL(loop, tale.closed || strchr(tale.story, '$'));
        check_story(&tale, length < 8 ? "<a>$" : "<a> size");
        if (!tale.closed) {
          CHECK_OK(ioloop_stream_read(tale.stream, on_rest, &tale));
          RUN_UNTIL(loop, strlen(tale.story) == strlen("<a>$1234567$"));
          check_story(&tale, "<a>$1234567$");
        }
        end_tale(&tale);
      }
  test_loop_free(loop);
}

TEST(88, "the end that came while nothing was read is given to the next read, whichever it is") {
  static const char *const right[] = {"<a>b\nc$", "<a><b>$", "<a><b> reset"};
  struct ioloop *loop = test_loop_new();
  for (int way = 0; way < 3; way++) {
    struct tale tale;
    open_tale(&tale, loop, TCP);
    tale.stop = 1;
    begin_reading(&tale);
    run_turns(loop, 2);
    send_text(&tale, "a\nb\nc");
    RUN_UNTIL(loop, tale.frames == 1);
    if (way == 2)
      reset_peer(&tale);
    else
      CHECK_SYS(shutdown(tale.peer, SHUT_WR));
    run_turns(loop, 3);
    CHECK_NO_SPIN(loop, MS(5));
    check_story(&tale, "<a>");
    if (way == 0)
      CHECK_OK(ioloop_stream_read(tale.stream, on_rest, &tale));
    else
      begin_reading(&tale);
    RUN_UNTIL(loop, tale.closed || strchr(tale.story, '$'));
    check_story(&tale, right[way]);
    end_tale(&tale);
  }
  test_loop_free(loop);
}

TEST(88, "a stream that waits only for a read that its gate holds back ends when that is stopped") {
  struct ioloop *loop = test_loop_new();
  for (enum kind kind = UNIX_STREAM; kind <= TCP; kind += TCP - UNIX_STREAM) {
    struct tale tale;
    struct ioloop_gate *gate;
    open_tale(&tale, loop, kind);
    CHECK_OK(ioloop_gate_new(&gate));
    ioloop_stream_set_gate(tale.stream, gate);
    CHECK_OK(ioloop_stream_read(tale.stream, on_rest, &tale));
    CHECK_SYS(shutdown(tale.peer, SHUT_WR));
    RUN_UNTIL(loop, strchr(tale.story, '$'));
    ioloop_gate_close(gate);
    CHECK_OK(ioloop_stream_read(tale.stream, on_rest, &tale));
    CHECK_OK(ioloop_stream_shutdown(tale.stream));
    run_turns(loop, 3);
    check_story(&tale, "$");
    ioloop_stream_read_stop(tale.stream);
    check_story(&tale, "$");
    RUN_UNTIL(loop, tale.closed);
    check_story(&tale, "$ closed");
    end_tale(&tale);
    ioloop_gate_free(gate);
  }
  test_loop_free(loop);
}
