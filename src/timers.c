/* SPDX-License-Identifier: MIT */
#include "timers.h"

#include <errno.h>
#include <stdlib.h>

/* Positions of nodes that are in use and not in the heap. */
static const uint32_t position_due = UINT32_MAX;         /* collected, not called yet */
static const uint32_t position_calling = UINT32_MAX - 1; /* a periodic one, inside its function */
static const uint32_t no_node = UINT32_MAX;

typedef struct ioloop__timer_entry entry;

static ioloop_timeout make_handle(const struct ioloop__timers *timers, uint32_t node) {
  return (uint64_t)timers->nodes[node].generation << 32 | node;
}

static struct ioloop__timer_node *find(struct ioloop__timers *timers, ioloop_timeout timeout) {
  uint32_t node = (uint32_t)timeout;
  if (node >= timers->capacity || timers->nodes[node].generation != timeout >> 32)
    return NULL;
  return &timers->nodes[node];
}

static inline bool before(entry a, entry b) {
  if (a.deadline != b.deadline)
    return a.deadline < b.deadline;
  return (int32_t)(a.sequence - b.sequence) < 0;
}

static inline void place(struct ioloop__timers *timers, uint32_t position, entry e) {
  timers->heap[position] = e;
  timers->nodes[e.node].position = position;
}

static inline void sift_up(struct ioloop__timers *timers, uint32_t position, entry e) {
  while (position > 0) {
    uint32_t parent = (position - 1) / 4;
    if (!before(e, timers->heap[parent]))
      break;
    place(timers, position, timers->heap[parent]);
    position = parent;
  }
  place(timers, position, e);
}

static inline uint32_t earliest_child(const struct ioloop__timers *timers, uint32_t first) {
  uint32_t end = first + 4 < timers->count ? first + 4 : timers->count;
  uint32_t best = first;
  for (uint32_t child = first + 1; child < end; child++)
    if (before(timers->heap[child], timers->heap[best]))
      best = child;
  return best;
}

static inline void sift_down(struct ioloop__timers *timers, uint32_t position, entry e) {
  for (;;) {
    uint32_t first = 4 * position + 1;
    if (first >= timers->count)
      break;
    uint32_t child = earliest_child(timers, first);
    if (!before(timers->heap[child], e))
      break;
    place(timers, position, timers->heap[child]);
    position = child;
  }
  place(timers, position, e);
}

static inline void sift(struct ioloop__timers *timers, uint32_t position, entry e) {
  if (position > 0 && before(e, timers->heap[(position - 1) / 4]))
    sift_up(timers, position, e);
  else
    sift_down(timers, position, e);
}

static int grow(struct ioloop__timers *timers) {
  if (timers->capacity > UINT32_MAX / 4)
    return -ENOMEM;
  uint32_t capacity = timers->capacity ? timers->capacity * 2 : 16;

  /* Each array on its own: one that grew while the next could not is merely larger. */
  void *heap = realloc(timers->heap, capacity * sizeof *timers->heap);
  if (!heap)
    return -ENOMEM;
  timers->heap = heap;
  void *due = realloc(timers->due, capacity * sizeof *timers->due);
  if (!due)
    return -ENOMEM;
  timers->due = due;
  struct ioloop__timer_node *nodes = realloc(timers->nodes, capacity * sizeof *nodes);
  if (!nodes)
    return -ENOMEM;
  timers->nodes = nodes;

  for (uint32_t i = timers->capacity; i < capacity; i++)
    nodes[i] = (struct ioloop__timer_node){.generation = 1,
                                           .position = i + 1 < capacity ? i + 1 : no_node};
  timers->free_node = timers->capacity; /* the list was empty: that is why we grow */
  timers->capacity = capacity;
  return 0;
}

static void free_node(struct ioloop__timers *timers, uint32_t node) {
  struct ioloop__timer_node *n = &timers->nodes[node];
  if (++n->generation == 0)
    n->generation = 1;
  n->position = timers->free_node;
  timers->free_node = node;
}

static void push(struct ioloop__timers *timers, uint32_t node, uint64_t deadline) {
  entry e = {.deadline = deadline, .sequence = timers->sequence++, .node = node};
  sift_up(timers, timers->count++, e);
}

static void take_out(struct ioloop__timers *timers, uint32_t position) {
  entry last = timers->heap[--timers->count];
  if (position < timers->count)
    sift(timers, position, last);
}

int ioloop__timers_add(struct ioloop__timers *timers, uint64_t deadline, uint64_t period,
                       ioloop_callback *fn, void *arg, ioloop_timeout *ret) {
  if (timers->capacity == 0 || timers->free_node == no_node) {
    int r = grow(timers);
    if (r)
      return r;
  }
  uint32_t node = timers->free_node;
  struct ioloop__timer_node *n = &timers->nodes[node];
  timers->free_node = n->position;
  n->fn = fn;
  n->arg = arg;
  n->period = period;
  push(timers, node, deadline);
  if (ret)
    *ret = make_handle(timers, node);
  return 0;
}

int ioloop__timers_update(struct ioloop__timers *timers, ioloop_timeout timeout,
                          uint64_t deadline) {
  struct ioloop__timer_node *n = find(timers, timeout);
  if (!n)
    return -ENOENT;
  uint32_t node = (uint32_t)timeout;
  if (n->position == position_due || n->position == position_calling) {
    push(timers, node, deadline);
    return 0;
  }
  entry e = {.deadline = deadline, .sequence = timers->sequence++, .node = node};
  sift(timers, n->position, e);
  return 0;
}

int ioloop__timers_remove(struct ioloop__timers *timers, ioloop_timeout timeout) {
  struct ioloop__timer_node *n = find(timers, timeout);
  if (!n)
    return -ENOENT;
  if (n->position != position_due && n->position != position_calling)
    take_out(timers, n->position);
  free_node(timers, (uint32_t)timeout);
  return 0;
}

uint32_t ioloop__timers_collect(struct ioloop__timers *timers, uint64_t now) {
  uint32_t due = 0;
  while (timers->count > 0 && timers->heap[0].deadline <= now) {
    entry first = timers->heap[0];
    take_out(timers, 0);
    timers->nodes[first.node].position = position_due;
    timers->due[due++] = (struct ioloop__timer_due){.timeout = make_handle(timers, first.node),
                                                    .deadline = first.deadline};
  }
  return due;
}

bool ioloop__timers_take(struct ioloop__timers *timers, ioloop_timeout timeout,
                         struct ioloop__call *call, uint64_t *period) {
  struct ioloop__timer_node *n = find(timers, timeout);
  if (!n || n->position != position_due)
    return false;
  *call = (struct ioloop__call){.fn = n->fn, .arg = n->arg};
  *period = n->period;
  if (n->period)
    n->position = position_calling;
  else
    free_node(timers, (uint32_t)timeout);
  return true;
}

void ioloop__timers_again(struct ioloop__timers *timers, struct ioloop__timer_due done,
                          uint64_t now) {
  struct ioloop__timer_node *n = find(timers, done.timeout);
  if (!n || n->position != position_calling)
    return;
  uint64_t missed = now > done.deadline ? (now - done.deadline) / n->period : 0;
  uint64_t next = done.deadline + (missed + 1) * n->period;
  if (next < done.deadline) /* past the end of the clock */
    next = UINT64_MAX;
  push(timers, (uint32_t)done.timeout, next);
}

void ioloop__timers_free(struct ioloop__timers *timers) {
  free(timers->heap);
  free(timers->nodes);
  free(timers->due);
}
