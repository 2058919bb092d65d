/* SPDX-License-Identifier: MIT */
/* signals_loop.c - the part of signals.h that needs a loop, which some programs lack. */
#include <signal.h>

#include "ioloop.h"
#include "signals.h"

int signals_watch_end(struct ioloop *loop,
                      void (*on_end)(struct ioloop *loop, int signo, void *arg), void *arg) {
  static const int requests[] = {SIGINT, SIGHUP, SIGTERM};
  int error = 0;
  for (size_t i = 0; i < sizeof requests / sizeof requests[0] && !error; i++)
    if (!signals_ignored(requests[i]))
      error = ioloop_add_signal(loop, requests[i], on_end, arg);
  return error;
}
