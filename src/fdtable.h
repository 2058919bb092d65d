/* SPDX-License-Identifier: MIT */
/* fdtable.h - who is registered for which descriptor, and what the backend knows of it. */
#ifndef IOLOOP_FDTABLE_H
#define IOLOOP_FDTABLE_H

#include "ioloop.h"

enum {
  IOLOOP__DIRTY = 1 << 0,  /* on the list of changes to flush before the wait */
  IOLOOP__ZOMBIE = 1 << 1, /* removed, but a tagged backend was not told: see backend.h */
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

/* A report that no one asked for. `generation` is that of its token. Returns with nothing done
 * but counting, or with the kernel's left-over entry removed, or with a rebuild noted. */
void ioloop__fdtable_unwanted(struct ioloop *loop, int fd, uint32_t generation);

/* Empty the kernel's set and fill it again. */
void ioloop__fdtable_rebuild(struct ioloop *loop);

/* Have an untagged backend let go of every descriptor, before its fini. */
void ioloop__fdtable_disarm(struct ioloop *loop);

void ioloop__fdtable_free(struct ioloop *loop);

#endif
