/* SPDX-License-Identifier: MIT */
/* spin.h - whom a spinning loop asks in person: the stream that was heard last. */
#ifndef IOLOOP_SPIN_H
#define IOLOOP_SPIN_H

#include "ioloop.h"

struct ioloop__hunch {
  /* NULL: nobody. Try to read, without waiting. true: it did, and what came (or the end, or an
   * error) is to be handed over by the handler of `fd`, which the loop calls for IOLOOP_READ right
   * after; nothing else happens in between. Only where that handler is sure to be called. */
  bool (*fetch)(void *arg);
  void *arg;
  int fd;

  /* For the one who fetched, until its handler has been called. */
  bool fetched;
  ptrdiff_t result;
};

/* To be filled in by who hears something; NULL: the loop does not spin. The loop's thread. */
struct ioloop__hunch *ioloop__hunch(struct ioloop *loop);

#endif
