/* SPDX-License-Identifier: MIT */
/*
 * main.c - the conformance suite: `conformance BACKEND [NUMBER | WORD]...` runs the behaviours
 * that every backend must show against one of them. A backend that is not available here is
 * skipped as a whole, with the reason that the library gives.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ioloop/ioloop.h"
#include "tap.h"

static int refuse(const char *name) {
  struct ioloop_backend_info info;
  int r = ioloop_backend_probe(name, &info, sizeof info);
  if (r == 0 && info.error == 0)
    return -1;
  printf("TAP version 13\n");
  if (r == 0) {
    printf("1..0 # SKIP %s\n", info.reason);
    return 0;
  }
  printf("Bail out! %s\n", info.reason);
  return 2;
}

/* valgrind runs one thread at a time, and lets other threads and signals in only during system
 * calls that it knows to block: 3.19 does not know that about io_uring_enter. */
static bool is_deaf_in_valgrind(const char *name) {
  const char *preloaded = getenv("LD_PRELOAD");
  return strcmp(name, "io_uring") == 0 && preloaded && strstr(preloaded, "vgpreload");
}

/* libkqueue's first queue in a process opens descriptors that are never closed. */
static void make_a_loop(void) {
  struct ioloop *loop;
  if (ioloop_new(tap_argument, &loop) == 0)
    ioloop_free(loop);
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: conformance BACKEND [NUMBER | WORD]...\n");
    return 2;
  }
  if (strcmp(argv[1], "--list") != 0) {
    if (is_deaf_in_valgrind(argv[1])) {
      printf("TAP version 13\n1..0 # SKIP valgrind lets no other thread run while io_uring_enter "
             "waits\n");
      return 0;
    }
    int status = refuse(argv[1]);
    if (status >= 0)
      return status;
    if (strcmp(argv[1], "kqueue") == 0)
      tap_warm_up = make_a_loop;
  }
  return tap_main(argc, argv, true);
}
