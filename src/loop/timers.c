/* SPDX-License-Identifier: MIT */
/* timers.c - the heap and its nodes; timers.h says why they are made so. */
#include "timers.h"

#include <errno.h>
#include <stdlib.h>

#include "platform.h"

/* Positions of nodes that are in use and not in the heap. */
enum {
  POSITION_DUE = -1,     /* collected, not called yet */
  POSITION_CALLING = -2, /* a periodic one, inside its function */
};

typedef struct ioloop__timer_entry entry;

static ioloop_timeout make_handle(const struct ioloop__timers *timers, uint32_t node) {
  return (uint64_t)timers->nodes[node].generation << 32 | node;
}

static inline struct ioloop__timer_node *find(struct ioloop__timers *timers,
                                              ioloop_timeout timeout) {
  uint32_t node = (uint32_t)timeout;
  if (node >= timers->used || timers->nodes[node].generation != timeout >> 32)
    return NULL;
  return &timers->nodes[node];
}

static inline bool in_heap(const struct ioloop__timer_node *node) {
  return (int32_t)node->position >= 0;
}

static inline bool before(entry a, entry b) {
  if (a.deadline != b.deadline)
    return a.deadline < b.deadline;
  return (int64_t)(a.order - b.order) < 0;
}

static inline void place(struct ioloop__timers *timers, uint32_t position, entry e) {
  timers->heap[position] = e;
  timers->nodes[(uint32_t)e.order].position = position;
}

__attribute__((noinline)) static void sift_up(struct ioloop__timers *timers, uint32_t position,
                                              entry e) {
  while (position > 0) {
    uint32_t parent = (position - 1) / 4;
    entry above = timers->heap[parent];
    if (!before(e, above))
      break;
    place(timers, position, above);
    position = parent;
  }
  place(timers, position, e);
}

static inline const entry *earliest(const entry *child, uint32_t count) {
  const entry *best = child;
  for (uint32_t i = 1; i < count && i < 4; i++)
    if (before(child[i], *best))
      best = &child[i];
  return best;
}

/* Out of line, like sift_up: three of four positions are leaves, where neither is called, and
 * saving registers for them would cost more than the rest. */
__attribute__((noinline)) static void sift_down(struct ioloop__timers *timers, uint32_t position,
                                                entry e) {
  uint32_t first;
  while ((first = 4 * position + 1) < timers->count) {
    const entry *child = earliest(&timers->heap[first], timers->count - first);
    if (!before(*child, e))
      break;
    place(timers, position, *child);
    position = (uint32_t)(child - timers->heap);
  }
  place(timers, position, e);
}

static inline bool above_parent(const struct ioloop__timers *timers, uint32_t position, entry e) {
  return position > 0 && before(e, timers->heap[(position - 1) / 4]);
}

/* Put an entry where it belongs, beginning at a free position. */
static inline void settle(struct ioloop__timers *timers, uint32_t position, entry e) {
  if (above_parent(timers, position, e))
    sift_up(timers, position, e);
  else if (4 * position + 1 < timers->count)
    sift_down(timers, position, e);
  else
    place(timers, position, e);
}

__attribute__((noinline)) static int grow(struct ioloop__timers *timers) {
  if (timers->capacity > INT32_MAX / 2)
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
  void *nodes = realloc(timers->nodes, capacity * sizeof *timers->nodes);
  if (!nodes)
    return -ENOMEM;
  timers->nodes = nodes;

  timers->capacity = capacity;
  return 0;
}

static inline int take_node(struct ioloop__timers *timers, uint32_t *ret) {
  if (timers->free_node) {
    *ret = timers->free_node - 1;
    timers->free_node = timers->nodes[*ret].position;
    return 0;
  }
  if (timers->used == timers->capacity) {
    int r = grow(timers);
    if (r)
      return r;
  }
  *ret = timers->used++;
  timers->nodes[*ret].generation = 1;
  return 0;
}

static inline void free_node(struct ioloop__timers *timers, uint32_t node) {
  struct ioloop__timer_node *n = &timers->nodes[node];
  if (++n->generation == 0)
    n->generation = 1;
  n->position = timers->free_node;
  timers->free_node = node + 1;
}

static inline entry make_entry(struct ioloop__timers *timers, uint32_t node, uint64_t deadline) {
  return (entry){.deadline = deadline, .order = (uint64_t)timers->sequence++ << 32 | node};
}

static void push(struct ioloop__timers *timers, uint32_t node, uint64_t deadline) {
  entry e = make_entry(timers, node, deadline);
  uint32_t last = timers->count++;
  if (above_parent(timers, last, e))
    sift_up(timers, last, e);
  else
    place(timers, last, e);
}

static void take_out(struct ioloop__timers *timers, uint32_t position) {
  entry last = timers->heap[--timers->count];
  if (position < timers->count)
    settle(timers, position, last);
}

int ioloop__timers_add(struct ioloop__timers *timers, uint64_t deadline, uint64_t period,
                       ioloop_callback_fn *fn, void *arg, ioloop_timeout *ret) {
  uint32_t node;
  int r = take_node(timers, &node);
  if (r)
    return r;
  struct ioloop__timer_node *n = &timers->nodes[node];
  n->fn = fn;
  n->arg = arg;
  n->period = period;
  if (ret)
    *ret = make_handle(timers, node);
  push(timers, node, deadline);
  return 0;
}

int ioloop__timers_update(struct ioloop__timers *timers, ioloop_timeout timeout,
                          uint64_t deadline) {
  struct ioloop__timer_node *n = find(timers, timeout);
  if (!n)
    return -ENOENT;
  uint32_t node = (uint32_t)timeout;
  if (in_heap(n))
    settle(timers, n->position, make_entry(timers, node, deadline));
  else
    push(timers, node, deadline);
  return 0;
}

int ioloop__timers_remove(struct ioloop__timers *timers, ioloop_timeout timeout) {
  struct ioloop__timer_node *n = find(timers, timeout);
  if (!n)
    return -ENOENT;
  uint32_t position = n->position;
  bool queued = in_heap(n);
  free_node(timers, (uint32_t)timeout);
  if (queued)
    take_out(timers, position);
  return 0;
}

uint32_t ioloop__timers_collect(struct ioloop__timers *timers, uint64_t now) {
  timers->collected = timers->called = 0;
  while (timers->count > 0 && timers->heap[0].deadline <= now) {
    entry first = timers->heap[0];
    uint32_t node = (uint32_t)first.order;
    take_out(timers, 0);
    timers->nodes[node].position = (uint32_t)POSITION_DUE;
    timers->due[timers->collected++] = (struct ioloop__timer_due){
        .timeout = make_handle(timers, node), .deadline = first.deadline};
  }
  return timers->collected;
}

bool ioloop__timers_take(struct ioloop__timers *timers, ioloop_timeout timeout,
                         struct ioloop__call *call, uint64_t *period) {
  struct ioloop__timer_node *n = find(timers, timeout);
  if (!n || n->position != (uint32_t)POSITION_DUE)
    return false;
  *call = (struct ioloop__call){.fn = n->fn, .arg = n->arg};
  *period = n->period;
  if (n->period)
    n->position = (uint32_t)POSITION_CALLING;
  else
    free_node(timers, (uint32_t)timeout);
  return true;
}

void ioloop__timers_again(struct ioloop__timers *timers, struct ioloop__timer_due done,
                          uint64_t now) {
  struct ioloop__timer_node *n = find(timers, done.timeout);
  if (!n || n->position != (uint32_t)POSITION_CALLING)
    return;
  uint64_t missed = now > done.deadline ? (now - done.deadline) / n->period : 0;
  uint64_t next = done.deadline + (missed + 1) * n->period;
  if (next < done.deadline) /* past the end of the clock */
    next = UINT64_MAX;
  push(timers, (uint32_t)done.timeout, next);
}

static void push_again(struct ioloop__timers *timers, struct ioloop__timer_due due) {
  struct ioloop__timer_node *n = find(timers, due.timeout);
  if (n && n->position == (uint32_t)POSITION_DUE)
    push(timers, (uint32_t)due.timeout, due.deadline);
}

void ioloop__timers_put_back(struct ioloop__timers *timers) {
  uint32_t collected = timers->collected;
  timers->collected = 0;
  if (collected && timers->called)
    ioloop__timers_again(timers, timers->due[timers->called - 1], ioloop__now());
  for (uint32_t i = timers->called; i < collected; i++)
    push_again(timers, timers->due[i]);
}

void ioloop__timers_free(struct ioloop__timers *timers) {
  free(timers->heap);
  free(timers->nodes);
  free(timers->due);
}
