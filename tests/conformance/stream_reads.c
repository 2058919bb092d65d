/* SPDX-License-Identifier: MIT */
/* stream_reads.c - 72, 73 and 601: the three kinds of read, the limit, and the end of input. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo.h"

/* Reads of a stream, one after another, as the test arranges them. */
struct reader {
  struct ioloop_stream *stream;
  char text[100000];
  size_t size; /* of text */
  size_t last; /* size of the last read */
  unsigned calls, ends, closed;
  int error;
  bool inside;    /* a library function is running */
  unsigned depth; /* of callbacks: must not exceed 1 */
  size_t again;   /* start another read of this many bytes from the callback; 0: none */
  unsigned until; /* ... or until a newline, this many times */
  int peer;
};

static void on_reader_data(struct ioloop_stream *stream, const char *data, size_t size, void *arg);

#define OUTSIDE(reader, call)                                                                      \
  do {                                                                                             \
    (reader)->inside = true;                                                                       \
    CHECK_OK(call);                                                                                \
    (reader)->inside = false;                                                                      \
  } while (0)

static void read_next(struct reader *reader) {
  if (reader->again)
    OUTSIDE(reader,
            ioloop_stream_read_bytes(reader->stream, reader->again, on_reader_data, reader));
  else if (reader->until && reader->until--)
    OUTSIDE(reader,
            ioloop_stream_read_until(reader->stream, "\n", 1, 1000, on_reader_data, reader));
}

static void on_reader_data(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  struct reader *reader = arg;
  CHECK(stream == reader->stream);
  CHECK(!reader->inside);
  CHECK_IS(reader->depth++, ==, 0);
  CHECK_IS(reader->size + size, <=, sizeof reader->text);
  memcpy(reader->text + reader->size, data, size);
  reader->size += size;
  reader->last = size;
  reader->calls++;
  if (size == 0)
    reader->ends++;
  else
    read_next(reader);
  reader->depth--;
}

static void on_reader_closed(struct ioloop_stream *stream, int error, void *arg) {
  struct reader *reader = arg;
  CHECK(stream == reader->stream);
  CHECK(!reader->inside);
  reader->closed++;
  reader->error = error;
  reader->stream = NULL;
}

static void reader_open(struct reader *reader, struct ioloop *loop, enum kind kind) {
  int pair[2];
  *reader = (struct reader){0};
  make_pair(kind, pair);
  CHECK_OK(ioloop_stream_new(loop, pair[0], &reader->stream));
  ioloop_stream_set_close_callback(reader->stream, on_reader_closed, reader);
  reader->peer = pair[1];
}

static void reader_close(struct reader *reader) {
  if (reader->stream)
    ioloop_stream_close(reader->stream);
  CHECK_IS(reader->closed, ==, 1);
  if (reader->peer >= 0)
    CHECK_SYS(close(reader->peer));
}

static void say(struct reader *reader, const char *text) {
  client_send(reader->peer, text, strlen(text));
}

static void expect(struct reader *reader, struct ioloop *loop, unsigned calls, const char *text) {
  RUN_UNTIL(loop, reader->calls >= calls);
  run_turns(loop, 3);
  CHECK_IS(reader->calls, ==, calls);
  CHECK_IS(reader->size, ==, strlen(text));
  CHECK(memcmp(reader->text, text, reader->size) == 0);
}

static struct reader reader; /* too large for the stack */

TEST(72, "read_bytes: exactly N bytes, the rest is kept for the next read") {
  struct ioloop *loop = test_loop_new();
  reader_open(&reader, loop, TCP);
  CHECK_ERROR(ioloop_stream_read_bytes(reader.stream, 0, on_reader_data, &reader), EINVAL);
  OUTSIDE(&reader, ioloop_stream_read_bytes(reader.stream, 5, on_reader_data, &reader));
  CHECK_ERROR(ioloop_stream_read(reader.stream, on_reader_data, &reader), EALREADY);
  say(&reader, "abc");
  run_turns(loop, 5);
  CHECK_IS(reader.calls, ==, 0);
  say(&reader, "defgh");
  expect(&reader, loop, 1, "abcde");
  CHECK_QUIET(loop, MS(10)); /* data that no read requests is not reported */
  OUTSIDE(&reader, ioloop_stream_read_bytes(reader.stream, 2, on_reader_data, &reader));
  expect(&reader, loop, 2, "abcdefg");
  OUTSIDE(&reader, ioloop_stream_read(reader.stream, on_reader_data, &reader));
  expect(&reader, loop, 3, "abcdefgh");
  say(&reader, "ij");
  expect(&reader, loop, 4, "abcdefghij");
  reader_close(&reader);
  test_loop_free(loop);
}

TEST(72, "read_until: delimiters in pieces, several at once, none within the limit") {
  struct ioloop *loop = test_loop_new();
  reader_open(&reader, loop, TCP);
  CHECK_ERROR(ioloop_stream_read_until(reader.stream, "", 0, 9, on_reader_data, &reader), EINVAL);
  CHECK_ERROR(ioloop_stream_read_until(reader.stream, "ab", 2, 1, on_reader_data, &reader), EINVAL);
  OUTSIDE(&reader,
          ioloop_stream_read_until(reader.stream, "\r\n\r\n", 4, 20, on_reader_data, &reader));
  const char *pieces[] = {"x\r\r", "\n", "\r\r", "\n\r", "\ny\r\n\r\nrest"};
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    CHECK_IS(reader.calls, ==, 0);
    say(&reader, pieces[i]);
    run_turns(loop, 3);
  }
  expect(&reader, loop, 1, "x\r\r\n\r\r\n\r\n");
  OUTSIDE(&reader,
          ioloop_stream_read_until(reader.stream, "\r\n\r\n", 4, 5, on_reader_data, &reader));
  expect(&reader, loop, 2, "x\r\r\n\r\r\n\r\ny\r\n\r\n");
  OUTSIDE(&reader, ioloop_stream_read_until(reader.stream, "!", 1, 5, on_reader_data, &reader));
  run_turns(loop, 5);
  say(&reader, "!"); /* the fifth byte is the delimiter: within the limit */
  expect(&reader, loop, 3, "x\r\r\n\r\r\n\r\ny\r\n\r\nrest!");
  OUTSIDE(&reader, ioloop_stream_read_until(reader.stream, "!", 1, 5, on_reader_data, &reader));
  say(&reader, "12345!");
  RUN_UNTIL(loop, reader.closed);
  CHECK_IS(reader.error, ==, -EMSGSIZE);
  CHECK_IS(reader.calls, ==, 3);
  reader_close(&reader);
  test_loop_free(loop);
}

TEST(72, "a chain of reads over buffered input neither recurses nor waits") {
  static char lines[60000];
  struct ioloop *loop = test_loop_new();
  memset(lines, '\n', sizeof lines);
  reader_open(&reader, loop, UNIX_STREAM);
  set_buffers(reader.peer, 200000);
  client_send(reader.peer, lines, sizeof lines);
  reader.until = sizeof lines;
  read_next(&reader);
  RUN_UNTIL(loop, reader.calls == sizeof lines);
  CHECK_IS(reader.size, ==, sizeof lines);
  reader_close(&reader);
  test_loop_free(loop);
}

TEST(72, "kinds of read may alternate, and stopping keeps what was buffered") {
  struct ioloop *loop = test_loop_new();
  reader_open(&reader, loop, TCP);
  OUTSIDE(&reader, ioloop_stream_read_until(reader.stream, "\n", 1, 100, on_reader_data, &reader));
  say(&reader, "a\nbcd\nef");
  expect(&reader, loop, 1, "a\n");
  OUTSIDE(&reader, ioloop_stream_read(reader.stream, on_reader_data, &reader));
  ioloop_stream_read_stop(reader.stream);
  run_turns(loop, 2); /* the scheduled delivery finds no read to deliver to */
  CHECK_QUIET(loop, MS(10));
  CHECK_IS(reader.calls, ==, 1);
  OUTSIDE(&reader, ioloop_stream_read_bytes(reader.stream, 100, on_reader_data, &reader));
  run_turns(loop, 3);
  ioloop_stream_read_stop(reader.stream);
  OUTSIDE(&reader, ioloop_stream_read_until(reader.stream, "\n", 1, 100, on_reader_data, &reader));
  expect(&reader, loop, 2, "a\nbcd\n");
  say(&reader, "g");
  OUTSIDE(&reader, ioloop_stream_read(reader.stream, on_reader_data, &reader));
  RUN_UNTIL(loop, reader.size == 9);
  CHECK(memcmp(reader.text, "a\nbcd\nefg", 9) == 0);
  reader_close(&reader);
  test_loop_free(loop);
}

/* ---- 601: over the limit ------------------------------------------------------------------- */

/* "Line too long", and what the program does then. */
enum answer {
  LARGER, /* the same read, with a maximum that is enough */
  SKIP_IT,
  ANY_READ,
  NO_READ,
  CLOSE
};

struct limited {
  enum answer answer;
  unsigned calls;
};

static void on_limit(struct ioloop_stream *stream, void *arg) {
  struct limited *limited = arg;
  CHECK(stream == reader.stream);
  CHECK(!reader.inside);
  CHECK_IS(reader.depth, ==, 0);
  limited->calls++;
  OUTSIDE(&reader, ioloop_stream_write(stream, "too long\n", 9));
  if (limited->answer == LARGER)
    OUTSIDE(&reader, ioloop_stream_read_until(stream, "\n", 1, 100, on_reader_data, &reader));
  else if (limited->answer == SKIP_IT)
    OUTSIDE(&reader, ioloop_stream_read_bytes(stream, 5, on_reader_data, &reader));
  else if (limited->answer == ANY_READ)
    OUTSIDE(&reader, ioloop_stream_read(stream, on_reader_data, &reader));
  else if (limited->answer == CLOSE)
    ioloop_stream_close_when_sent(stream);
}

/* In one piece, or in two whose first is within the limit. */
static void reach_limit(struct ioloop *loop, struct limited *limited, bool in_pieces) {
  char answer[9];
  reader_open(&reader, loop, TCP);
  CHECK_OK(ioloop_stream_set_limit_callback(reader.stream, on_limit, limited));
  OUTSIDE(&reader, ioloop_stream_read_until(reader.stream, "\n", 1, 5, on_reader_data, &reader));
  say(&reader, in_pieces ? "123" : "123456\nrest");
  if (in_pieces) {
    run_turns(loop, 3);
    CHECK_IS(limited->calls, ==, 0);
    say(&reader, "456\nrest");
  }
  RUN_UNTIL(loop, limited->calls == 1);
  run_turns(loop, 3);
  client_receive(reader.peer, answer, 9);
}

TEST(601, "read_until over its limit is reported, nothing is lost, and any read may follow") {
  static const char *const texts[] = {
      [LARGER] = "123456\n", [SKIP_IT] = "12345", [ANY_READ] = "123456\nrest", [NO_READ] = ""};
  struct ioloop *loop = test_loop_new();
  for (enum answer answer = LARGER; answer <= NO_READ; answer++)
    for (int in_pieces = 0; in_pieces < 2; in_pieces++) {
      struct limited limited = {.answer = answer};
      reach_limit(loop, &limited, in_pieces);
      expect(&reader, loop, answer != NO_READ, texts[answer]);
      if (answer != ANY_READ) { /* what is left is there */
        OUTSIDE(&reader, ioloop_stream_read_bytes(reader.stream, 11 - strlen(texts[answer]),
                                                  on_reader_data, &reader));
        expect(&reader, loop, 1 + (answer != NO_READ), "123456\nrest");
      }
      CHECK_IS(limited.calls, ==, 1);
      CHECK_IS(reader.closed, ==, 0);
      reader_close(&reader);
    }
  test_loop_free(loop);
}

TEST(601, "over its limit a program may close the stream, when its answer is sent") {
  struct ioloop *loop = test_loop_new();
  struct limited limited = {.answer = CLOSE};
  reach_limit(loop, &limited, false);
  RUN_UNTIL(loop, reader.closed);
  CHECK_IS(reader.error, ==, 0);
  CHECK_IS(reader.calls, ==, 0);
  reader_close(&reader);
  test_loop_free(loop);
}

static void on_limit_again(struct ioloop_stream *stream, void *arg) {
  ++*(unsigned *)arg;
  OUTSIDE(&reader, ioloop_stream_read_until(stream, "\n", 1, 5, on_reader_data, &reader));
}

TEST(601, "a program that asks for the same again is called once per iteration") {
  struct ioloop *loop = test_loop_new();
  unsigned calls = 0, before;
  reader_open(&reader, loop, TCP);
  CHECK_OK(ioloop_stream_set_limit_callback(reader.stream, on_limit_again, &calls));
  OUTSIDE(&reader, ioloop_stream_read_until(reader.stream, "\n", 1, 5, on_reader_data, &reader));
  say(&reader, "123456");
  RUN_UNTIL(loop, calls > 0);
  for (int i = 0; i < 5; i++) {
    before = calls;
    run_turns(loop, 1);
    CHECK_IS(calls, <=, before + 1);
  }
  RUN_UNTIL(loop, calls > 3);
  ioloop_stream_read_stop(reader.stream);
  CHECK_OK(ioloop_stream_set_limit_callback(reader.stream, NULL, NULL));
  OUTSIDE(&reader, ioloop_stream_read_until(reader.stream, "\n", 1, 5, on_reader_data, &reader));
  RUN_UNTIL(loop, reader.closed); /* without the callback, as ever */
  CHECK_IS(reader.error, ==, -EMSGSIZE);
  reader_close(&reader);
  test_loop_free(loop);
}

/* ---- the end of input ----------------------------------------------------------------------- */

TEST(73, "data comes before the end, the end comes once, and writing still works") {
  struct ioloop *loop = test_loop_new();
  for (enum kind kind = UNIX_STREAM; kind <= TCP; kind += TCP - UNIX_STREAM) {
    char back[3];
    reader_open(&reader, loop, kind);
    say(&reader, "last");
    CHECK_SYS(shutdown(reader.peer, SHUT_WR));
    OUTSIDE(&reader, ioloop_stream_read(reader.stream, on_reader_data, &reader));
    expect(&reader, loop, 2, "last");
    CHECK_IS(reader.ends, ==, 1);
    CHECK_QUIET(loop, MS(20));
    OUTSIDE(&reader, ioloop_stream_write(reader.stream, "bye", 3));
    client_receive(reader.peer, back, 3);
    CHECK_IS(reader.closed, ==, 0);
    reader_close(&reader);
  }
  test_loop_free(loop);
}

TEST(73, "the end of input is reported to the next read if none was under way") {
  struct ioloop *loop = test_loop_new();
  reader_open(&reader, loop, TCP);
  OUTSIDE(&reader, ioloop_stream_read_bytes(reader.stream, 2, on_reader_data, &reader));
  say(&reader, "abc");
  CHECK_SYS(shutdown(reader.peer, SHUT_WR));
  expect(&reader, loop, 1, "ab");
  OUTSIDE(&reader, ioloop_stream_read_bytes(reader.stream, 2, on_reader_data, &reader));
  expect(&reader, loop, 2, "ab"); /* the end, with fewer bytes left than requested */
  CHECK_IS(reader.ends, ==, 1);
  OUTSIDE(&reader, ioloop_stream_read(reader.stream, on_reader_data, &reader));
  expect(&reader, loop, 4, "abc"); /* the remaining data, and the end */
  CHECK_IS(reader.ends, ==, 2);
  OUTSIDE(&reader, ioloop_stream_read_until(reader.stream, "\n", 1, 9, on_reader_data, &reader));
  expect(&reader, loop, 5, "abc");
  reader_close(&reader);
  test_loop_free(loop);
}

TEST(73, "a stream that has finished both ways is closed in order") {
  struct ioloop *loop = test_loop_new();
  for (int order = 0; order < 2; order++) {
    char byte;
    reader_open(&reader, loop, TCP);
    OUTSIDE(&reader, ioloop_stream_read(reader.stream, on_reader_data, &reader));
    if (order == 0)
      OUTSIDE(&reader, ioloop_stream_shutdown(reader.stream));
    say(&reader, "x");
    CHECK_SYS(shutdown(reader.peer, SHUT_WR));
    RUN_UNTIL(loop, reader.ends);
    if (order == 1)
      OUTSIDE(&reader, ioloop_stream_shutdown(reader.stream));
    RUN_UNTIL(loop, reader.closed);
    CHECK_IS(reader.error, ==, 0);
    CHECK_IS(reader.size, ==, 1);
    CHECK_IS(recv(reader.peer, &byte, 1, 0), ==, 0);
    reader_close(&reader);
  }
  test_loop_free(loop);
}

TEST(73, "a half-close waits for the queue, then no write is taken and reading goes on") {
  static char data[8000000];
  struct ioloop *loop = test_loop_new();
  reader_open(&reader, loop, TCP);
  OUTSIDE(&reader, ioloop_stream_read(reader.stream, on_reader_data, &reader));
  OUTSIDE(&reader, ioloop_stream_write(reader.stream, data, sizeof data));
  CHECK_IS(ioloop_stream_pending(reader.stream), >, 0);
  OUTSIDE(&reader, ioloop_stream_shutdown(reader.stream));
  CHECK_ERROR(ioloop_stream_shutdown(reader.stream), EPIPE);
  CHECK_ERROR(ioloop_stream_write(reader.stream, "x", 1), EPIPE);
  size_t received = 0;
  char byte;
  RUN_UNTIL(loop, (received += drain(reader.peer)) == sizeof data);
  RUN_UNTIL(loop, recv(reader.peer, &byte, 1, MSG_DONTWAIT) == 0);
  say(&reader, "still here");
  expect(&reader, loop, 1, "still here");
  CHECK_QUIET(loop, MS(20));
  reader_close(&reader);
  test_loop_free(loop);
}

TEST(73, "a reset is the end of the stream, with the error") {
  struct ioloop *loop = test_loop_new();
  reader_open(&reader, loop, TCP);
  OUTSIDE(&reader, ioloop_stream_read(reader.stream, on_reader_data, &reader));
  run_turns(loop, 2);
  client_reset(reader.peer);
  reader.peer = -1;
  RUN_UNTIL(loop, reader.closed);
  CHECK_IS(reader.error, ==, -ECONNRESET);
  CHECK_IS(reader.calls, ==, 0);
  reader_close(&reader);
  test_loop_free(loop);
}

TEST(73, "a reset of a stream that does not read neither spins nor is lost") {
  struct ioloop *loop = test_loop_new();
  reader_open(&reader, loop, TCP);
  run_turns(loop, 2);
  client_reset(reader.peer);
  reader.peer = -1;
  CHECK_QUIET(loop, MS(50));
  OUTSIDE(&reader, ioloop_stream_read(reader.stream, on_reader_data, &reader));
  RUN_UNTIL(loop, reader.closed);
  CHECK_IS(reader.error, ==, -ECONNRESET);
  reader_close(&reader);
  test_loop_free(loop);
}
