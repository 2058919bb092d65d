/* SPDX-License-Identifier: MIT */
/* say.c - lines on stderr; see say.h. */
#include "say.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

enum {
  LINE_MAX_BYTES = 2048,
  PATIENCE_MS = 100,
};

static const char *program = "ioloop";

void say_begin(const char *argv0) {
  if (!argv0 || !*argv0)
    return;
  const char *slash = strrchr(argv0, '/');
  program = slash ? slash + 1 : argv0;
}

const char *say_program(void) {
  return program;
}

/* A pipe that is reported writable takes PIPE_BUF bytes at once; hence pieces of at most that
 * size. */
static void put(const char *data, size_t size) {
  while (size > 0) {
    struct pollfd stderr_fd = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&stderr_fd, 1, PATIENCE_MS) == 0)
      return;
    ssize_t n = write(STDERR_FILENO, data, size < 4096 ? size : 4096);
    if (n < 0 && errno != EINTR)
      return;
    data += n > 0 ? n : 0;
    size -= n > 0 ? (size_t)n : 0;
  }
}

static void say_line(const char *prefix, const char *format, va_list arguments) {
  char text[LINE_MAX_BYTES];
  int used = snprintf(text, sizeof text, "%.64s%s", prefix, *prefix ? ": " : "");
  int more = vsnprintf(text + used, sizeof text - (size_t)used, format, arguments);
  if (more < 0)
    return;
  char line[ESCAPE_TEXT_ROOM(LINE_MAX_BYTES)];
  put(line, escape_text(line, text, strlen(text)));
}

void say(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  say_line("", format, arguments);
  va_end(arguments);
}

int complain(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  say_line(program, format, arguments);
  va_end(arguments);
  return EXIT_TROUBLE;
}

int misuse(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  say_line(program, format, arguments);
  va_end(arguments);
  return EXIT_USAGE;
}
