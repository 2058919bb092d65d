/* SPDX-License-Identifier: MIT */
/* fdtable.h - the registered descriptors, and what the backend knows about each. */
#ifndef IOLOOP_FDTABLE_H
#define IOLOOP_FDTABLE_H

#include "ioloop.h"

enum {
  IOLOOP__DIRTY = 1 << 0, /* on the list of changes that is flushed before the wait */
};

/* One registration; 32 bytes, so that finding one is a shift. */
struct ioloop__fd {
  ioloop_handler *handler; /* NULL: not registered */
  void *arg;
  uint32_t generation; /* of the token that the backend has */
  int next_dirty;      /* next on the list of changes */
  uint8_t wanted;      /* mask the program asked for, plus ERROR unless it is empty */
  uint8_t armed;       /* mask that the backend watches, without ERROR */
  uint8_t flags;
};

struct ioloop__fdtable {
  struct ioloop__fd *fds; /* indexed by descriptor */
  char *slots;            /* slot_size bytes per descriptor, owned by the backend */
  int size;
  int registered;
  unsigned dirty; /* number of descriptors on the list of changes */
  int first_dirty;
};

/* Add a handler whose reports the backend generates itself: the descriptor is not passed to the
 * backend. */
int ioloop__fdtable_add_unarmed(struct ioloop *loop, int fd, ioloop_handler *handler);

/* Pass changed masks to the backend. */
void ioloop__fdtable_flush(struct ioloop *loop);

/* A report for which there is no handler: count it, and pass it to a backend that wants to know. */
void ioloop__fdtable_unwanted(struct ioloop *loop, uint64_t token);

/* Remove every descriptor from the backend, before its fini. */
void ioloop__fdtable_disarm(struct ioloop *loop);

void ioloop__fdtable_free(struct ioloop *loop);

#endif
