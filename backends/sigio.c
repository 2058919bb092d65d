/* SPDX-License-Identifier: MIT */
/*
 * sigio.c - signal-driven I/O as in the books (4.2BSD, 1983; Stevens, UNIX Network Programming 1,
 * chapter 25; fcntl(2): F_SETOWN, O_ASYNC; signal(7)).
 *
 * With O_ASYNC set on a descriptor, the kernel raises SIGIO whenever something changes on it. The
 * program need not ask, but this is all it learns. SIGIO carries neither the descriptor nor the
 * event. It is not counted: a second SIGIO that arrives before the first was taken is merged with
 * it. And it announces changes, not states: there is no further signal for data left unread. A
 * server that answers each SIGIO with one accept or one recv hangs as soon as two events coincide,
 * which is how nearly every first program with SIGIO fails.
 *
 * Here, therefore, a signal is only a hint that some descriptor may be ready, and poll() decides:
 *
 *      SIGIO taken       poll all descriptors; those that are ready are "hot"
 *      some are hot      poll the hot ones; those no longer ready become cold. Check for SIGIO in
 *                        each round, or descriptors that are always hot would starve the others
 *      none is hot       wait for SIGIO
 *
 * Why nothing is lost: a cold descriptor was seen not ready by a poll made after it was armed, and
 * each SIGIO taken is followed by a poll of all descriptors. Arming first and polling second is
 * essential (in the opposite order, 3 events of 3,000 were lost).
 *
 * SIGIO is always blocked and is taken synchronously (sigio_linux.c, sigio_bsd.c). No handler runs
 * at an unexpected moment, no call is interrupted, and there is no gap between the poll and the
 * wait.
 *
 * The lesson of this model is its cost: O(registered) for each wake-up, like poll, for 5 system
 * calls a request (wait, poll all, read, write, poll hot) instead of poll's 3. It was made for a
 * process that computes and has one or two descriptors on the side.
 *
 * Surprises
 *   - Not every descriptor signals, and not at every change: see signalling.c. While an unreliable
 *     one is registered, or the limit of descriptors is too low for poll, the loop waits in ppoll
 *     (or select) on all descriptors instead. (ppoll with a mask and a handler could wait for a
 *     signal and for descriptors at once; but a loop that polls needs no signal.)
 *   - On Linux the owner is a thread (F_SETOWN_EX with F_OWNER_TID, 2.6.32), so that each thread
 *     may have such loops. Elsewhere it is the process, of which one thread at a time can run them.
 *     On Linux, the waiting loop may take a SIGIO that another process has sent to the whole
 *     process.
 *   - Several loops of one thread share its SIGIO. One that takes it polls all of its descriptors,
 *     and so does each of the others in its next wait.
 *   - A loop that another thread runs makes that thread the owner of its descriptors, one by one,
 *     and then polls all: what was announced to the old one is forgotten without harm.
 *   - The default action of SIGIO terminates the process: one that is pending when the loop ends
 *     must be taken before the signal is unblocked (signal_thread.c). If a descriptor was closed
 *     while registered, its file may live on in a dup and signal forever; SIGIO then stays blocked
 *     in this thread.
 *   - fcntl(fd, F_SETFL, O_NONBLOCK) on a registered descriptor clears O_ASYNC without notice. A
 *     change of uid stops signals too (the kernel checks the permission of the process that became
 *     owner). For both, all descriptors are polled once a second. Those found ready without a
 *     signal are counted as rescued, and all are armed again.
 */
#include <errno.h>

#include "signalling.h"

#define SCAN_NS UINT64_C(1000000000)

enum {
  SCAN_ROUNDS = 256 /* for loops that never wait as long as a second */
};

struct state {
  struct ioloop__signalling base;
  unsigned rounds;   /* since all were polled */
  uint64_t quiet_ns; /* waited since then, without a signal */
  bool owed;         /* a SIGIO was taken: all must be polled */
};

/* Poll all. Returns how many of the cold ones were found ready, or -errno (-EINTR too, which a poll
 * without a timeout can return): nothing was polled. */
static int poll_all(struct state *s) {
  uint32_t hot = s->base.set.hot;
  int r = ioloop__pollset_poll_all(&s->base.set, 0);
  if (r)
    return r;
  uint32_t woken = s->base.set.hot - hot;
  ioloop__pollset_cool(&s->base.set);
  s->owed = false;
  s->rounds = 0;
  s->quiet_ns = 0;
  return (int)woken;
}

/* 1: a SIGIO was taken, and all were polled after it. 0: none came. -errno. */
static int take_signal(struct state *s, uint64_t timeout_ns) {
  uint64_t begun = ioloop__call_begins(s->base.set.loop);
  int r = ioloop__sigio_wait(timeout_ns);
  int result = r == 1 ? SIGIO : r == 0 ? -EAGAIN : r;
  ioloop__call_ended(s->base.set.loop, ioloop__sigio_wait_name, -1, result, begun);
  if (r != 1)
    return r;
  s->owed = true;
  ioloop__signalling_took_sigio(&s->base);
  ioloop__note_signal(s->base.set.loop, SIGIO, -1, 0, 1);
  r = poll_all(s);
  return r < 0 ? r : 1;
}

/* The safety scan: poll all descriptors although no signal came. */
static int scan(struct state *s) {
  int r = take_signal(s, 0);
  if (r)
    return r;
  int woken = poll_all(s);
  if (woken <= 0)
    return woken;
  r = take_signal(s, IOLOOP__SIGNAL_GRACE_NS);
  if (r) /* 1: it was on its way */
    return r;
  ioloop__note_rescue(s->base.set.loop, (uint64_t)woken);
  ioloop__signalling_arm_again(&s->base);
  return poll_all(s);
}

static inline __attribute__((always_inline)) int await_signal(struct state *s,
                                                              uint64_t timeout_ns) {
  uint64_t until_scan_ns = SCAN_NS - s->quiet_ns;
  uint64_t nap_ns = timeout_ns < until_scan_ns ? timeout_ns : until_scan_ns;
  int r = take_signal(s, nap_ns);
  if (r)
    return r;
  s->quiet_ns += nap_ns;
  return s->quiet_ns >= SCAN_NS ? scan(s) : 0;
}

static int poll_ready(struct ioloop__pollset *set, uint64_t timeout_ns) {
  struct state *s = (struct state *)set;
  if (ioloop__signalling_is_behind(&s->base)) {
    ioloop__signalling_catch_up(&s->base);
    s->owed = true;
  }
  if (s->owed) {
    int r = poll_all(s);
    if (r < 0 || s->base.set.left)
      return r;
  }
  if (s->base.unannounced || set->by_select)
    return ioloop__pollset_poll_all(&s->base.set, timeout_ns);
  if (++s->rounds >= SCAN_ROUNDS)
    return scan(s);
  if (s->base.set.hot == 0)
    return await_signal(s, timeout_ns);

  int r = ioloop__pollset_poll_hot(&s->base.set, 0);
  if (r)
    return r;
  if (s->base.set.hot == 0)
    return await_signal(s, timeout_ns);
  return take_signal(s, 0);
}

static int init(struct ioloop *loop, void *state, const char *variant) {
  (void)variant;
  struct state *s = state;
  ioloop__pollset_init(&s->base.set, loop, poll_ready);
  s->base.arm = ioloop__sigio_arm;
  s->base.disarm = ioloop__disarm;
  return ioloop__claim_make(&s->base.claim, IOLOOP__BIT_SIGIO);
}

static int moved(struct ioloop *loop, void *state) {
  (void)loop;
  return ioloop__signalling_move(state, IOLOOP__BIT_SIGIO);
}

/* The core has removed every descriptor: none of ours signals now. */
static void fini(struct ioloop *loop, void *state) {
  struct state *s = state;
  ioloop__claim_drop(&s->base.claim, s->base.lost);
  ioloop__pollset_fini(loop, s);
}

static void after_fork(struct ioloop *loop, void *state) {
  struct state *s = state;
  ioloop__claim_forget(&s->base.claim);
  ioloop__pollset_fini(loop, s);
}

static bool takes_signal(const void *state, int signo) {
  (void)state;
  return signo == SIGIO;
}

const struct ioloop_backend ioloop__sigio = {
    .name = "sigio",
    .features = IOLOOP_F_SIGNAL_DRIVEN | IOLOOP_F_NS_TIMEOUT,
    .state_size = sizeof(struct state),
    .slot_size = sizeof(struct ioloop__watch),
    .init = init,
    .fini = fini,
    .modify = ioloop__signalling_modify,
    .wait = ioloop__pollset_wait,
    .after_fork = after_fork,
    .moved = moved,
    .takes_signal = takes_signal,
};
