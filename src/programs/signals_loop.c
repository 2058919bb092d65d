/* SPDX-License-Identifier: MIT */
/* signals_loop.c - the end of a program that has a loop; see signals.h. Some programs have none. */
#include <signal.h>

#include "ioloop.h"
#include "signals.h"

int signals_watch_end(struct ioloop *loop,
                      void (*on_end)(struct ioloop *loop, int signo, void *arg), void *arg) {
  int error = signals_ignored(SIGINT) ? 0 : ioloop_add_signal(loop, SIGINT, on_end, arg);
  return error ? error : ioloop_add_signal(loop, SIGTERM, on_end, arg);
}
