/* SPDX-License-Identifier: MIT */
/*
 * input.c - the client's stdin as lines, from a file and through a pipe, cut anywhere: put together
 * they are the input. Its first byte is the size of the pieces, the second one how often the rest
 * is there: with many copies a line is longer than a read.
 */
#include "parser.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/client.h"

enum {
  MOST = 4096,
  MOST_PIECES = 300,
};

struct feed {
  uint8_t *bytes;
  size_t size, piece;
  size_t written, read;
  int pipe; /* our end; -1: it is closed, or stdin is a file */
};

static void on_more(void *arg) {
  (void)arg;
}

static void on_error(void *arg, int error) {
  (void)arg;
  ALWAYS(!error);
}

/* The next piece, or the end. */
static void feed_more(struct feed *feed) {
  size_t left = feed->size - feed->written;
  if (feed->pipe < 0)
    return;
  if (left == 0) {
    close(feed->pipe);
    feed->pipe = -1;
    return;
  }
  ssize_t n =
      write(feed->pipe, feed->bytes + feed->written, left < feed->piece ? left : feed->piece);
  ALWAYS(n > 0 || errno == EAGAIN);
  feed->written += n > 0 ? (size_t)n : 0;
}

/* A line is read `repeat` times. */
static void take_line(struct feed *feed, const struct input_options *options, const char *text,
                      size_t size, uint64_t time) {
  const uint8_t *there = feed->bytes + feed->read;
  const uint8_t *newline = memchr(there, '\n', feed->size - feed->read);
  size_t whole = newline ? (size_t)(newline + 1 - there) : feed->size - feed->read;
  ALWAYS(size == whole - (newline && !options->keep_newline));
  ALWAYS(memcmp(text, there, size) == 0);
  if (time % options->repeat == options->repeat - 1)
    feed->read += whole;
}

static void read_all(struct ioloop *loop, struct input *input, struct feed *feed,
                     const struct input_options *options) {
  enum input_result result;
  const char *text;
  size_t size;
  uint64_t lines = 0;
  while ((result = input_next(input, &text, &size)) != INPUT_END) {
    if (result == INPUT_TEXT) {
      take_line(feed, options, text, size, lines++);
      continue;
    }
    feed_more(feed);
    ALWAYS(ioloop_run_once(loop, IOLOOP_FOREVER) >= 0);
  }
  ALWAYS(feed->read == feed->size && lines % options->repeat == 0);
}

static void read_from(int fd, struct feed *feed, bool raw) {
  struct input_options options = {
      .keep_newline = raw, .repeat = raw ? 1 : 2, .on_more = on_more, .on_error = on_error};
  struct ioloop *loop;
  struct input *input;
  ALWAYS(dup2(fd, STDIN_FILENO) == STDIN_FILENO);
  close(fd);
  ALWAYS(ioloop_new("poll", &loop) == 0);
  ALWAYS(input_new(loop, &options, &input) == 0);
  read_all(loop, input, feed, &options);
  input_free(input);
  ioloop_free(loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  int ends[2];
  if (size < 3 || size > MOST)
    return 0;
  size_t copies = data[1] + 1U, length = size - 2;
  size_t piece = (data[0] + 1U) * (data[0] + 1U), least = length * copies / MOST_PIECES + 1;
  struct feed feed = {.piece = piece > least ? piece : least, .pipe = -1};
  feed.bytes = malloc(length * copies);
  ALWAYS(feed.bytes);
  for (; feed.size < length * copies; feed.size += length)
    memcpy(feed.bytes + feed.size, data + 2, length);
  int file = open(parser_file(0, feed.bytes, feed.size), O_RDONLY);
  ALWAYS(file >= 0);
  read_from(file, &feed, true);
  ALWAYS(pipe(ends) == 0 && fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
  feed.pipe = ends[1];
  feed.read = 0;
  read_from(ends[0], &feed, false);
  free(feed.bytes);
  return 0;
}
