/* SPDX-License-Identifier: MIT */
/*
 * nonblocking.c - try everything, again and again (Stevens' second model; fcntl(2): O_NONBLOCK).
 *
 * A descriptor that does not block completes every read and write at once: with a result, or with
 * EAGAIN, "not now". With nothing but that, and no way to ask for readiness, one thread can still
 * serve many peers: it tries all of them, over and over. Here every watched descriptor is reported
 * on every iteration, for all that was asked for. The handlers try, and nearly always get EAGAIN.
 * Nothing is announced, so nothing can be missed, and every kind of file with EAGAIN will do.
 *
 * The cost: one core at 100 %, always, traffic or not. An iteration makes one system call per
 * descriptor and interest, so with many descriptors the next attempt at each is far away: 1000 idle
 * connections are 1000 failing recv calls, some 0.3 ms, between two attempts at the same one. The
 * gain: with one or two descriptors no model answers faster, as there is no wake-up. That is why
 * packet engines (DPDK, netmap) and exchanges poll like this, with one core for each queue.
 *
 * What is different for a program
 *   - Most readiness is spurious; a handler must treat EAGAIN as a normal result. So must the core:
 *     its waker is tried on each iteration too, one more read.
 *   - A wait never blocks, as the waker is always watched: ioloop_run_once returns before its
 *     timeout. A timeout is noticed on the next iteration, so each iteration reads the clock.
 *   - WRITE is reported before a connect is complete, and SO_ERROR is 0 until then too;
 *     getpeername(2) shows whether it is (transport.c does that).
 *   - While WRITE is watched without anything to write, the handler is called on each iteration.
 *   - A handler whose descriptor was closed without being removed gets EBADF. One descriptor per
 *     iteration is checked for being open, so that the core finds it in the end.
 *
 * nonblocking:adaptive. To back off when nothing happens a backend must know that nothing happened,
 * and it does not see the results in the handlers. So this variant tries in their place: one poll()
 * of all, without waiting, which is to a set what EAGAIN is to a descriptor; and it reports only
 * what is ready. After SPIN_POLLS polls in a row without a result it pauses between them: 10 us at
 * first, twice as long each time, 1 ms at most. A result ends the pauses. It still never asks the
 * kernel for a wake-up: data that arrives during a pause waits for its end. So a busy server is as
 * fast as one that spins, an idle one takes some 3 % of a core, and the first request after a
 * silence is up to a millisecond late. (Linux adds 50 us of timer slack to each pause: prctl(2),
 * PR_SET_TIMERSLACK.) Network drivers alternate between interrupts and polling in the same way,
 * except that an interrupt ends their pause.
 */
#include <errno.h>
#include <time.h>

#include "platform.h"
#include "pollset.h"

#define FIRST_PAUSE_NS UINT64_C(10000)
#define LAST_PAUSE_NS  UINT64_C(1000000)

enum {
  SPIN_POLLS = 200 /* about 50 us with a few descriptors: what a wake-up would cost */
};

struct state {
  struct ioloop__pollset set;
  uint32_t patrol;     /* the next to check for being open */
  unsigned vain_polls; /* polls in a row that found nothing */
  uint64_t pause_ns;   /* 0: not pausing yet */
};

static const char *const variants[] = {"adaptive", NULL};

/* ---- trying everything ---------------------------------------------------------------- */

static void check_one_open(struct state *s) {
  if (s->set.count == 0)
    return;
  if (++s->patrol >= s->set.count)
    s->patrol = 0;
  ioloop__pollset_gone(&s->set, s->set.fds[s->patrol].fd);
}

static int report_all(struct ioloop__pollset *set, uint64_t timeout_ns) {
  (void)timeout_ns;
  check_one_open((struct state *)set);
  ioloop__pollset_presume_ready(set);
  return 0;
}

/* ---- adaptive --------------------------------------------------------------------------- */

/* How long to pause before the next poll, after that many without a result. */
static uint64_t next_pause(struct state *s) {
  if (s->vain_polls < SPIN_POLLS) {
    s->vain_polls++;
    return 0;
  }
  uint64_t longer = s->pause_ns ? s->pause_ns * 2 : FIRST_PAUSE_NS;
  s->pause_ns = longer < LAST_PAUSE_NS ? longer : LAST_PAUSE_NS;
  return s->pause_ns;
}

/* -EINTR as soon as a signal comes, so that its callback need not wait for the next poll. */
static int pause_ns(uint64_t ns) {
  struct timespec pause = {.tv_nsec = (long)ns};
  return ns && nanosleep(&pause, NULL) < 0 ? -errno : 0;
}

static int poll_until(struct state *s, uint64_t timeout_ns) {
  bool timed = timeout_ns && timeout_ns != IOLOOP_FOREVER;
  uint64_t begun = timed ? ioloop__now() : 0, spent = 0;
  for (;;) {
    int r = ioloop__pollset_poll_all(&s->set, 0);
    if (r || s->set.left || spent >= timeout_ns)
      return r;
    uint64_t left = timeout_ns - spent, pause = next_pause(s);
    r = pause_ns(pause < left ? pause : left);
    if (r)
      return r;
    spent = timed ? ioloop__now() - begun : 0;
  }
}

static int poll_adaptively(struct ioloop__pollset *set, uint64_t timeout_ns) {
  struct state *s = (struct state *)set;
  int r = poll_until(s, timeout_ns);
  if (set->left) {
    s->vain_polls = 0;
    s->pause_ns = 0;
  }
  return r;
}

static int init(struct ioloop *loop, void *state, const char *variant) {
  ioloop__pollset_init(state, loop, variant ? poll_adaptively : report_all);
  return 0;
}

const struct ioloop_backend ioloop__nonblocking = {
    .name = "nonblocking",
    .features = IOLOOP_F_NS_TIMEOUT,
    .state_size = sizeof(struct state),
    .slot_size = sizeof(struct ioloop__place),
    .variants = variants,
    .init = init,
    .fini = ioloop__pollset_fini,
    .modify = ioloop__pollset_modify,
    .wait = ioloop__pollset_wait,
    .after_fork = ioloop__pollset_fini, /* there is nothing but memory */
};
