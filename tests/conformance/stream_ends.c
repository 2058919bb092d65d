/* SPDX-License-Identifier: MIT */
/*
 * stream_ends.c - conformance 87 and 88: how a stream ends, the whole table.
 *
 * The input (nothing, part of a frame, frames, frames and a part) x the end (the peer finishes,
 * also after our half-close; a reset; a timeout; a close in the callback) x the read (nothing,
 * ioloop_stream_read, read_bytes, read_until) x the time (reading before the input, with the end at once
 * or later; starting when all of it is there; having stopped before it arrived) x the transport.
 * The callbacks of each script are recorded as a story, and the story that the rule demands is the
 * same on every model: the callbacks that satisfy the read under way, then the end or the error,
 * then one close callback.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "echo.h"
#include "kinds.h"

enum medium {
  ACCEPTED,
  TCP_PAIR,
  UNIX_PAIR,
  UNIX_NONBLOCKING, /* O_NONBLOCK was set by the creator, which affects io_uring's requests */
  PIPE_END,
  PTY_MASTER,
  MEDIA
};

enum end {
  FINISH,
  FINISH_BOTH, /* after a half-close of ours */
  RESET,
  TIMEOUT,
  CLOSE /* in the first callback, or, if there is none, outside */
};

enum reading {
  NOTHING,
  READ,
  READ_BYTES,
  READ_UNTIL,
  READINGS
};

enum start {
  EARLY_APART, /* the input has been received when the end comes */
  EARLY_TOGETHER,
  LATE,
  RESUMED,
  STARTS
};

enum {
  FRAME = 3
};
static const char *const inputs[] = {"", "aa", "aa\nbb\n", "aa\nbb\ncc"};
enum {
  INPUTS = sizeof inputs / sizeof inputs[0]
};

struct script {
  enum medium medium;
  enum end end;
  enum reading reading;
  enum start start;
  const char *input;
};

struct play {
  struct script script;
  struct ioloop_stream *stream;
  int peer;
  bool rest_read; /* after the end: the data that a frame did not take */
  unsigned closed;
  char story[100];
};

/* ---- the correct story ---------------------------------------------------------------------- */

static void add(char *story, const char *text, size_t size) {
  size_t length = strlen(story);
  CHECK(length + size < sizeof((struct play *)0)->story);
  memcpy(story + length, text, size);
  story[length + size] = '\0';
}

static void add_text(char *story, const char *text) {
  add(story, text, strlen(text));
}

static void add_frame(char *story, const char *frame, size_t size) {
  add_text(story, "<");
  add(story, frame, size);
  add_text(story, ">");
}

static void right_reads(const struct script *script, char *story) {
  const char *input = script->input;
  size_t size = strlen(input);
  bool once = script->end == CLOSE;
  if (script->reading == READ) {
    add(story, input, size);
  } else {
    for (; size >= FRAME && !(once && *story); input += FRAME, size -= FRAME)
      add_frame(story, input, FRAME);
    if (script->end == FINISH || script->end == FINISH_BOTH) {
      add_text(story, "$");
      add(story, input, size);
    }
  }
  if (script->end == FINISH || script->end == FINISH_BOTH)
    add_text(story, "$");
}

static void right_story(const struct script *script, char *story) {
  *story = '\0';
  if (script->reading != NOTHING)
    right_reads(script, story);
  bool told = script->reading != NOTHING || script->end == TIMEOUT;
  add_text(story, told && script->end == RESET     ? " reset"
                  : told && script->end == TIMEOUT ? " timeout"
                                                   : " closed");
}

/* ---- the program ---------------------------------------------------------------------------- */

static void on_data(struct ioloop_stream *stream, const char *data, size_t size, void *arg);

static void start_reading(struct play *play) {
  struct ioloop_stream *stream = play->stream;
  if (play->script.reading == READ)
    CHECK_OK(ioloop_stream_read(stream, on_data, play));
  else if (play->script.reading == READ_BYTES)
    CHECK_OK(ioloop_stream_read_bytes(stream, FRAME, on_data, play));
  else if (play->script.reading == READ_UNTIL)
    CHECK_OK(ioloop_stream_read_until(stream, "\n", 1, 100, on_data, play));
}

static void on_end(struct play *play) {
  add_text(play->story, "$");
  if (play->script.reading != READ && !play->rest_read) {
    play->rest_read = true;
    CHECK_OK(ioloop_stream_read(play->stream, on_data, play));
  } else if (play->script.end != FINISH_BOTH) { /* then it must end by itself */
    ioloop_stream_close(play->stream);
  }
}

static void on_data(struct ioloop_stream *stream, const char *data, size_t size, void *arg) {
  struct play *play = arg;
  bool framed = play->script.reading != READ && !play->rest_read;
  CHECK(!play->closed);
  if (size && framed)
    add_frame(play->story, data, size);
  else
    add(play->story, data, size);
  if (play->script.end == CLOSE)
    ioloop_stream_close(stream);
  else if (!size)
    on_end(play);
  else if (framed)
    start_reading(play);
}

static void on_closed(struct ioloop_stream *stream, int error, void *arg) {
  struct play *play = arg;
  (void)stream;
  play->closed++;
  add_text(play->story, error == 0             ? " closed"
                        : error == -ECONNRESET ? " reset"
                        : error == -ETIMEDOUT  ? " timeout"
                                               : strerror(-error));
}

/* ---- setting up ----------------------------------------------------------------------------- */

static void on_accepted(struct ioloop_tcpserver *server, struct ioloop_stream *stream,
                        const struct sockaddr *peer, socklen_t size, void *arg) {
  struct ioloop_stream **accepted = arg;
  (void)server, (void)peer, (void)size;
  *accepted = stream;
}

static struct ioloop_tcpserver *open_server(struct ioloop *loop, struct ioloop_stream **accepted,
                                            uint64_t idle_timeout_ns, uint16_t *port) {
  struct ioloop_tcpserver_options options = {.size = sizeof options,
                                             .on_connection = on_accepted,
                                             .arg = accepted,
                                             .idle_timeout_ns = idle_timeout_ns};
  struct sockaddr_in address = loopback_address(0);
  struct sockaddr_storage bound;
  struct ioloop_tcpserver *server;
  socklen_t size;
  CHECK_OK(ioloop_tcpserver_new(loop, &options, &server));
  CHECK_OK(ioloop_tcpserver_listen(server, (struct sockaddr *)&address, sizeof address));
  CHECK_OK(ioloop_tcpserver_address(server, 0, &bound, &size));
  *port = ntohs(((struct sockaddr_in *)&bound)->sin_port);
  return server;
}

static void set_blocking(int fd) {
  CHECK_SYS(fcntl(fd, F_SETFL, SYS(fcntl(fd, F_GETFL)) & ~O_NONBLOCK));
}

static void open_raw_pty(int pair[2]) {
  struct termios raw;
  pair[0] = SYS(posix_openpt(O_RDWR | O_NOCTTY));
  CHECK_SYS(grantpt(pair[0]));
  CHECK_SYS(unlockpt(pair[0]));
  pair[1] = SYS(open(ptsname(pair[0]), O_RDWR | O_NOCTTY));
  CHECK_SYS(tcgetattr(pair[1], &raw));
  raw.c_oflag &= (tcflag_t)~OPOST;
  CHECK_SYS(tcsetattr(pair[1], TCSANOW, &raw));
}

static void open_pair(struct play *play, struct ioloop *loop) {
  static const enum kind kinds[] = {
      [TCP_PAIR] = TCP, [UNIX_PAIR] = UNIX_STREAM, [UNIX_NONBLOCKING] = UNIX_STREAM};
  int pair[2];
  if (play->script.medium == PTY_MASTER)
    open_raw_pty(pair);
  else
    make_pair(play->script.medium == PIPE_END ? PIPE : kinds[play->script.medium], pair);
  if (play->script.medium != UNIX_NONBLOCKING)
    set_blocking(pair[0]);
  CHECK_OK(ioloop_stream_new(loop, pair[0], &play->stream));
  play->peer = pair[1];
}

static bool is_socket(enum medium medium) {
  return medium < PIPE_END;
}

static void end_input(struct play *play) {
  bool socket = is_socket(play->script.medium);
  if (play->script.end == CLOSE)
    return;
  if (play->script.end == RESET && play->script.medium <= TCP_PAIR)
    client_reset(play->peer);
  else if (play->script.end == RESET || !socket) /* AF_UNIX: unread data turns it into a reset */
    CHECK_SYS(close(play->peer));
  else
    CHECK_SYS(shutdown(play->peer, SHUT_WR));
  if (play->script.end == RESET || !socket)
    play->peer = -1;
}

static void act(struct play *play, struct ioloop *loop) {
  const struct script *script = &play->script;
  if (script->end == FINISH_BOTH)
    CHECK_OK(ioloop_stream_shutdown(play->stream));
  else if (script->end == RESET && script->medium >= UNIX_PAIR)
    CHECK_OK(ioloop_stream_write(play->stream, "unread", 6));
  if (script->start != LATE)
    start_reading(play);
  run_turns(loop, 2);
  if (script->start == RESUMED)
    ioloop_stream_read_stop(play->stream);
  if (*script->input)
    CHECK_IS(write(play->peer, script->input, strlen(script->input)), ==, strlen(script->input));
  if (script->start == EARLY_APART)
    run_turns(loop, 3);
  if (!play->closed)
    end_input(play);
  run_turns(loop, 3);
  if (script->start == LATE || script->start == RESUMED)
    start_reading(play);
}

static void finish(struct play *play, struct ioloop *loop) {
  char right[sizeof play->story];
  right_story(&play->script, right);
  bool outside = play->script.reading == NOTHING || strcmp(right, " closed") == 0;
  if (outside)
    CHECK_NO_SPIN(loop, MS(2));
  if (outside && !play->closed)
    ioloop_stream_close(play->stream);
  uint64_t deadline = tap_deadline(SECONDS(5));
  while (!play->closed && tap_left(deadline))
    CHECK_OK(ioloop_run_once(loop, MS(10)));
  if (strcmp(play->story, right) != 0 || play->closed != 1)
    NOTE("medium %d, end %d, reading %d, start %d, input '%s': story '%s', right '%s'",
         play->script.medium, play->script.end, play->script.reading, play->script.start,
         play->script.input, play->story, right);
  CHECK(strcmp(play->story, right) == 0);
  CHECK_IS(play->closed, ==, 1);
  if (play->peer >= 0)
    CHECK_SYS(close(play->peer));
}

static void perform(struct ioloop *loop, struct script script) {
  struct play play = {.script = script};
  struct ioloop_tcpserver *server = NULL;
  uint16_t port;
  if (script.medium == ACCEPTED) {
    server = open_server(loop, &play.stream, 0, &port);
    play.peer = client_connect(port);
    RUN_UNTIL(loop, play.stream);
  } else {
    open_pair(&play, loop);
  }
  ioloop_stream_set_close_callback(play.stream, on_closed, &play);
  act(&play, loop);
  finish(&play, loop);
  ioloop_tcpserver_close(server);
}

static void perform_all(enum medium medium, enum end end) {
  if (medium == PTY_MASTER && !watches_two_queues())
    return;
  struct ioloop *loop = test_loop_new();
  for (enum reading reading = 0; reading < READINGS; reading++)
    for (enum start start = 0; start < STARTS; start++)
      for (size_t i = 0; i < INPUTS; i++)
        perform(loop, (struct script){medium, end, reading, start, inputs[i]});
  test_loop_free(loop);
}

TEST(87, "how a stream ends, over all media: the peer finishes") {
  for (enum medium medium = 0; medium < MEDIA; medium++)
    perform_all(medium, FINISH);
}

TEST(87, "how a stream ends, over all sockets: both have finished") {
  for (enum medium medium = 0; is_socket(medium); medium++)
    perform_all(medium, FINISH_BOTH);
}

TEST(87, "how a stream ends, over all sockets: a reset") {
  for (enum medium medium = 0; is_socket(medium); medium++)
    perform_all(medium, RESET);
}

TEST(87, "how a stream ends, over all media: a close in the first callback") {
  for (enum medium medium = 0; medium < MEDIA; medium++)
    perform_all(medium, CLOSE);
}

TEST(87, "how a stream ends: nothing came for the idle timeout") {
  struct ioloop *loop = test_loop_new();
  struct play plays[READINGS][INPUTS];
  struct ioloop_stream *accepted = NULL;
  uint16_t port;
  struct ioloop_tcpserver *server = open_server(loop, &accepted, MS(300) * tap_scale(), &port);
  for (enum reading reading = 0; reading < READINGS; reading++)
    for (size_t i = 0; i < INPUTS; i++) {
      struct play *play = &plays[reading][i];
      *play = (struct play){.script = {ACCEPTED, TIMEOUT, reading, EARLY_TOGETHER, inputs[i]}};
      play->peer = client_connect(port);
      client_send(play->peer, inputs[i], strlen(inputs[i]));
      accepted = NULL;
      RUN_UNTIL(loop, accepted);
      play->stream = accepted;
      ioloop_stream_set_close_callback(accepted, on_closed, play);
      start_reading(play);
    }
  for (enum reading reading = 0; reading < READINGS; reading++)
    for (size_t i = 0; i < INPUTS; i++) {
      RUN_UNTIL(loop, plays[reading][i].closed);
      finish(&plays[reading][i], loop);
    }
  ioloop_tcpserver_close(server);
  test_loop_free(loop);
}
