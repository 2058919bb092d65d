/* SPDX-License-Identifier: MIT */
/*
 * input.c - texts from the command line or from stdin; see client.h.
 *
 * stdin is read only when a line is needed that has not been read yet, so a fast writer fills its
 * pipe and not our memory. It is not made non-blocking, because that would affect every process
 * that shares it (a shell's terminal!); poll() before each read() does instead. A regular file is
 * always ready and no I/O model can watch it: one callback per iteration reads it.
 */
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  READ_SIZE = 64 * 1024,
};

struct input {
  struct ioloop *loop;
  struct input_options options;
  size_t argument;  /* the next one */
  const char *text; /* the current one */
  size_t text_size;
  uint64_t left; /* how many more times it is returned */

  bool watchable, wanted, ended; /* stdin */
  char *buffer;
  size_t room, head, searched, tail; /* head: end of the current line */
};

/* ---- stdin ---------------------------------------------------------------------------- */

static void on_turn(struct ioloop *loop, void *arg);

static void fail(struct input *input, int error) {
  input->ended = true;
  input->options.on_error(input->options.arg, error);
}

static int make_room(struct input *input) {
  if (input->room - input->tail >= READ_SIZE)
    return 0;
  size_t kept = input->tail - input->head;
  memmove(input->buffer, input->buffer + input->head, kept);
  input->searched -= input->head;
  input->head = 0;
  input->tail = kept;
  if (input->room - kept >= READ_SIZE)
    return 0;
  size_t room = 2 * input->room;
  char *buffer = realloc(input->buffer, room);
  if (!buffer)
    return -ENOMEM;
  input->buffer = buffer;
  input->room = room;
  return 0;
}

/* Readiness may be spurious, and this descriptor blocks. */
static bool would_block(void) {
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  return poll(&input, 1, 0) == 0;
}

static void read_some(struct input *input) {
  int error = make_room(input);
  ssize_t n = error ? 0 : read(STDIN_FILENO, input->buffer + input->tail, READ_SIZE);
  if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
    return;
  if (error || n < 0) {
    fail(input, error ? error : -errno);
    return;
  }
  input->tail += (size_t)n;
  input->ended = n == 0;
}

static void want(struct input *input, bool wanted) {
  if (input->wanted == wanted)
    return;
  input->wanted = wanted;
  int error = 0;
  if (input->watchable)
    error = ioloop_update_handler(input->loop, STDIN_FILENO, wanted ? IOLOOP_READ : 0);
  else if (wanted)
    error = ioloop_add_callback(input->loop, on_turn, input);
  if (error)
    fail(input, error);
}

static void on_turn(struct ioloop *loop, void *arg) {
  struct input *input = arg;
  (void)loop;
  want(input, false);
  read_some(input);
  input->options.on_more(input->options.arg);
}

static void on_readable(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct input *input = arg;
  (void)fd, (void)events;
  if (input->wanted && !would_block())
    on_turn(loop, input);
}

static void take_line(struct input *input, size_t end, bool newline) {
  input->text = input->buffer + input->head;
  input->text_size = end - input->head - (newline && !input->options.keep_newline);
  input->head = input->searched = end;
}

static enum input_result next_line(struct input *input) {
  char *newline = memchr(input->buffer + input->searched, '\n', input->tail - input->searched);
  if (newline) {
    take_line(input, (size_t)(newline + 1 - input->buffer), true);
    return INPUT_TEXT;
  }
  input->searched = input->tail;
  if (!input->ended)
    want(input, true);
  if (!input->ended)
    return INPUT_LATER;
  if (input->tail == input->head)
    return INPUT_END;
  take_line(input, input->tail, false);
  return INPUT_TEXT;
}

/* ---- both ----------------------------------------------------------------------------- */

static enum input_result next_argument(struct input *input) {
  if (input->argument >= input->options.argument_count)
    return INPUT_END;
  input->text = input->options.arguments[input->argument++];
  input->text_size = strlen(input->text);
  return INPUT_TEXT;
}

enum input_result input_next(struct input *input, const char **ret_text, size_t *ret_size) {
  if (input->left == 0) {
    enum input_result result =
        input->options.argument_count > 0 ? next_argument(input) : next_line(input);
    if (result != INPUT_TEXT)
      return result;
    input->left = input->options.repeat;
  }
  input->left--;
  *ret_text = input->text;
  *ret_size = input->text_size;
  return INPUT_TEXT;
}

uint64_t input_total(const struct input *input) {
  return input->options.argument_count * input->options.repeat;
}

static int watch_stdin(struct input *input) {
  input->room = READ_SIZE;
  input->buffer = malloc(input->room);
  if (!input->buffer)
    return -ENOMEM;
  int error = ioloop_add_handler(input->loop, STDIN_FILENO, 0, on_readable, input);
  input->watchable = error == 0;
  return error == -EPERM || error == -EBADF ? 0 : error; /* read() will report the reason */
}

int input_new(struct ioloop *loop, const struct input_options *options, struct input **ret) {
  struct input *input = calloc(1, sizeof *input);
  if (!input)
    return -ENOMEM;
  input->loop = loop;
  input->options = *options;
  int error = options->argument_count > 0 ? 0 : watch_stdin(input);
  if (error) {
    input_free(input);
    return error;
  }
  *ret = input;
  return 0;
}

void input_free(struct input *input) {
  if (!input)
    return;
  if (input->watchable)
    ioloop_remove_handler(input->loop, STDIN_FILENO);
  free(input->buffer);
  free(input);
}
