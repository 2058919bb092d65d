/* SPDX-License-Identifier: MIT */
/* pollset.c - see pollset.h. Shared by poll, sigio, rtsig, epoll-et and nonblocking. */
#include "pollset.h"

#include <limits.h>
#include <stdlib.h>
#include <time.h>

_Static_assert(IOLOOP_READ == POLLIN && IOLOOP_WRITE == POLLOUT &&
                   IOLOOP_ERROR == (POLLERR | POLLHUP),
               "masks need no translation, here and in the other backends");

static inline int poll_ms(struct ioloop *loop, struct pollfd *fds, uint32_t count, int timeout_ms) {
  uint64_t begun = ioloop__call_begins(loop);
  int n = poll(fds, (nfds_t)count, timeout_ms);
  return ioloop__call_returned(loop, "poll", -1, n, begun);
}

#ifdef __APPLE__
/* Milliseconds, rounded up: the last fraction must not become a busy loop. */
static int poll_timed(struct ioloop *loop, struct pollfd *fds, uint32_t count,
                      uint64_t timeout_ns) {
  uint64_t ms = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);
  return poll_ms(loop, fds, count, ms < INT_MAX ? (int)ms : INT_MAX);
}
#else
static int poll_timed(struct ioloop *loop, struct pollfd *fds, uint32_t count,
                      uint64_t timeout_ns) {
  struct timespec timeout = ioloop__timespec(timeout_ns);
  uint64_t begun = ioloop__call_begins(loop);
  int n = ppoll(fds, (nfds_t)count, &timeout, NULL);
  return ioloop__call_returned(loop, "ppoll", -1, n, begun);
}
#endif

/* *by_select: the number of descriptors was over RLIMIT_NOFILE. */
static int poll_or_select(struct ioloop *loop, struct pollfd *fds, uint32_t count,
                          uint64_t timeout_ns, bool *by_select) {
  bool timed = timeout_ns != 0 && timeout_ns != IOLOOP_FOREVER;
  int n = timed ? poll_timed(loop, fds, count, timeout_ns)
                : poll_ms(loop, fds, count, timeout_ns ? -1 : 0);
  *by_select = n == -EINVAL;
  return *by_select ? ioloop__poll_by_select(loop, fds, count, timeout_ns) : n;
}

int ioloop__poll_ns(struct ioloop *loop, struct pollfd *fds, uint32_t count, uint64_t timeout_ns) {
  bool by_select;
  return poll_or_select(loop, fds, count, timeout_ns, &by_select);
}

static int poll_first(struct ioloop__pollset *set, uint32_t count, uint64_t timeout_ns) {
  return poll_or_select(set->loop, set->fds, count, timeout_ns, &set->by_select);
}

void ioloop__pollset_init(struct ioloop__pollset *set, struct ioloop *loop,
                          ioloop__pollset_poll *poll) {
  *set = (struct ioloop__pollset){.loop = loop, .poll = poll};
}

void ioloop__pollset_fini(struct ioloop *loop, void *state) {
  (void)loop;
  struct ioloop__pollset *set = state;
  free(set->fds);
  set->fds = NULL;
}

/* By a quarter: an idle descriptor must stay small. */
static int reserve(struct ioloop__pollset *set) {
  if (set->count < set->capacity)
    return 0;
  uint32_t capacity = set->capacity + set->capacity / 4 + 16;
  struct pollfd *fds = realloc(set->fds, capacity * sizeof *fds);
  if (!fds)
    return -ENOMEM;
  set->fds = fds;
  set->capacity = capacity;
  return 0;
}

static void put(struct ioloop__pollset *set, uint32_t index, struct pollfd entry) {
  set->fds[index] = entry;
  struct ioloop__place *place = ioloop__slot(set->loop, entry.fd);
  place->index = index + 1;
}

static void swap(struct ioloop__pollset *set, uint32_t a, uint32_t b) {
  if (a == b)
    return;
  struct pollfd entry = set->fds[a];
  put(set, a, set->fds[b]);
  put(set, b, entry);
}

/* If the entry is left of the border, take it to the right; returns where it is then. */
static uint32_t cross(struct ioloop__pollset *set, uint32_t index, uint32_t *border) {
  if (index >= *border)
    return index;
  --*border;
  swap(set, index, *border);
  return *border;
}

/* Out of the snapshot, if it is in it and waits to be reported. */
static uint32_t leave_snapshot(struct ioloop__pollset *set, uint32_t index) {
  if (index < set->cursor || index >= set->polled)
    return index;
  if (set->fds[index].revents)
    set->left--;
  set->fds[index].revents = 0;
  return cross(set, index, &set->polled);
}

static void end_snapshot(struct ioloop__pollset *set) {
  set->cursor = set->polled = set->fixed;
  set->left = 0;
}

static void heat(struct ioloop__pollset *set, uint32_t index) {
  if (index < set->hot)
    return;
  set->fds[index].revents = 0;
  swap(set, index, set->hot++);
}

int ioloop__pollset_add_fixed(struct ioloop__pollset *set, int fd) {
  int r = reserve(set);
  if (r)
    return r;
  set->fds[set->count++] = (struct pollfd){.fd = fd, .events = POLLIN};
  set->fixed = set->cursor = set->polled = set->hot = set->count;
  return 0;
}

int ioloop__pollset_add(struct ioloop__pollset *set, int fd, short events,
                        struct ioloop__place *place) {
  int r = reserve(set);
  if (r)
    return r;
  place->index = set->count + 1;
  set->fds[set->count] = (struct pollfd){.fd = fd, .events = events};
  heat(set, set->count++);
  return 0;
}

void ioloop__pollset_change(struct ioloop__pollset *set, short events,
                            const struct ioloop__place *place) {
  uint32_t index = leave_snapshot(set, place->index - 1);
  set->fds[index].events = events;
  heat(set, index);
}

int ioloop__pollset_modify(struct ioloop *loop, void *state, uint64_t token, unsigned old,
                           unsigned now, void *slot) {
  (void)loop;
  struct ioloop__pollset *set = state;
  int fd = (int)(uint32_t)token;
  int r = old ? 0 : ioloop__check_fd(fd);
  if (r)
    return r;
  if (!old)
    return ioloop__pollset_add(set, fd, (short)now, slot);
  if (now)
    ioloop__pollset_change(set, (short)now, slot);
  else
    ioloop__pollset_remove(set, slot);
  return 0;
}

void ioloop__pollset_remove(struct ioloop__pollset *set, struct ioloop__place *place) {
  uint32_t index = leave_snapshot(set, place->index - 1);
  index = cross(set, index, &set->cursor);
  index = cross(set, index, &set->polled);
  index = cross(set, index, &set->hot);
  cross(set, index, &set->count);
  place->index = 0;
}

bool ioloop__pollset_hint(struct ioloop__pollset *set, int fd) {
  const struct ioloop__place *place = ioloop__slot(set->loop, fd);
  if (place->index)
    heat(set, place->index - 1);
  return place->index;
}

void ioloop__pollset_cool(struct ioloop__pollset *set) {
  if (set->by_select)
    return;
  for (uint32_t i = set->cursor; i < set->polled;) {
    if (set->fds[i].revents || set->fds[i].events & IOLOOP__PINNED) {
      i++;
    } else {
      uint32_t index = cross(set, i, &set->polled);
      cross(set, index, &set->hot);
    }
  }
}

int ioloop__pollset_answer(struct ioloop__pollset *set, uint32_t from, uint32_t count, int n) {
  end_snapshot(set);
  if (n < 0)
    return n;
  if (from > set->cursor)
    set->cursor = from;
  set->polled = from + count;
  set->left = (uint32_t)n;
  for (uint32_t i = from; i < set->fixed; i++)
    if (set->fds[i].revents)
      set->left--;
  return n;
}

int ioloop__pollset_poll_hot(struct ioloop__pollset *set, uint64_t timeout_ns) {
  int n = poll_first(set, set->hot, timeout_ns);
  n = ioloop__pollset_answer(set, 0, set->hot, n);
  if (n < 0)
    return n;
  ioloop__pollset_cool(set);
  return 0;
}

int ioloop__pollset_poll_all(struct ioloop__pollset *set, uint64_t timeout_ns) {
  int n = poll_first(set, set->count, timeout_ns);
  for (uint32_t i = set->hot; n > 0 && i < set->count; i++)
    if (set->fds[i].revents)
      swap(set, i, set->hot++);
  n = ioloop__pollset_answer(set, 0, set->hot, n);
  return n < 0 ? n : 0;
}

void ioloop__pollset_presume_ready(struct ioloop__pollset *set) {
  for (uint32_t i = set->fixed; i < set->count; i++)
    set->fds[i].revents = set->fds[i].events;
  ioloop__pollset_answer(set, 0, set->count, (int)(set->count - set->fixed));
}

bool ioloop__pollset_gone(struct ioloop__pollset *set, int fd) {
  if (!ioloop__is_closed(fd))
    return false; /* macOS: a device that poll cannot watch */
  ioloop__fd_gone(set->loop, fd);
  return true;
}

static int report(struct ioloop__pollset *set, struct ioloop_ready *ready, int capacity) {
  int n = 0;
  while (set->left && set->cursor < set->polled && n < capacity) {
    struct pollfd entry = set->fds[set->cursor++];
    if (!entry.revents)
      continue;
    set->left--;
    if (entry.revents & POLLNVAL && ioloop__pollset_gone(set, entry.fd))
      continue;
    unsigned events = (unsigned)entry.revents & (IOLOOP_READ | IOLOOP_WRITE | IOLOOP_ERROR);
    if (entry.revents & POLLNVAL)
      events = IOLOOP_ERROR;
    ready[n++] =
        (struct ioloop_ready){.token = ioloop__token(set->loop, entry.fd), .events = events};
  }
  set->served = set->cursor;
  if (!set->left || set->cursor == set->polled)
    end_snapshot(set);
  return n;
}

int ioloop__pollset_wait(struct ioloop *loop, void *state, uint64_t timeout_ns,
                         struct ioloop_ready *ready, int capacity) {
  (void)loop;
  struct ioloop__pollset *set = state;
  int r = set->left ? 0 : set->poll(set, timeout_ns);
  return r < 0 ? r : report(set, ready, capacity);
}
