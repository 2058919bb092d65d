/* SPDX-License-Identifier: MIT */
/*
 * spin.c - bounded spin: poll again for a while before going to sleep.
 *
 * Waking a thread that sleeps in the kernel takes long: the scheduler must pick it, often on a
 * core that has gone to a sleep state of its own. A server that answers one peer at a time pays
 * that for every request. So after a wait that found something, which is when the next event is
 * likely to be near, the loop polls without waiting until something comes or the time is up, and
 * only then blocks. The price is a core that is busy for up to that time after each burst of work;
 * where there is no core to spare, it may keep the peer from running that it waits for.
 *
 * It stands where the backend's wait stands (ioloop.wait), so that a loop without it pays nothing.
 */
#include <errno.h>

#include "internal.h"

static int poll_once(struct ioloop *loop, struct ioloop_ready *ready, int capacity) {
  int n = loop->backend->wait(loop, loop->state, 0, ready, capacity);
  loop->metrics.spins++;
  loop->metrics.spin_hits += n > 0;
  return n;
}

/* Poll until something comes, `limit_ns` at most. *spent_ns: how long it took. */
static int poll_for(struct ioloop *loop, uint64_t limit_ns, struct ioloop_ready *ready,
                    int capacity, uint64_t *spent_ns) {
  *spent_ns = 0;
  int n = poll_once(loop, ready, capacity);
  if (n) /* under load always: no clock is read then */
    return n;
  uint64_t begun = ioloop__now();
  while (n == 0 && (*spent_ns = ioloop__now() - begun) < limit_ns)
    n = poll_once(loop, ready, capacity);
  return n;
}

static int wait_after_work(struct ioloop *loop, uint64_t timeout_ns, struct ioloop_ready *ready,
                           int capacity) {
  uint64_t spent_ns;
  int n = poll_for(loop, loop->spin_ns < timeout_ns ? loop->spin_ns : timeout_ns, ready, capacity,
                   &spent_ns);
  if (n || spent_ns >= timeout_ns)
    return n;
  uint64_t left_ns = timeout_ns == IOLOOP_FOREVER ? IOLOOP_FOREVER : timeout_ns - spent_ns;
  return loop->backend->wait(loop, loop->state, left_ns, ready, capacity);
}

static int wait_spinning(struct ioloop *loop, void *state, uint64_t timeout_ns,
                         struct ioloop_ready *ready, int capacity) {
  int n = loop->found_work ? wait_after_work(loop, timeout_ns, ready, capacity)
                           : loop->backend->wait(loop, state, timeout_ns, ready, capacity);
  loop->found_work = n > 0;
  return n;
}

int ioloop_set_spin(struct ioloop *loop, uint64_t spin_ns) {
  if (ioloop__inherited(loop))
    return -ECHILD;
  loop->spin_ns = spin_ns;
  loop->found_work = false;
  loop->wait = spin_ns ? wait_spinning : loop->backend->wait;
  return 0;
}
