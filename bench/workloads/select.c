/* SPDX-License-Identifier: MIT */
/*
 * select.c - select by hand: bit sets of the size needed (the kernel reads no further than nfds,
 * whatever FD_SETSIZE is), copied before each call and scanned a word at a time.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>

#include "workload.h"

typedef unsigned long word;

enum {
  WORD_BITS = sizeof(word) * CHAR_BIT,
};

static word *wanted, *ready;
static void **args;
static size_t words; /* in use */
static int highest;

const char raw_name[] = "select";

int raw_open(size_t room) {
  wanted = calloc(room / WORD_BITS + 1, sizeof *wanted);
  ready = calloc(room / WORD_BITS + 1, sizeof *ready);
  args = calloc(room, sizeof *args);
  return wanted && ready && args ? 0 : loop_trouble("memory");
}

void loop_close(void) {
  free(wanted);
  free(ready);
  free(args);
}

int loop_watch(int fd, void *arg) {
  size_t at = (size_t)fd / WORD_BITS;
  wanted[at] |= (word)1 << ((size_t)fd % WORD_BITS);
  args[fd] = arg;
  if (at >= words)
    words = at + 1;
  if (fd > highest)
    highest = fd;
  return 0;
}

void loop_unwatch(int fd) {
  wanted[(size_t)fd / WORD_BITS] &= ~((word)1 << ((size_t)fd % WORD_BITS));
}

void raw_turn(int timeout_ms) {
  struct timeval none = {0, 0};
  memcpy(ready, wanted, words * sizeof *ready);
  int left =
      select(highest + 1, (fd_set *)(void *)ready, NULL, NULL, timeout_ms < 0 ? NULL : &none);
  if (left < 0 && errno != EINTR)
    exit(loop_trouble("select"));
  for (size_t i = 0; left > 0; i++)
    for (word bits = ready[i]; bits; bits &= bits - 1, left--)
      loop_readable(args[i * WORD_BITS + (size_t)__builtin_ctzl(bits)]);
}
