/* SPDX-License-Identifier: MIT */
/*
 * libevent.c - the reference: readiness through libevent (2.1 and later; event2/event.h), the
 * library of memcached, Tor and tmux, on any of its own methods:
 *
 *      libevent          the one that it would choose itself
 *      libevent:epoll, libevent:poll, libevent:select
 *
 * libevent is a push library. event_base_loop waits, puts every ready event on a queue, and calls
 * each one's callback. Ours only writes a report for the core, which calls the handlers as under
 * every other model. So a comparison measures libevent up to readiness
 * (its interest map, queue and callback dispatch included), and our loop from there on.
 *
 * Surprises
 *   - EVLOOP_ONCE does not mean once: it waits again and again until a callback was called. An
 *     interrupting signal does not end it; the core's waker does.
 *   - Without any event the loop returns at once (EVLOOP_NO_EXIT_ON_EMPTY).
 *   - An event's mask can only change while it is not pending: del, assign, add; with epoll two
 *     epoll_ctl where one would do.
 *   - libevent cannot handle a descriptor that was closed before its event was deleted. select
 *     fails forever (EBADF), poll reports it forever, and so does epoll if a dup keeps the file
 *     open; once the event is deleted, the last spins inside event_base_loop. So we check each
 *     descriptor that is removed, and those that are reported repeatedly: if one is no longer the
 *     file that was added, all move to a new base.
 *   - Which file is it? A socket is identified by its inode number. Eventfds, timers and the like
 *     share one inode, and two descriptors of one path share the path's. These are put in an epoll
 *     set of our own that is never waited for: there the kernel knows them by file and number.
 *   - Its epoll_wait takes 32 events at first, twice as many after one that was full, and 4,096 at
 *     most. A turn that was full is followed by another, until all are reported.
 *   - Its select grows its bitmaps but fills them with FD_SET. Distributions build libevent with
 *     _FORTIFY_SOURCE, where that ends the process beyond FD_SETSIZE: -ENOSPC at add instead.
 *   - event_base_free deletes each event from the kernel's set. After fork that is the parent's set
 *     too: event_reinit comes first.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "libevent_base.h"
#include "platform.h"
#include "pollset.h"

enum {
  FIRST_BATCH = 32, /* of its epoll_wait */
  LARGEST_BATCH = 4096
};

struct state {
  struct ioloop *loop;
  struct event_base *base;
  struct event *timer;
  struct event **events; /* of all descriptors, packed; to iterate over */
  uint32_t count, capacity;
  struct ioloop_ready *ready; /* of this wait: what the callbacks have reported */
  uint32_t reported, room;
  int fd_limit;     /* numbers that the method can take are below this */
  bool keeps_files; /* the method has a set in the kernel, in which files can outlive numbers */
  bool ghost;       /* and may have one */
  uint32_t batch;   /* that many at a time, at least */
  int witness;      /* for files without an inode of their own; -1: none are kept */
};

struct slot {
  uint64_t inode;       /* of a socket; 0: the file is in the witness */
  uint32_t index;       /* in events */
  uint32_t report : 28; /* in ready, if it has one in this wait */
  uint32_t reports : 4; /* wraps: one in 16 makes us check whether it is closed */
};

/* ---- beginning and end -------------------------------------------------------------- */

static void on_timer(evutil_socket_t fd, short what, void *arg) {
  (void)fd, (void)what, (void)arg; /* that it was called ends the turn */
}

static int init(struct ioloop *loop, void *state, const char *variant) {
  struct state *s = state;
  s->loop = loop;
  s->base = ioloop__libevent_new_base(variant);
  if (!s->base)
    return ioloop__libevent_error();
  const char *method = event_base_get_method(s->base);
  s->fd_limit = strcmp(method, "select") == 0 ? FD_SETSIZE : INT_MAX;
  s->keeps_files = strncmp(method, "epoll", 5) == 0; /* kqueue drops what is closed */
  s->batch = FIRST_BATCH;
  s->witness = s->keeps_files ? ioloop__witness_open() : -1;
  int r = s->keeps_files && s->witness < 0 ? s->witness : 0;
  s->timer = r ? NULL : evtimer_new(s->base, on_timer, NULL);
  if (s->timer)
    return 0;
  if (s->witness >= 0)
    close(s->witness);
  event_base_free(s->base);
  return r ? r : -ENOMEM;
}

static void fini(struct ioloop *loop, void *state) {
  (void)loop;
  struct state *s = state;
  for (uint32_t i = 0; i < s->count; i++)
    event_free(s->events[i]);
  event_free(s->timer);
  event_base_free(s->base);
  if (s->witness >= 0)
    close(s->witness);
  free(s->events);
}

static void after_fork(struct ioloop *loop, void *state) {
  struct state *s = state;
  if (!s->keeps_files || ioloop__libevent_can_reinit(s->base)) {
    if (s->keeps_files)
      event_reinit(s->base); /* a new set to delete from; releases the parent's */
    fini(loop, state);
    return;
  }
  /* The base stays as it is, with its three descriptors, until exec or exit. */
  close(s->witness);
  free(s->events);
}

/* ---- registrations ------------------------------------------------------------------ */

/* Room for one more descriptor. */
static int reserve(struct state *s) {
  if (s->count < s->capacity)
    return 0;
  uint32_t capacity = s->capacity + s->capacity / 4 + 16;
  struct event **events = realloc(s->events, capacity * sizeof *events);
  if (!events)
    return -ENOMEM;
  s->events = events;
  s->capacity = capacity;
  return 0;
}

/* 0: not a socket. */
static uint64_t socket_inode(int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode) ? (uint64_t)status.st_ino : 0;
}

/* Remember which file it is. */
static int recognise(struct state *s, int fd, struct slot *slot) {
  if (!s->keeps_files)
    return 0;
  slot->inode = socket_inode(fd);
  int r = slot->inode ? 0 : ioloop__witness(s->witness, IOLOOP__WITNESS_ADD, fd);
  return r == -EEXIST ? 0 : r;
}

/* Closed without remove, or even another file by now. Where no entry outlives its number only the
 * former is visible. */
static bool is_other_file(const struct state *s, int fd, const struct slot *slot) {
  if (!s->keeps_files)
    return ioloop__is_closed(fd);
  if (slot->inode)
    return socket_inode(fd) != slot->inode;
  return ioloop__witness(s->witness, IOLOOP__WITNESS_FIND, fd) != 0;
}

static short what_of(unsigned mask) {
  return (short)(EV_PERSIST | (mask & IOLOOP_READ ? EV_READ : 0) |
                 (mask & IOLOOP_WRITE ? EV_WRITE : 0));
}

static unsigned events_of(short what) {
  return (what & EV_READ ? IOLOOP_READ : 0u) | (what & EV_WRITE ? IOLOOP_WRITE : 0u);
}

/* It may have a report already. One for which there is no room comes again with the next turn, which
 * libevent's epoll begins with the others, and its poll and select at random. */
static void on_ready(evutil_socket_t fd, short what, void *arg) {
  struct state *s = arg;
  struct slot *slot = ioloop__slot(s->loop, fd);
  uint64_t token = ioloop__token(s->loop, fd);
  if (slot->report >= s->reported || s->ready[slot->report].token != token) {
    if (s->reported == s->room)
      return;
    slot->report = s->reported & 0xfffffff;
    s->ready[s->reported++] = (struct ioloop_ready){.token = token};
  }
  s->ready[slot->report].events |= events_of(what);
}

static int add(struct state *s, int fd, unsigned mask, struct slot *slot) {
  int r = fd < s->fd_limit ? ioloop__check_fd(fd) : -ENOSPC;
  if (!r)
    r = reserve(s);
  if (r)
    return r;
  struct event *event = event_new(s->base, fd, what_of(mask), on_ready, s);
  if (!event)
    return -ENOMEM;
  errno = 0;
  *slot = (struct slot){.index = s->count};
  if (event_add(event, NULL) < 0)
    r = ioloop__libevent_error();
  else
    r = recognise(s, fd, slot);
  if (r) {
    event_free(event);
    return r;
  }
  s->events[s->count++] = event;
  return 0;
}

static void discard(struct state *s, int fd, struct slot *slot) {
  if (is_other_file(s, fd, slot))
    s->ghost = s->keeps_files;
  else if (s->keeps_files && !slot->inode)
    ioloop__witness(s->witness, IOLOOP__WITNESS_REMOVE, fd);
  event_free(s->events[slot->index]);
  struct event *last = s->events[--s->count];
  s->events[slot->index] = last;
  if (slot->index < s->count) {
    struct slot *moved = ioloop__slot(s->loop, event_get_fd(last));
    moved->index = slot->index;
  }
}

static int change(struct state *s, int fd, unsigned mask, struct slot *slot) {
  if (is_other_file(s, fd, slot)) {
    discard(s, fd, slot);
    return -ENOENT;
  }
  struct event *event = s->events[slot->index];
  event_del(event);
  event_assign(event, s->base, fd, what_of(mask), on_ready, s);
  errno = 0;
  return event_add(event, NULL) < 0 ? ioloop__libevent_error() : 0;
}

static int modify(struct ioloop *loop, void *state, uint64_t token, unsigned old, unsigned now,
                  void *slot) {
  (void)loop;
  struct state *s = state;
  int fd = (int)(uint32_t)token;
  if (!old)
    return add(s, fd, now, slot);
  if (now)
    return change(s, fd, now, slot);
  discard(s, fd, slot);
  return 0;
}

/* ---- waiting ------------------------------------------------------------------------ */

/* Drop the closed ones. false: there were none. */
static bool drop_closed(struct state *s) {
  bool dropped = false;
  for (uint32_t i = 0; i < s->count;) {
    int fd = event_get_fd(s->events[i]);
    if (ioloop__is_closed(fd)) {
      ioloop__fd_gone(s->loop, fd); /* puts another one in this place */
      dropped = true;
    } else {
      i++;
    }
  }
  return dropped;
}

/* The number may be another file's by now: remember that one. */
static int move_event(struct state *s, struct event *event, struct event_base *base) {
  int fd = event_get_fd(event);
  struct slot *slot = ioloop__slot(s->loop, fd);
  event_del(event);
  event_base_set(base, event);
  errno = 0;
  if (event_add(event, NULL) < 0)
    return ioloop__libevent_error();
  return is_other_file(s, fd, slot) ? recognise(s, fd, slot) : 0;
}

/* Move all to a new base, and free the old one with its ghosts. (event_reinit
 * would do the same in place, but ends the process if it cannot.) */
static void rebuild(struct state *s) {
  drop_closed(s);
  struct event_base *base = ioloop__libevent_new_base(event_base_get_method(s->base));
  if (!base)
    return; /* no descriptor or no memory: next time */
  ioloop__metrics(s->loop)->rebuilds++;
  event_base_set(base, s->timer);
  bool again = false;
  for (uint32_t i = 0; i < s->count;) {
    int r = move_event(s, s->events[i], base);
    if (r == 0 || ioloop__is_passing(r))
      i++;
    else
      ioloop__fd_gone(s->loop, event_get_fd(s->events[i])); /* puts another one in this place */
    again |= ioloop__is_passing(r);
  }
  s->ghost = again;
  event_base_free(s->base);
  s->base = base;
  s->batch = FIRST_BATCH;
}

/* One microsecond more: libevent adds the timeout to a clock that has lost its nanoseconds. */
static int set_timer(struct state *s, uint64_t timeout_ns) {
  const uint64_t year_ns = UINT64_C(31536000000000000);
  uint64_t us = (timeout_ns < year_ns ? timeout_ns + 999 : year_ns) / 1000 + 1;
  struct timeval timeout = {.tv_sec = (time_t)(us / 1000000),
                            .tv_usec = (suseconds_t)(us % 1000000)};
  return evtimer_add(s->timer, &timeout) < 0 ? -ENOMEM : 0;
}

static int run_base_once(struct state *s, int flags) {
  errno = 0;
  int n = event_base_loop(s->base, flags | EVLOOP_NO_EXIT_ON_EMPTY);
  int r = n < 0 ? ioloop__libevent_error() : 0;
  return r && drop_closed(s) ? 0 : r;
}

/* Again, while its epoll_wait was full. */
static int run_base(struct state *s, int flags) {
  uint32_t before = s->reported;
  int r = run_base_once(s, flags);
  while (!r && s->keeps_files && s->reported - before >= s->batch) {
    s->batch *= s->batch < LARGEST_BATCH ? 2 : 1;
    before = s->reported;
    r = run_base_once(s, EVLOOP_ONCE | EVLOOP_NONBLOCK);
  }
  return r;
}

/* There is a ghost and no new base: a wait would neither return nor sleep. */
static int turn_with_ghost(struct state *s, uint64_t timeout_ns) {
  int r = run_base(s, EVLOOP_ONCE | EVLOOP_NONBLOCK);
  if (!r && !s->reported && timeout_ns)
    ioloop__pause();
  return r;
}

/* libevent:poll, and the process has lowered its RLIMIT_NOFILE (select.c): libevent has no
 * other way to ask. */
static int turn_by_select(struct state *s, uint64_t timeout_ns) {
  struct pollfd *fds = calloc(s->count, sizeof *fds);
  if (!fds)
    return -ENOMEM;
  for (uint32_t i = 0; i < s->count; i++)
    fds[i] = (struct pollfd){.fd = event_get_fd(s->events[i]),
                             .events = (short)events_of(event_get_events(s->events[i]))};
  uint32_t count = s->count;
  int r = ioloop__poll_by_select(s->loop, fds, count, timeout_ns);
  for (uint32_t i = 0; r > 0 && i < count; i++)
    if (fds[i].revents & POLLNVAL)
      ioloop__fd_gone(s->loop, fds[i].fd);
    else if (fds[i].revents)
      on_ready(fds[i].fd, what_of((unsigned)fds[i].revents), s);
  free(fds);
  return r < 0 ? r : 0;
}

static int turn(struct state *s, uint64_t timeout_ns) {
  if (s->ghost)
    rebuild(s);
  if (s->ghost)
    return turn_with_ghost(s, timeout_ns);
  bool timed = timeout_ns != 0 && timeout_ns != IOLOOP_FOREVER;
  int r = timed ? set_timer(s, timeout_ns) : 0;
  if (!r)
    r = run_base(s, timeout_ns ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK);
  if (timed)
    evtimer_del(s->timer);
  return r == -EINVAL ? turn_by_select(s, timeout_ns) : r;
}

/* Checks one in 16 reports of each descriptor. Returns how many are of the file that was added. */
static int check_reports(struct state *s) {
  int n = 0;
  for (uint32_t i = 0; i < s->reported; i++) {
    int fd = (int)(uint32_t)s->ready[i].token;
    struct slot *slot = ioloop__slot(s->loop, fd);
    if (++slot->reports != 0 || !is_other_file(s, fd, slot))
      s->ready[n++] = s->ready[i];
    else if (ioloop__is_closed(fd))
      ioloop__fd_gone(s->loop, fd);
    else
      s->ghost = true; /* the number is watched again for its new file */
  }
  return n;
}

static int wait_ready(struct ioloop *loop, void *state, uint64_t timeout_ns,
                      struct ioloop_ready *ready, int capacity) {
  struct state *s = state;
  s->ready = ready;
  s->room = (uint32_t)capacity;
  s->reported = 0;
  uint64_t begun = ioloop__call_begins(loop);
  int r = turn(s, timeout_ns);
  /* libevent's own system calls are not visible here; its function stands for them. */
  ioloop__call_ended(loop, "event_base_loop", -1, r ? r : (int)s->reported, begun);
  return r ? r : check_reports(s);
}

const struct ioloop_backend ioloop__libevent = {
    .name = "libevent",
    .state_size = sizeof(struct state),
    .slot_size = sizeof(struct slot),
    .variants = ioloop__libevent_variants,
    .probe = ioloop__libevent_probe,
    .init = init,
    .fini = fini,
    .modify = modify,
    .wait = wait_ready,
    .after_fork = after_fork,
};
