/* SPDX-License-Identifier: MIT */
/*
 * kqueue.c - the BSDs' one queue for everything (FreeBSD 4.1, macOS 10.3; kqueue(2)).
 *
 * A kqueue holds "knotes", each keyed by (ident, filter): descriptor 7 for EVFILT_READ, descriptor
 * 7 for EVFILT_WRITE, but also a timer, a signal, a child's exit. One call does everything:
 * kevent() takes a list of changes, applies them, waits, and fills a list of events - so that what
 * epoll does with a system call for each change and one to wait, costs one here. A knote is on a
 * list of active ones when its filter says so: a wait costs O(ready). Without EV_CLEAR, as here, it
 * goes back to the end of that list after its report: level-triggered, and each has its turn.
 *
 * What is done with it here
 *   - Adding is a call of its own, with EV_RECEIPT: "answer with the result of each change and take
 *     no events". So adding fails at once for a descriptor that cannot be watched. Other changes
 *     are collected and go with the next wait.
 *   - A knote belongs to the descriptor and not, as in epoll, to the open file: close() removes it
 *     whatever dups there are, and there are no ghosts. A removal before close() would be needless;
 *     but the descriptor may stay open, and libkqueue, which emulates all this with epoll, does not
 *     notice a close. So removals are made at once, together with the changes collected before.
 *   - Only filters that change are named. Adding one that exists is fine on the BSDs, and an error
 *     under libkqueue.
 *
 * Surprises
 *   - A descriptor that is ready for both is two events. They are joined into one report.
 *   - EV_EOF on a reader is the end of input; on a writer it means that there is no reader. Neither
 *     needs translation, as the filter is active then. An error of the socket is in fflags.
 *   - A filter may refuse: EPIPE for the writing end of a pipe without readers, at add. That is no
 *     reason to refuse the descriptor: a write would not block. It is reported as ready, and tried
 *     again in each wait, until the program has seen its write fail and let go.
 *   - Regular files can be watched, with a meaning of their own (EVFILT_READ is "not at the end").
 *     Refused, so that all models agree. What no filter exists for is -EPERM too.
 *   - A kqueue is not inherited by fork: its number is free in the child, perhaps another file's by
 *     the time that the child frees its copy of the loop, so it is not closed there. (libkqueue
 *     closes its own in the child.)
 *   - libkqueue reads SO_ERROR to fill fflags, which clears it: after a reset or a refused connect
 *     the program finds no error on the socket, only its end. It is kept for connecting streams
 *     (taken_error). And its epoll set has ghosts, as in epoll.c, if a program closes a descriptor
 *     before it removes it while a dup lives on.
 *   - EVFILT_USER could wake a wait without a pipe. The core's waker serves every model, costs one
 *     read for a wake-up, and works on systems without that filter: not used.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
/* After sys/types.h, on FreeBSD. */
#include <sys/event.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "backend.h"

enum {
  READ,
  WRITE,
  FILTERS,
  FIRST_ROOM = 64 /* events of a wait; it grows with the number of descriptors */
};

static const struct {
  short filter;
  unsigned event;
} filters[FILTERS] = {{EVFILT_READ, IOLOOP_READ}, {EVFILT_WRITE, IOLOOP_WRITE}};

struct state {
  int queue;
  struct kevent *changes; /* that wait for the next call */
  int pending, capacity;
  struct kevent *events; /* room for `room` that a wait takes */
  int room;
};

struct slot {
  uint32_t index; /* of its report, if it has one in this batch */
  uint16_t error; /* the last in fflags since it was added */
  uint8_t mask;   /* what is watched, or will be after the pending changes */
};

/* false: there is no memory for it. */
static bool grow_room(struct state *s, int room) {
  struct kevent *events =
      room > s->room ? realloc(s->events, (size_t)room * sizeof *events) : s->events;
  if (!events)
    return false;
  s->events = events;
  s->room = room > s->room ? room : s->room;
  return true;
}

static int open_queue(void) {
  int queue = kqueue();
  if (queue < 0)
    return -errno;
  if (fcntl(queue, F_SETFD, FD_CLOEXEC) < 0) {
    int error = errno;
    close(queue);
    return -error;
  }
  return queue;
}

static int init(struct ioloop *loop, void *state, const char *variant) {
  (void)loop, (void)variant;
  struct state *s = state;
  if (!grow_room(s, FIRST_ROOM))
    return -ENOMEM;
  s->queue = open_queue();
  if (s->queue >= 0)
    return 0;
  free(s->events);
  return s->queue;
}

/* The queue itself is not inherited: there is nothing to close. */
static void after_fork(struct ioloop *loop, void *state) {
  (void)loop;
  struct state *s = state;
  free(s->changes);
  free(s->events);
}

static void fini(struct ioloop *loop, void *state) {
  struct state *s = state;
  close(s->queue);
  after_fork(loop, state);
}

/* ---- changes ---------------------------------------------------------------------------- */

static struct kevent change_of(int fd, int filter, bool on) {
  struct kevent change;
  EV_SET(&change, (unsigned)fd, filters[filter].filter, on ? EV_ADD : EV_DELETE, 0, 0, NULL);
  return change;
}

static bool make_room(struct state *s) {
  if (s->pending + FILTERS <= s->capacity)
    return true;
  int capacity = s->capacity * 2 + 16;
  struct kevent *changes = realloc(s->changes, (size_t)capacity * sizeof *changes);
  if (!changes)
    return false;
  s->changes = changes;
  s->capacity = capacity;
  return true;
}

/* The change is still wanted but failed: queue it again. */
static bool try_again(struct ioloop *loop, struct state *s, const struct kevent *refused) {
  int fd = (int)refused->ident, filter = refused->filter == EVFILT_READ ? READ : WRITE;
  const struct slot *slot = ioloop__slot(loop, fd);
  if (!(slot->mask & filters[filter].event) || !make_room(s))
    return false;
  s->changes[s->pending++] = change_of(fd, filter, true);
  return true;
}

/* Apply what is pending, now. Returns the first error of the last `own` changes. The receipts take
 * the places of the changes, one for one. */
static int apply(struct ioloop *loop, struct state *s, int own) {
  const struct timespec at_once = {0};
  int count = s->pending;
  for (int i = 0; i < count; i++)
    s->changes[i].flags |= EV_RECEIPT;
  int n = kevent(s->queue, s->changes, count, s->changes, count, &at_once);
  int error = n < 0 ? -errno : 0;
  s->pending = 0;
  for (int i = 0; i < n; i++) {
    struct kevent receipt = s->changes[i];
    int result = (int)receipt.data;
    if (result == 0 || result == ENOENT) /* nothing to delete: closed since */
      continue;
    if (result == EPIPE || i < count - own)
      try_again(loop, s, &receipt);
    else if (!error)
      error = -result;
  }
  return error;
}

/* Put at the end of what is pending. Returns how many changes that are, or -ENOMEM. */
static int collect(struct state *s, int fd, unsigned old, unsigned now) {
  int count = 0;
  if (!make_room(s))
    return -ENOMEM;
  for (int i = 0; i < FILTERS; i++)
    if ((old ^ now) & filters[i].event) {
      s->changes[s->pending++] = change_of(fd, i, now & filters[i].event);
      count++;
    }
  return count;
}

static int add(struct ioloop *loop, struct state *s, int fd, unsigned mask) {
  int r = ioloop__check_fd(fd);
  if (r)
    return r;
  int own = collect(s, fd, 0, mask);
  r = own < 0 ? own : apply(loop, s, own);
  if (!r)
    return 0;
  if (collect(s, fd, mask, 0) > 0) /* the other filter may have been taken */
    apply(loop, s, FILTERS);
  return r == -EBADF || r == -ENOMEM ? r : -EPERM;
}

static int modify(struct ioloop *loop, void *state, uint64_t token, unsigned old, unsigned now,
                  void *slot) {
  int fd = (int)(uint32_t)token;
  struct slot *own = slot;
  own->mask = (uint8_t)now;
  if (!old) {
    own->error = 0;
    return add(loop, state, fd, now);
  }
  int r = collect(state, fd, old, now);
  if (!now && r > 0)
    apply(loop, state, r);
  return r < 0 ? r : 0;
}

/* ---- waiting ---------------------------------------------------------------------------- */

struct batch {
  struct ioloop_ready *ready;
  uint32_t count, capacity;
};

/* The other filter's event of the same descriptor may have a report already. One for which there is no
 * room stays active, and comes again. */
static void report(struct ioloop *loop, struct batch *batch, const struct kevent *event,
                   unsigned events) {
  uint64_t token = ioloop__token(loop, (int)event->ident);
  struct slot *slot = ioloop__slot(loop, (int)event->ident);
  if (slot->index >= batch->count || batch->ready[slot->index].token != token) {
    if (batch->count == batch->capacity)
      return;
    slot->index = batch->count++;
    batch->ready[slot->index] = (struct ioloop_ready){.token = token};
  }
  batch->ready[slot->index].events |= events;
}

static void take_event(struct ioloop *loop, struct batch *batch, const struct kevent *event) {
  unsigned events = event->filter == EVFILT_READ ? IOLOOP_READ : IOLOOP_WRITE;
  if (event->flags & EV_EOF && event->fflags != 0) { /* the socket's error */
    struct slot *slot = ioloop__slot(loop, (int)event->ident);
    slot->error = (uint16_t)event->fflags;
    events |= IOLOOP_ERROR;
  }
  report(loop, batch, event, events);
}

/* A change of this call: a deletion of what is gone already, or one that was refused. 0, or a
 * passing error: it is made again. */
static int take_failure(struct ioloop *loop, struct state *s, struct batch *batch,
                        const struct kevent *event) {
  int error = -(int)event->data;
  if (error == 0 || error == -ENOENT)
    return 0;
  if (error == -EPIPE || ioloop__is_passing(error)) {
    if (try_again(loop, s, event) && error == -EPIPE)
      report(loop, batch, event, IOLOOP_ERROR);
    return error == -EPIPE ? 0 : error;
  }
  ioloop__fd_gone(loop, (int)event->ident);
  return 0;
}

/* Changes in, events out. A change that fails takes the place of an event, so there must not be
 * more of them; the rest goes first with the next call. */
static int call(struct state *s, uint64_t timeout_ns) {
  int count = s->pending < s->room ? s->pending : s->room;
  int rest = s->pending - count;
  struct timespec timeout = ioloop__timespec(rest ? 0 : timeout_ns);
  bool forever = timeout_ns == IOLOOP_FOREVER && !rest;
  int n = kevent(s->queue, s->changes, count, s->events, s->room, forever ? NULL : &timeout);
  int error = errno;
  if (rest)
    memmove(s->changes, s->changes + count, (size_t)rest * sizeof *s->changes);
  s->pending = rest; /* applied, also when a signal ended the wait */
  return n < 0 ? -error : n;
}

static int wait_events(struct ioloop *loop, void *state, uint64_t timeout_ns,
                       struct ioloop_ready *ready, int capacity) {
  struct state *s = state;
  (void)grow_room(s, FILTERS * capacity); /* with less memory the rest comes later */
  struct batch batch = {.ready = ready, .capacity = (uint32_t)capacity};
  uint64_t begun = ioloop__call_begins(loop);
  int n = call(s, timeout_ns);
  ioloop__call_ended(loop, "kevent", s->queue, n, begun);
  int error = n < 0 ? n : 0;
  for (int i = 0; i < n; i++)
    if (!(s->events[i].flags & EV_ERROR)) {
      take_event(loop, &batch, &s->events[i]);
    } else {
      int r = take_failure(loop, s, &batch, &s->events[i]);
      error = r ? r : error;
    }
  return batch.count ? (int)batch.count : error; /* an error that passes: not again at once */
}

static int taken_error(struct ioloop *loop, int fd) {
  const struct slot *slot = ioloop__slot(loop, fd);
  return slot->error;
}

const struct ioloop_backend ioloop__kqueue = {
    .name = "kqueue",
    .features = IOLOOP_F_SCALES | IOLOOP_F_NS_TIMEOUT,
    .state_size = sizeof(struct state),
    .slot_size = sizeof(struct slot),
    .init = init,
    .fini = fini,
    .modify = modify,
    .wait = wait_events,
    .after_fork = after_fork,
    .taken_error = taken_error,
};
