/* SPDX-License-Identifier: MIT */
/* crowd.h - 1,000 pipes with a byte to read each, which is left unread, and the calls of each one's
 * handler. */
#ifndef CROWD_H
#define CROWD_H

#include "support.h"

enum {
  CROWD = 1000
};

struct crowd {
  int pairs[CROWD][2];
  unsigned calls[CROWD];
};

static inline void crowd_count(struct ioloop *loop, int fd, unsigned events, void *arg) {
  (void)loop, (void)fd, (void)events;
  ++*(unsigned *)arg;
}

static inline void crowd_send(struct crowd *crowd) {
  for (int i = 0; i < CROWD; i++)
    put(crowd->pairs[i][1], 1);
}

static inline void crowd_begin(struct crowd *crowd) {
  *crowd = (struct crowd){0};
  need_descriptors(2 * CROWD + 50);
  for (int i = 0; i < CROWD; i++)
    make_pair(PIPE, crowd->pairs[i]);
  crowd_send(crowd);
}

static inline void crowd_add(struct ioloop *loop, struct crowd *crowd) {
  for (int i = 0; i < CROWD; i++)
    CHECK_OK(
        ioloop_add_handler(loop, crowd->pairs[i][0], IOLOOP_READ, crowd_count, &crowd->calls[i]));
}

static inline void crowd_end(struct ioloop *loop, struct crowd *crowd) {
  test_loop_free(loop);
  for (int i = 0; i < CROWD; i++)
    close_pair(crowd->pairs[i]);
}

static inline unsigned crowd_least(const struct crowd *crowd) {
  unsigned least = crowd->calls[0];
  for (int i = 1; i < CROWD; i++)
    least = crowd->calls[i] < least ? crowd->calls[i] : least;
  return least;
}

static inline unsigned crowd_most(const struct crowd *crowd) {
  unsigned most = crowd->calls[0];
  for (int i = 1; i < CROWD; i++)
    most = crowd->calls[i] > most ? crowd->calls[i] : most;
  return most;
}

#endif
