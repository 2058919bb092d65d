/* SPDX-License-Identifier: MIT */
/*
 * epoll_et.c - epoll, edge-triggered, under the same level-triggered contract (Linux 2.6; epoll(7):
 * EPOLLET).
 *
 * With EPOLLET a member of the set is reported when something happens to it, not while it is ready:
 * data that is left unread is not reported again. The kernel then need not put a member back on its
 * ready list after each report and check it again in the next call. The program pays for that: it
 * must read until EAGAIN, or remember which descriptors may have more. A program that forgets
 * hangs; one that reads until EAGAIN must bound it, or one fast peer starves the rest.
 *
 * Here handlers may leave data unread, as under every model, so this file remembers. It treats
 * edges as rtsig.c treats signals, with the same list (pollset.h): an edge is a hint, never a
 * report. It makes its descriptor "hot", and one poll() of the hot ones decides. The epoll set is
 * itself a descriptor that is readable when it has edges, and is among the hot ones:
 *
 *      hot: [ epoll set | fd 7 | fd 12 | ... ]     cold: all others
 *
 *      poll(hot)       not ready: becomes cold
 *      epoll_wait      does not wait; descriptors with an edge become hot
 *      report          what is ready; it stays hot and is polled again in the next wait
 *
 * So all ready connections share one poll and one epoll_wait, one call more than with
 * level-triggered epoll, and an idle connection costs nothing. That is the lesson of this model:
 * edges save work in the kernel, but a level-triggered program cannot use the saving. A program
 * that reads until EAGAIN can: for it, EAGAIN promises the next edge.
 *
 * Why nothing is lost: a cold descriptor was seen not ready by a poll made after it was added, and
 * its next change is an edge. Descriptors become cold by a poll made *before* the edges are taken:
 * an edge between the two makes the descriptor hot again. Unlike signals, edges never overflow
 * (they are a mark on the member, not a queue), so no safety scan is needed.
 *
 * Surprises
 *   - Edges come for each packet, even while earlier data is unread, and must be taken although
 *     they add nothing: otherwise the set stays readable, and the next poll does not wait.
 *   - Interest is changed by EPOLL_CTL_MOD, not only in our array: a connection that is not being
 *     read for a while would wake us with every packet.
 *   - The set's key is (open file, number), as in epoll.c: an entry whose number was closed while a
 *     dup lives on is a ghost. Here it cannot spin the loop, as its edges are only hints, and
 *     cannot be mistaken, as poll asks by number. The event's token only serves to notice a ghost;
 *     the set is then built again, or each of its packets would wake us forever.
 *   - A descriptor closed without removal does no harm either: it stays cold and never reports. A
 *     program that uses the number again gets EEXIST, or ENOENT from EPOLL_CTL_MOD.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "pollset.h"

_Static_assert((int)IOLOOP_READ == (int)EPOLLIN && (int)IOLOOP_WRITE == (int)EPOLLOUT,
               "masks need no translation");

enum {
  EDGES,      /* the place of the epoll set among the fixed members */
  BATCH = 128 /* edges per call */
};

struct state {
  struct ioloop__pollset set;
};

static int control(const struct state *s, int operation, uint64_t token, unsigned mask) {
  struct epoll_event event = {.events = mask | EPOLLET, .data.u64 = token};
  int r = epoll_ctl(s->set.fds[EDGES].fd, operation, (int)(uint32_t)token, &event);
  return r < 0 ? -errno : 0;
}

static int add(struct state *s, uint64_t token, unsigned mask, struct ioloop__place *place) {
  int r = control(s, EPOLL_CTL_ADD, token, mask);
  if (r == -EEXIST) /* a ghost's file has come back to its number */
    r = control(s, EPOLL_CTL_MOD, token, mask);
  if (r)
    return r;
  r = ioloop__pollset_add(&s->set, (int)(uint32_t)token, (short)mask, place);
  if (r)
    control(s, EPOLL_CTL_DEL, token, 0);
  return r;
}

static int change(struct state *s, uint64_t token, unsigned mask, struct ioloop__place *place) {
  int r = control(s, EPOLL_CTL_MOD, token, mask);
  if (r == 0)
    ioloop__pollset_change(&s->set, (short)mask, place);
  else if (r == -ENOENT || r == -EBADF)
    ioloop__pollset_remove(&s->set, place); /* no longer the file that was added */
  return r;
}

static int modify(struct ioloop *loop, void *state, uint64_t token, unsigned old, unsigned now,
                  void *slot) {
  (void)loop;
  struct ioloop__place *place = slot;
  if (!old)
    return add(state, token, now, place);
  if (now)
    return change(state, token, now, place);
  if (place->index) {
    struct state *s = state;
    control(s, EPOLL_CTL_DEL, token, 0);
    ioloop__pollset_remove(&s->set, place);
  }
  return 0;
}

/* A set without ghosts. A descriptor that cannot be added to it is polled in every wait. */
static void rebuild(struct state *s) {
  int edges = epoll_create1(EPOLL_CLOEXEC);
  if (edges < 0)
    return; /* the ghost will be reported again, and this tried again */
  close(s->set.fds[EDGES].fd);
  s->set.fds[EDGES].fd = edges;
  for (uint32_t i = s->set.fixed; i < s->set.count; i++) {
    struct pollfd *entry = &s->set.fds[i];
    uint64_t token = ioloop__token(s->set.loop, entry->fd);
    if (control(s, EPOLL_CTL_ADD, token, (unsigned)entry->events & ~(unsigned)IOLOOP__PINNED) < 0)
      entry->events |= IOLOOP__PINNED;
  }
  s->set.hot = s->set.count;
  ioloop__metrics(s->set.loop)->rebuilds++;
}

/* One batch of them. Returns how many, or -errno. */
static int take_batch(struct state *s, bool *ghosts) {
  struct epoll_event edges[BATCH];
  int set = s->set.fds[EDGES].fd;
  uint64_t begun = ioloop__call_begins(s->set.loop);
  int n = epoll_wait(set, edges, BATCH, 0);
  n = ioloop__call_returned(s->set.loop, "epoll_wait", set, n, begun);
  for (int i = 0; i < n; i++) {
    uint64_t token = edges[i].data.u64;
    int fd = (int)(uint32_t)token;
    *ghosts |= token != ioloop__token(s->set.loop, fd) || !ioloop__pollset_hint(&s->set, fd);
  }
  return n;
}

/* As many as there are descriptors: they may come faster than they are taken. */
static int take_edges(struct state *s) {
  bool ghosts = false;
  int n = BATCH;
  for (uint32_t taken = 0; n == BATCH && taken < s->set.count; taken += BATCH)
    n = take_batch(s, &ghosts);
  if (ghosts)
    rebuild(s);
  return n < 0 ? n : 0;
}

static int poll_ready(struct ioloop__pollset *set, uint64_t timeout_ns) {
  struct state *s = (struct state *)set;
  int r = ioloop__pollset_poll_hot(&s->set, timeout_ns);
  if (r || !s->set.fds[EDGES].revents)
    return r;
  r = take_edges(s);
  if (r)
    return r;
  return s->set.left ? 0 : ioloop__pollset_poll_hot(&s->set, 0); /* those that became hot */
}

static int init(struct ioloop *loop, void *state, const char *variant) {
  (void)variant;
  struct state *s = state;
  ioloop__pollset_init(&s->set, loop, poll_ready);
  int edges = epoll_create1(EPOLL_CLOEXEC);
  if (edges < 0)
    return -errno;
  int r = ioloop__pollset_add_fixed(&s->set, edges);
  if (r)
    close(edges);
  return r;
}

static void fini(struct ioloop *loop, void *state) {
  struct state *s = state;
  close(s->set.fds[EDGES].fd);
  ioloop__pollset_fini(loop, s);
}

const struct ioloop_backend ioloop__epoll_et = {
    .name = "epoll-et",
    .features = IOLOOP_F_SCALES | IOLOOP_F_NS_TIMEOUT,
    .state_size = sizeof(struct state),
    .slot_size = sizeof(struct ioloop__place),
    .init = init,
    .fini = fini,
    .modify = modify,
    .wait = ioloop__pollset_wait,
    .after_fork = fini, /* closes our copy of the set; the parent's entries stay */
};
