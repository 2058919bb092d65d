/* SPDX-License-Identifier: MIT */
/*
 * epoll.c - the kernel keeps the interest set and a list of what is ready (Linux 2.6; epoll(7)).
 *
 * select and poll carry the whole set into the kernel with every call, which looks at each member.
 * epoll_ctl changes a set that stays there, and every member has a callback on its file's wait
 * queue that moves it to a ready list: epoll_wait costs O(ready), whatever is registered.
 * Level-triggered members that are still ready go to the end of that list again, so that with more
 * ready than fit into one call each has its turn before any has a second.
 *
 * Surprises
 *   - The set's key is not the descriptor but (open file, number). Closing the number removes the
 *     entry only if it was the file's last reference. With a dup, or a child that inherited it, the
 *     entry lives on as a ghost: it is reported, but EPOLL_CTL_DEL wants the number, which is
 *     closed (EBADF) or another file's (ENOENT). A program that removes its handler before it
 *     closes never leaves one. If it closes first, the slot keeps the generation that could not be
 *     removed; if that is reported again there is a ghost, and all others move to a new set. Its
 *     ready list begins in the order of the numbers: once per ghost, some have a second turn early.
 *   - A program that closes a descriptor and stays registered leaves a ghost with the current
 *     generation: in one of 256 wake-ups a report is checked.
 *   - EPOLLERR and EPOLLHUP are reported whether asked for or not: a member without interest is
 *     taken out of the set, or a dead peer would spin the loop.
 *   - Regular files and directories are refused (EPERM), as they are always ready.
 *   - epoll_wait counts milliseconds; epoll_pwait2 (5.11) nanoseconds. Timeouts are rounded up, or
 *     the last fraction of a millisecond would be spent in calls that return at once.
 */
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backend.h"

_Static_assert((int)IOLOOP_READ == (int)EPOLLIN && (int)IOLOOP_WRITE == (int)EPOLLOUT &&
                   (int)IOLOOP_ERROR == (int)(EPOLLERR | EPOLLHUP),
               "masks need no translation");
_Static_assert(sizeof(struct ioloop_ready) == sizeof(struct epoll_event) &&
                   offsetof(struct ioloop_ready, token) == offsetof(struct epoll_event, data),
               "nor do reports: the kernel writes them where the core reads them");

struct state {
  int set;
  bool milliseconds;   /* the kernel has no epoll_pwait2 */
  bool ghost;          /* there is one, and there was no descriptor for a new set */
  uint8_t until_check; /* wake-ups, counted round and round, until a report is checked */
  uint64_t changed_at; /* the iteration in which an entry was last lost, or the set replaced */
};

struct slot {
  uint32_t lost; /* the newest generation of this number that was, 0: none */
};

static int init(struct ioloop *loop, void *state, const char *variant) {
  (void)loop, (void)variant;
  struct state *s = state;
  s->set = epoll_create1(EPOLL_CLOEXEC);
  return s->set < 0 ? -errno : 0;
}

static void fini(struct ioloop *loop, void *state) {
  (void)loop;
  struct state *s = state;
  close(s->set);
}

static int control(struct state *s, int operation, uint64_t token, unsigned mask) {
  struct epoll_event event = {.events = mask, .data.u64 = token};
  struct epoll_event *what = operation == EPOLL_CTL_DEL ? NULL : &event;
  return epoll_ctl(s->set, operation, (int)(uint32_t)token, what) < 0 ? -errno : 0;
}

static uint32_t generation_of(uint64_t token) {
  return (uint32_t)(token >> 32);
}

static int add(struct state *s, uint64_t token, unsigned mask) {
  int r = control(s, EPOLL_CTL_ADD, token, mask);
  /* EEXIST: a ghost's file has come back to its number. */
  return r == -EEXIST ? control(s, EPOLL_CTL_MOD, token, mask) : r;
}

static int modify(struct ioloop *loop, void *state, uint64_t token, unsigned old, unsigned now,
                  void *slot_memory) {
  struct state *s = state;
  struct slot *slot = slot_memory;
  if (!old)
    return add(s, token, now);
  int r = control(s, now ? EPOLL_CTL_MOD : EPOLL_CTL_DEL, token, now);
  if (r < 0 && (!now || r == -ENOENT || r == -EBADF)) {
    slot->lost = generation_of(token);
    s->changed_at = ioloop__metrics(loop)->iterations;
  }
  return r;
}

/* ---- ghosts ------------------------------------------------------------------------------ */

/* Known to be closed: no handler is called for it, even if the set cannot be rebuilt. */
static void drop_closed(struct ioloop *loop, const struct ioloop_ready *ready, int count) {
  for (int i = 0; i < count; i++) {
    int fd = (int)(uint32_t)ready[i].token;
    if (ioloop__is_closed(fd))
      ioloop__fd_gone(loop, fd);
  }
}

static void rebuild(struct ioloop *loop, struct state *s) {
  int set = epoll_create1(EPOLL_CLOEXEC);
  s->ghost = set < 0;
  if (s->ghost) { /* every wait reports it until there is a descriptor: the next tries again */
    s->until_check = 1;
    ioloop__pause();
    return;
  }
  close(s->set);
  s->set = set;
  s->changed_at = ioloop__metrics(loop)->iterations;
  ioloop__metrics(loop)->rebuilds++;
  ioloop__add_again(loop);
}

/* A descriptor that was closed and stayed registered, or whose number dup2 gave to another file, is
 * reported for its old file. So check whether one of the reported ones is in the set under its
 * number: a different one each time. */
__attribute__((noinline)) static void check_one(struct ioloop *loop, struct state *s,
                                                const struct ioloop_ready *ready, int count) {
  uint64_t turn = ioloop__metrics(loop)->wakeups / 256;
  int r = s->ghost ? -ENOENT : control(s, EPOLL_CTL_ADD, ready[turn % (unsigned)count].token, 0);
  if (r == -EEXIST || ioloop__is_passing(r))
    return;
  drop_closed(loop, ready, count);
  rebuild(loop, s);
}

/* What this iteration reports was taken before the change: other ghosts of an old set, too. */
static void stale(struct ioloop *loop, void *state, uint64_t token) {
  struct state *s = state;
  const struct slot *slot = ioloop__slot(loop, (int)(uint32_t)token);
  bool lost = slot->lost && (int32_t)(slot->lost - generation_of(token)) >= 0;
  if (lost && !s->ghost && s->changed_at != ioloop__metrics(loop)->iterations)
    rebuild(loop, s);
}

/* ---- waiting ---------------------------------------------------------------------------- */

static inline int wait_ms(struct ioloop *loop, struct state *s, int timeout_ms,
                          struct ioloop_ready *ready, int capacity) {
  uint64_t begun = ioloop__call_begins(loop);
  int n = epoll_wait(s->set, (struct epoll_event *)ready, capacity, timeout_ms);
  if (n < 0) /* spelled out: two instructions less for each wait */
    n = -errno;
  ioloop__call_ended(loop, "epoll_wait", s->set, n, begun);
  return n;
}

/* glibc has a wrapper since 2.35, musl none. 8 is the size of the kernel's sigset_t, and its
 * timespec has 64 bits in a field also where the C library's has 32. */
static int wait_ns(struct ioloop *loop, struct state *s, uint64_t timeout_ns,
                   struct ioloop_ready *ready, int capacity) {
  const struct {
    int64_t s, ns;
  } timeout = {(int64_t)(timeout_ns / 1000000000), (int64_t)(timeout_ns % 1000000000)};
  uint64_t begun = ioloop__call_begins(loop);
  long n = syscall(SYS_epoll_pwait2, s->set, ready, capacity, &timeout, NULL, (size_t)8);
  return ioloop__call_returned(loop, "epoll_pwait2", s->set, n, begun);
}

/* By an old kernel, or by a seccomp filter, which may return any error. */
static bool is_refused(int error) {
  return error == -ENOSYS || error == -EPERM || error == -EACCES || error == -ENOTSUP;
}

__attribute__((noinline)) static int wait_timed(struct ioloop *loop, struct state *s,
                                                uint64_t timeout_ns, struct ioloop_ready *ready,
                                                int capacity) {
  if (!s->milliseconds) {
    int n = wait_ns(loop, s, timeout_ns, ready, capacity);
    if (!is_refused(n))
      return n;
    s->milliseconds = true;
  }
  uint64_t ms = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);
  return wait_ms(loop, s, ms < INT_MAX ? (int)ms : INT_MAX, ready, capacity);
}

static int wait_events(struct ioloop *loop, void *state, uint64_t timeout_ns,
                       struct ioloop_ready *ready, int capacity) {
  struct state *s = state;
  bool timed = timeout_ns != 0 && timeout_ns != IOLOOP_FOREVER;
  int n = timed ? wait_timed(loop, s, timeout_ns, ready, capacity)
                : wait_ms(loop, s, timeout_ns == 0 ? 0 : -1, ready, capacity);
  if (n > 0 && --s->until_check == 0)
    check_one(loop, s, ready, n);
  return n;
}

const struct ioloop_backend ioloop__epoll = {
    .name = "epoll",
    .features = IOLOOP_F_SCALES | IOLOOP_F_NS_TIMEOUT,
    .state_size = sizeof(struct state),
    .slot_size = sizeof(struct slot),
    .init = init,
    .fini = fini,
    .modify = modify,
    .wait = wait_events,
    .after_fork = fini, /* closes our copy of the set; the parent's entries stay */
    .stale = stale,
};
