/* SPDX-License-Identifier: MIT */
/*
 * exhibit.h - the code that the naive servers share: their command line, socket, naps and counters.
 * Everything that makes them fail is in their own files, in the handler.
 *
 * The counters are atomic, and lock-free atomics may be used in a signal handler. So a failure of
 * an exhibit is never a miscount.
 */
#ifndef NAIVE_EXHIBIT_H
#define NAIVE_EXHIBIT_H

#include <stdatomic.h>
#include <stdbool.h>

struct exhibit {
  const char *what; /* its fault in one line, printed at the start */
  bool udp;
  bool can_inherit, can_stamp; /* has --inherit, has --stamp */
  void (*on_sigio)(int signo);

  /* From the command line. */
  bool inherit; /* accepted sockets are O_NONBLOCK | O_ASYNC, as where accept() inherits that */
  bool stamp;   /* the main line and the handler compute the time of day */
  bool waiting; /* the main line prints "Waiting..." after each nap */

  int fd; /* the socket: non-blocking, and every change at it sends SIGIO */
  atomic_int signals, accepted, messages, would_block, failed;
};

/* Everything from main's first line to its exit code. The one exhibit of the process. */
int exhibit_main(struct exhibit *exhibit, int argc, char **argv);

/* From now on fd is non-blocking, and sends this process SIGIO. False: errno says why not. */
bool exhibit_arm(int fd);

/* Counts and prints the result of a recv(): `size`, and errno if it is negative. */
void exhibit_take(struct exhibit *exhibit, const char *data, long size);

#endif
