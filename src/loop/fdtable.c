/* SPDX-License-Identifier: MIT */
/*
 * fdtable.c - registrations: the public calls, and how changes reach the backend.
 *
 * Each descriptor has two masks: the events that its owner wants and the events that the backend
 * watches ("wanted" and "armed", after libuv's pevents and events). An addition goes to the backend
 * at once, so that add_handler itself fails for a descriptor that cannot be watched. A change of
 * mask only puts the number on a list that is flushed before the next wait, so that changes which
 * cancel out cost nothing.
 *
 * A removal goes to the backend at once too, while the descriptor is still open. Once it is closed,
 * a kernel that keeps a set cannot find the entry by its number, and drops the entry by itself only
 * if no dup and no child keeps the file open. (Leaving the removal to close() would save a system
 * call per connection, but cost a new set for each connection that another process holds.) A report
 * in the current batch may still name a descriptor that was removed. Tokens carry a generation, so
 * that such a report never reaches a later owner of the number.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

static const unsigned valid_events = IOLOOP_READ | IOLOOP_WRITE;

static uint64_t make_token(uint32_t generation, int fd) {
  return (uint64_t)generation << 32 | (uint32_t)fd;
}

static uint8_t with_error(unsigned events) {
  return (uint8_t)(events ? events | IOLOOP_ERROR : 0);
}

static struct ioloop__fd *find(const struct ioloop *loop, int fd) {
  if (fd < 0 || fd >= loop->table.size || !loop->table.fds[fd].handler)
    return NULL;
  return &loop->table.fds[fd];
}

uint64_t ioloop__token(const struct ioloop *loop, int fd) {
  return make_token(loop->table.fds[fd].generation, fd);
}

void *ioloop__slot(const struct ioloop *loop, int fd) {
  return loop->table.slots + (size_t)fd * loop->backend->slot_size;
}

/* Grow by a quarter: the table is as large as the highest number, and must stay small per
 * descriptor. */
static int grow(struct ioloop *loop, int fd) {
  struct ioloop__fdtable *table = &loop->table;
  int size = table->size + table->size / 4 + 32;
  if (size <= fd)
    size = fd + 1;

  struct ioloop__fd *fds = realloc(table->fds, (size_t)size * sizeof *fds);
  if (!fds)
    return -ENOMEM;
  table->fds = fds;

  size_t slot_size = loop->backend->slot_size;
  if (slot_size) {
    char *slots = realloc(table->slots, (size_t)size * slot_size);
    if (!slots)
      return -ENOMEM;
    table->slots = slots;
    memset(slots + (size_t)table->size * slot_size, 0, (size_t)(size - table->size) * slot_size);
  }
  memset(fds + table->size, 0, (size_t)(size - table->size) * sizeof *fds);
  table->size = size;
  return 0;
}

static int modify(struct ioloop *loop, int fd, unsigned now) {
  struct ioloop__fd *entry = &loop->table.fds[fd];
  loop->metrics.modifies++;
  int r = loop->backend->modify(loop, loop->state, ioloop__token(loop, fd), entry->armed, now,
                                ioloop__slot(loop, fd));
  if (r == 0)
    entry->armed = (uint8_t)now;
  return r;
}

/* Make the backend watch a descriptor for an owner for which it is not watched yet. */
static int arm(struct ioloop *loop, int fd, unsigned events) {
  struct ioloop__fd *entry = &loop->table.fds[fd];
  /* Before the call, because some backends rebuild tokens: the one they report must be current. */
  entry->generation++;
  return modify(loop, fd, events);
}

static void mark_dirty(struct ioloop *loop, int fd) {
  struct ioloop__fd *entry = &loop->table.fds[fd];
  if (entry->dirty)
    return;
  entry->dirty = true;
  entry->next_dirty = loop->table.first_dirty;
  loop->table.first_dirty = fd;
  loop->table.dirty++;
}

int ioloop_add_handler(struct ioloop *loop, int fd, unsigned events, ioloop_handler_fn *handler,
                       void *arg) {
  if (ioloop__inherited(loop))
    return -ECHILD;
  if (!handler || events & ~valid_events)
    return -EINVAL;
  if (find(loop, fd))
    return -EEXIST;
  int r = 0;
  if (fd < 0 || fd >= loop->table.size || !events)
    r = ioloop__check_fd(fd); /* before an invalid number can determine the size of the table */
  if (!r && fd >= loop->table.size)
    r = grow(loop, fd);
  if (!r && events)
    r = arm(loop, fd, events);
  if (r)
    return r;

  struct ioloop__fd *entry = &loop->table.fds[fd];
  entry->handler = handler;
  entry->arg = arg;
  entry->wanted = with_error(events);
  if (++loop->table.registered > loop->ready_capacity)
    ioloop__set(loop, IOLOOP__CROWDED, true);
  return 0;
}

int ioloop__fdtable_add_unarmed(struct ioloop *loop, int fd, ioloop_handler_fn *handler) {
  int r = ioloop_add_handler(loop, fd, 0, handler, NULL);
  if (!r)
    loop->table.fds[fd].wanted = with_error(IOLOOP_READ);
  return r;
}

int ioloop_replace_handler(struct ioloop *loop, int fd, unsigned events, ioloop_handler_fn *handler,
                           void *arg) {
  if (ioloop__inherited(loop))
    return -ECHILD;
  if (!handler || events & ~valid_events)
    return -EINVAL;
  struct ioloop__fd *entry = find(loop, fd);
  if (!entry)
    return -ENOENT;

  /* A descriptor that is not armed for lack of memory waits for the next flush. */
  bool arm_now = !entry->armed && !entry->wanted;
  if (arm_now && events) {
    int r = arm(loop, fd, events);
    if (r)
      return r;
  }
  entry->handler = handler;
  entry->arg = arg;
  entry->wanted = with_error(events);
  /* Signal-driven backends need to know even of an unchanged mask: "look again" (backend.h). */
  if (!arm_now && (events != entry->armed || loop->backend->features & IOLOOP_F_SIGNAL_DRIVEN))
    mark_dirty(loop, fd);
  return 0;
}

int ioloop_update_handler(struct ioloop *loop, int fd, unsigned events) {
  struct ioloop__fd *entry = find(loop, fd);
  if (!entry)
    return ioloop__inherited(loop) ? -ECHILD : -ENOENT;
  return ioloop_replace_handler(loop, fd, events, entry->handler, entry->arg);
}

/* Remove a descriptor from the backend. */
static void disarm(struct ioloop *loop, int fd) {
  if (!loop->table.fds[fd].armed)
    return;
  modify(loop, fd, 0);
  loop->table.fds[fd].armed = 0;
}

static void forget(struct ioloop *loop, struct ioloop__fd *entry) {
  entry->handler = NULL;
  entry->wanted = 0;
  loop->table.registered--;
}

int ioloop_remove_handler(struct ioloop *loop, int fd) {
  if (ioloop__inherited(loop))
    return -ECHILD;
  struct ioloop__fd *entry = find(loop, fd);
  if (!entry)
    return -ENOENT;
  forget(loop, entry);
  disarm(loop, fd);
  return 0;
}

void ioloop__fd_gone(struct ioloop *loop, int fd) {
  struct ioloop__fd *entry = find(loop, fd);
  if (!entry)
    return;
  loop->metrics.abandoned++;
  forget(loop, entry);
  disarm(loop, fd);
}

/* Bring the mask that the backend watches up to date. */
static void apply(struct ioloop *loop, int fd) {
  struct ioloop__fd *entry = &loop->table.fds[fd];
  unsigned now = entry->wanted & valid_events;
  bool look_again = now && loop->backend->features & IOLOOP_F_SIGNAL_DRIVEN;
  if (!entry->handler || (now == entry->armed && !look_again))
    return;
  if (!now) {
    disarm(loop, fd);
    return;
  }
  int r = modify(loop, fd, now);
  if (r == -ENOENT) { /* closed without removal; the number now names another file */
    entry->armed = 0;
    r = arm(loop, fd, now);
  }
  if (ioloop__is_passing(r)) {
    disarm(loop, fd); /* the old interest would wake the loop for unwanted events */
    mark_dirty(loop, fd);
  } else if (r < 0) {
    ioloop__fd_gone(loop, fd); /* closed, or the number now names a file that cannot be watched */
  }
}

void ioloop__fdtable_flush(struct ioloop *loop) {
  int fd = loop->table.first_dirty;
  unsigned count = loop->table.dirty;
  loop->table.dirty = 0; /* changes that fail go on a new list */
  while (count-- > 0) {
    int next = loop->table.fds[fd].next_dirty;
    loop->table.fds[fd].dirty = false;
    apply(loop, fd);
    fd = next;
  }
}

int ioloop__taken_error(struct ioloop *loop, int fd) {
  return loop->backend->taken_error ? loop->backend->taken_error(loop, fd) : 0;
}

void ioloop__fdtable_unwanted(struct ioloop *loop, uint64_t token) {
  int fd = (int)(uint32_t)token;
  const struct ioloop__fd *entry = &loop->table.fds[fd];
  bool current = token == ioloop__token(loop, fd);
  if (current && entry->handler)
    loop->metrics.spurious++;
  else
    loop->metrics.stale++;
  if (loop->backend->stale && !(current && entry->armed))
    loop->backend->stale(loop, loop->state, token);
}

void ioloop__add_again(struct ioloop *loop) {
  for (int fd = 0; fd < loop->table.size; fd++) {
    struct ioloop__fd *entry = &loop->table.fds[fd];
    if (!entry->armed)
      continue;
    entry->armed = 0;
    apply(loop, fd);
  }
}

void ioloop__fdtable_disarm(struct ioloop *loop) {
  for (int fd = 0; fd < loop->table.size; fd++)
    disarm(loop, fd);
}

void ioloop__fdtable_free(struct ioloop *loop) {
  free(loop->table.fds);
  free(loop->table.slots);
}
