/* SPDX-License-Identifier: MIT */
/*
 * observe_completion.c - hears of operations by completion without streams or backend knowing it.
 *
 * Streams start operations through a table (backends/completion.h), and are told by a function that
 * each operation names. While a loop is observed its streams get a table of ours, which remembers
 * what was asked for, tells the observer, and puts a function of ours into the operation, which
 * tells the observer before it calls theirs. So nothing is tested for where nobody observes.
 *
 * What is remembered of an operation is in a hash table by its address, open, with linear probing.
 * Operations that were under way when an observer came are not told to it; those that are when it
 * goes still find their function here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct entry {
  struct ioloop__op *op; /* NULL: free */
  ioloop__done *done;    /* the owner's */
  const char *name;
  int fd;
  unsigned observer; /* the number of the one that knows of it: ioloop.observers */
};

struct ioloop__operations {
  struct entry *entries;
  size_t capacity, count; /* a power of two; at most half of it */
};

/* ---- what is remembered ------------------------------------------------------------------- */

static size_t place_of(const struct ioloop__operations *all, const struct ioloop__op *op) {
  uint64_t hash = (uint64_t)(uintptr_t)op * UINT64_C(0x9E3779B97F4A7C15);
  return (size_t)(hash >> 32) & (all->capacity - 1);
}

static struct entry *find(const struct ioloop__operations *all, const struct ioloop__op *op) {
  size_t at = place_of(all, op);
  while (all->entries[at].op && all->entries[at].op != op)
    at = (at + 1) & (all->capacity - 1);
  return &all->entries[at];
}

static bool grow(struct ioloop__operations *all) {
  struct ioloop__operations larger = {.capacity = all->capacity ? all->capacity * 2 : 64};
  larger.entries = calloc(larger.capacity, sizeof *larger.entries);
  if (!larger.entries)
    return false;
  for (size_t i = 0; i < all->capacity; i++)
    if (all->entries[i].op)
      *find(&larger, all->entries[i].op) = all->entries[i];
  larger.count = all->count;
  free(all->entries);
  *all = larger;
  return true;
}

/* Whoever stands behind the gap and could not be found across it moves into it. */
static void forget(struct ioloop__operations *all, struct entry *entry) {
  size_t mask = all->capacity - 1, gap = (size_t)(entry - all->entries);
  for (size_t at = (gap + 1) & mask; all->entries[at].op; at = (at + 1) & mask) {
    size_t home = place_of(all, all->entries[at].op);
    if (((at - home) & mask) < ((at - gap) & mask))
      continue;
    all->entries[gap] = all->entries[at];
    gap = at;
  }
  all->entries[gap].op = NULL;
  all->count--;
}

/* ---- between the owner and the backend ---------------------------------------------------- */

static void done(struct ioloop *loop, struct ioloop__op *op, int result, void *data, bool more) {
  struct entry *found = find(loop->operations, op), entry = *found;
  if (!more) {
    op->done = entry.done; /* it may be started again, or be gone, when that returns */
    forget(loop->operations, found);
  }
  if (loop->observer.completed && entry.observer == loop->observers)
    loop->observer.completed(loop->observer_arg, entry.name, entry.fd, result, more);
  entry.done(loop, op, result, data, more);
}

/* To be called before the operation is started: it must not fail after that. */
static bool remember(struct ioloop *loop, struct ioloop__op *op, const char *name, int fd) {
  struct ioloop__operations *all = loop->operations;
  if (all->count * 2 >= all->capacity && !grow(all))
    return false; /* it goes on untold */
  *find(all, op) = (struct entry){
      .op = op, .done = op->done, .name = name, .fd = fd, .observer = loop->observers};
  all->count++;
  op->done = done;
  return true;
}

static int begun(struct ioloop *loop, struct ioloop__op *op, size_t size, bool told, int error) {
  struct entry *entry = told ? find(loop->operations, op) : NULL;
  if (entry && error) {
    op->done = entry->done;
    forget(loop->operations, entry);
  } else if (entry && loop->observer.submitted) {
    loop->observer.submitted(loop->observer_arg, entry->name, entry->fd, size);
  }
  return error;
}

static const struct ioloop_completion *table_of(const struct ioloop *loop) {
  return loop->backend->completion;
}

static int accept_observed(void *state, struct ioloop__op *op, int fd, bool blocking,
                           bool forever) {
  struct ioloop *loop = state;
  bool told = remember(loop, op, "accept", fd);
  return begun(loop, op, 0, told, table_of(loop)->accept(loop->state, op, fd, blocking, forever));
}

static int receive_observed(void *state, struct ioloop__op *op, int fd) {
  struct ioloop *loop = state;
  bool told = remember(loop, op, "recv", fd);
  return begun(loop, op, 0, told, table_of(loop)->receive(loop->state, op, fd));
}

static int send_observed(void *state, struct ioloop__op *op, int fd, const void *data, size_t size,
                         bool quiet) {
  struct ioloop *loop = state;
  bool told = remember(loop, op, "send", fd);
  return begun(loop, op, size, told, table_of(loop)->send(loop->state, op, fd, data, size, quiet));
}

static int receive_datagrams_observed(void *state, struct ioloop__op *op, int fd) {
  struct ioloop *loop = state;
  bool told = remember(loop, op, "recvmsg", fd);
  return begun(loop, op, 0, told, table_of(loop)->receive_datagrams(loop->state, op, fd));
}

static int send_datagram_observed(void *state, struct ioloop__op *op, int fd,
                                  const struct msghdr *message) {
  struct ioloop *loop = state;
  bool told = remember(loop, op, "sendmsg", fd);
  return begun(loop, op, message->msg_iov->iov_len, told,
               table_of(loop)->send_datagram(loop->state, op, fd, message));
}

static void hurry_observed(void *state) {
  struct ioloop *loop = state;
  table_of(loop)->hurry(loop->state);
}

static void stop_observed(void *state, struct ioloop__op *op) {
  struct ioloop *loop = state;
  table_of(loop)->stop(loop->state, op);
}

static void cancel_observed(struct ioloop *loop, void *state, struct ioloop__op *op) {
  (void)state;
  table_of(loop)->cancel(loop, loop->state, op);
}

static void submit_observed(void *state) {
  struct ioloop *loop = state;
  table_of(loop)->submit(loop->state);
}

/* What only the core calls, it calls in the backend's. */
static const struct ioloop_completion observed = {
    .accept = accept_observed,
    .receive = receive_observed,
    .send = send_observed,
    .hurry = hurry_observed,
    .receive_datagrams = receive_datagrams_observed,
    .send_datagram = send_datagram_observed,
    .stop = stop_observed,
    .cancel = cancel_observed,
    .submit = submit_observed,
};

/* ---- coming and going --------------------------------------------------------------------- */

void ioloop__observe_completion(struct ioloop *loop, bool on) {
  if (!table_of(loop))
    return;
  if (on && !loop->operations)
    loop->operations = calloc(1, sizeof *loop->operations);
  on = on && loop->operations; /* no memory: operations go on untold */
  loop->completer.table = on ? &observed : table_of(loop);
  loop->completer.state = on ? (void *)loop : loop->state;
}

void ioloop__observe_completion_free(struct ioloop *loop) {
  if (loop->operations)
    free(loop->operations->entries);
  free(loop->operations);
}
