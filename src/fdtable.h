/* SPDX-License-Identifier: MIT */
/* fdtable.h - who is registered for which descriptor, and what the backend knows of it. */
#ifndef IOLOOP_FDTABLE_H
#define IOLOOP_FDTABLE_H

#include "ioloop.h"

enum {
  IOLOOP__DIRTY = 1 << 0, /* on the list of changes to flush before the wait */
};

/* One registration; 32 bytes, so that finding one is a shift. */
struct ioloop__fd {
  ioloop_handler *handler; /* NULL: not registered */
  void *arg;
  uint32_t generation; /* of the token that the backend has */
  int next_dirty;      /* next on the list of changes */
  uint8_t wanted;      /* mask that the user asked for, ERROR added unless it is empty */
  uint8_t armed;       /* mask that the backend watches, without ERROR */
  uint8_t flags;
};

struct ioloop__fdtable {
  struct ioloop__fd *fds; /* indexed by descriptor */
  char *slots;            /* slot_size bytes a descriptor, the backend's own */
  int size;
  int registered;
  unsigned dirty; /* how many are on the list of changes */
  int first_dirty;
};

/* A handler whose reports the backend makes up: it is not told of the descriptor. */
int ioloop__fdtable_add_unarmed(struct ioloop *loop, int fd, ioloop_handler *handler);

/* Take changed masks to the backend. */
void ioloop__fdtable_flush(struct ioloop *loop);

/* A report for which there is no handler: counted, and passed to a backend that wants to know. */
void ioloop__fdtable_unwanted(struct ioloop *loop, uint64_t token);

/* Make the backend let go of every descriptor, before its fini. */
void ioloop__fdtable_disarm(struct ioloop *loop);

void ioloop__fdtable_free(struct ioloop *loop);

#endif
