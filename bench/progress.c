/* SPDX-License-Identifier: MIT */
/*
 * progress.c - progress on stderr: one line per experiment that says how long it takes; on a
 * terminal a further one, rewritten. NO_COLOR and TERM=dumb are respected.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench.h"
#include "common/clock.h"
#include "common/say.h"
#include "contestants/child.h"

enum {
  DEFAULT_WIDTH = 80,
  LINE_SIZE = 512
};

static struct {
  bool quiet, drawn;
  const char *experiment;
  size_t total, begun;
  uint64_t since_ns;
} state;

void progress_quiet(void) {
  state.quiet = true;
}

static bool rewrites(void) {
  const char *term = getenv("TERM");
  return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

static size_t width(void) {
  struct winsize size;
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
    return DEFAULT_WIDTH;
  return size.ws_col;
}

const char *progress_duration(char to[32], double seconds) {
  if (seconds < 99.5)
    snprintf(to, 32, "%.0f s", seconds < 1 ? 1 : seconds);
  else if (seconds < 99.5 * 60)
    snprintf(to, 32, "%.0f min", seconds / 60);
  else
    snprintf(to, 32, "%.1f h", seconds / 3600);
  return to;
}

void progress_begin(const char *experiment, size_t total, double seconds) {
  char duration[32];
  state.experiment = experiment;
  state.total = total;
  state.begun = 0;
  state.since_ns = clock_ns(CLOCK_MONOTONIC);
  if (!state.quiet)
    say("%s: %zu measurements, about %s", experiment, total, progress_duration(duration, seconds));
}

/* From the mean of the measurements so far: unknown until the first has ended. */
static void describe_left(char *to, size_t room) {
  size_t done = state.begun - 1;
  uint64_t spent_ns = clock_ns(CLOCK_MONOTONIC) - state.since_ns;
  uint64_t left_s = done ? spent_ns / done * (state.total - done) / NS_PER_SECOND : 0;
  if (done)
    snprintf(to, room, "%" PRIu64 ":%02" PRIu64 " left", left_s / 60, left_s % 60);
  else
    snprintf(to, room, "-:-- left");
}

void progress_step(const char *what) {
  char left[48], line[LINE_SIZE];
  state.begun++;
  if (state.quiet || !rewrites())
    return;
  describe_left(left, sizeof left);
  int used = snprintf(line, sizeof line, "%s %zu/%zu  %s  %s", state.experiment, state.begun,
                      state.total, left, what);
  /* A line that wraps could not be rewritten. */
  if (used > 0 && (size_t)used >= width())
    line[width() - 1] = '\0';
  fprintf(stderr, "\r\x1b[K%s", line);
  state.drawn = true;
}

void progress_end(void) {
  if (state.drawn)
    fputs("\r\x1b[K", stderr);
  state.drawn = false;
}
