/* SPDX-License-Identifier: MIT */
/*
 * io_uring.c - two rings shared with the kernel (Linux 5.1, fit for sockets since 6.0;
 * io_uring(7), io_uring_setup(2), io_uring_enter(2)).
 *
 * The program writes requests into the submission ring, and the kernel writes their results into
 * the completion ring. One system call, io_uring_enter, submits any number of requests and waits
 * for a completion: with fifty busy connections it is one call for fifty requests, where the
 * readiness models make two for each.
 *
 * The model is completion (Stevens: asynchronous): "receive, and report the data", not "report when
 * a receive is possible". io_uring_completion.c has that part, which the streams use. This file has
 * the ring in use, the wait, and readiness for ioloop_add_handler, built from poll requests.
 *
 * Readiness. IORING_OP_POLL_ADD is a poll(2) of one descriptor that completes when it is ready:
 * once. A one-shot poll checks the level when it is armed, so arming it again after the handler
 * has run gives level-triggered semantics, for one entry in the ring and no system call. The
 * multishot variant is edge-triggered: it does not report a byte that the handler left unread, and
 * coalesces wake-ups; a handler that reads one byte at a time hangs with it. (POLL_ADD_LEVEL would
 * repair that, but is refused with EINVAL together with multishot.)
 *
 * Surprises
 *   - A request holds a reference to its file. A descriptor that is closed while a poll is pending
 *     stays open in the kernel: no FIN is sent, its port is not freed. So removing takes the poll
 *     back at once, by a system call of its own unless it has just fired; then there is none. If a
 *     program closes without removing, outside the descriptor's own handler, this is noticed only
 *     when the descriptor is ready again: no call lists the requests that hold a file whose number
 *     is gone, and checking all numbers before each wait is what this model exists to avoid.
 *   - A poll request reports POLLRDHUP, POLLERR and POLLHUP whether asked for or not. POLLRDHUP
 *     means nothing to a writer: the peer has finished sending and may still read. But a one-shot
 *     poll completes at once, again and again (1,250,000 times a second, 6.18). So after such a
 *     completion a multishot poll is armed: it reports the same once more, then only changes. From
 *     the next wanted report on, one-shot polls are used again.
 *   - POLL_REMOVE is refused (EALREADY) while the poll is about to complete, and a multishot one
 *     then goes on. ASYNC_CANCEL marks it, and is refused for no poll that exists.
 *   - The kernel's own way of waiting, for what cannot be done at once, is a poll of that kind: 128
 *     fruitless wake-ups, and the request is passed to a worker thread, which sleeps in the call:
 *     one worker for each such connection. A request to cancel that comes during this move does not
 *     find it (ENOENT, 6.18). Hence no send waits in the kernel: io_uring_completion.c.
 *   - The completion of a poll that was taken back may be in the ring already. Each poll has a
 *     number; a completion whose number is not the descriptor's current one is dropped.
 *   - Completions that do not fit into the completion ring are kept by the kernel, and moved there
 *     when there is room and it is called (5.5). They are counted as overflows; none is lost.
 *   - A ring outlives its process: the kernel cancels pending requests later, perhaps after the
 *     parent was notified of the exit. An accept waits exclusively, and the one of the exited
 *     process is first in the queue: it takes the wake-up of a connection, and the next process at
 *     that listener sleeps on (seen on Linux 6.18). A parent that replaces a killed worker
 *     therefore waits until the old ring has released a descriptor:
 *     src/programs/server/supervision/worker.c.
 *   - No kernel thread polls the submission ring here (SQPOLL): it would burn a core that the
 *     other models do not get.
 */
#include "io_uring.h"

#include "fork.h"
#include "platform.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

enum arming {
  UNARMED,
  ARMED,
  WATCHED, /* by a multishot poll: not ready for anything wanted until it changes */
  FIRED    /* on the list of those to arm before the next wait */
};

/* ---- the ring ----------------------------------------------------------------------------- */

bool ioloop__ring_is_inherited(const struct ioloop__ring *ring) {
  return ring->fork_count != ioloop__fork_count();
}

bool ioloop__ring_is_ours(const struct ioloop__ring *ring) {
  return ring->thread == ioloop__this_thread() && !ioloop__ring_is_inherited(ring);
}

struct io_uring_sqe *ioloop__ring_entry(struct ioloop__ring *ring) {
  if (!ioloop__ring_is_ours(ring))
    return NULL;
  struct io_uring_sqe *entry = io_uring_get_sqe(&ring->uring);
  if (entry || io_uring_submit(&ring->uring) < 0)
    return entry;
  return io_uring_get_sqe(&ring->uring);
}

struct io_uring_sqe *ioloop__ring_operation(struct ioloop__ring *ring) {
  struct io_uring_sqe *entry = ioloop__ring_entry(ring);
  if (entry)
    ring->in_kernel++;
  else if (!ioloop__ring_is_ours(ring))
    return ioloop__ring_hold(ring);
  return entry;
}

int ioloop__ring_submit(struct ioloop__ring *ring) {
  return ioloop__ring_is_ours(ring) ? io_uring_submit_and_get_events(&ring->uring) : -EPERM;
}

/* ---- polls -------------------------------------------------------------------------------- */

static uint64_t poll_data(int fd, uint32_t number) {
  return IOLOOP__RING_POLL | (uint64_t)number << 32 | (uint32_t)fd;
}

static int arm(struct ioloop__ring *ring, int fd, struct ioloop__ring_slot *slot, enum arming how) {
  struct io_uring_sqe *entry = ioloop__ring_entry(ring);
  if (!entry)
    return -ENOMEM;
  ring->poll_number = (ring->poll_number + 1) & INT32_MAX;
  slot->number = ring->poll_number;
  slot->arming = (uint8_t)how;
  io_uring_prep_poll_add(entry, fd, slot->mask);
  entry->len = how == WATCHED ? IORING_POLL_ADD_MULTI : 0;
  entry->user_data = poll_data(fd, slot->number);
  return 0;
}

static bool is_pending(const struct ioloop__ring_slot *slot) {
  return slot->arming == ARMED || slot->arming == WATCHED;
}

static bool take_back(struct ioloop__ring *ring, int fd, struct ioloop__ring_slot *slot) {
  bool was_armed = is_pending(slot);
  struct io_uring_sqe *entry = was_armed ? ioloop__ring_entry(ring) : NULL;
  if (entry) {
    io_uring_prep_cancel64(entry, poll_data(fd, slot->number), 0);
    entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
    entry->user_data = IOLOOP__RING_NOTHING;
  }
  slot->arming = UNARMED;
  return was_armed;
}

int ioloop__ring_arm_late(struct ioloop__ring *ring, int fd, struct ioloop__ring_slot *slot) {
  if (!slot->mask || slot->arming == FIRED)
    return 0;
  take_back(ring, fd, slot);
  return arm(ring, fd, slot, ARMED);
}

void ioloop__ring_forget_fired(struct ioloop__ring_slot *slot) {
  slot->arming = UNARMED;
}

/* By a thread that does not run the loop. A pending poll stays until the next run, unless it holds
 * a file that is to be closed. */
static int modify_elsewhere(struct ioloop__ring *ring, int fd, struct ioloop__ring_slot *slot,
                            unsigned now) {
  if (now)
    return ioloop__ring_watch_late(ring, fd, slot);
  bool was_armed = is_pending(slot);
  slot->arming = UNARMED;
  if (was_armed)
    ioloop__ring_unwatch_elsewhere(ring, poll_data(fd, slot->number));
  return 0;
}

static int modify(struct ioloop *loop, void *state, uint64_t token, unsigned old, unsigned now,
                  void *slot_memory) {
  (void)loop;
  struct ioloop__ring *ring = state;
  struct ioloop__ring_slot *slot = slot_memory;
  int fd = (int)(uint32_t)token;
  int r = old ? 0 : ioloop__check_fd(fd);
  if (r)
    return r;
  slot->mask = (uint8_t)now;
  if (slot->arming == FIRED && now)
    return 0; /* the new mask is used when it is armed again */
  if (!old)
    slot->arming = UNARMED; /* the poll of a ring that is gone */
  if (!ioloop__ring_is_ours(ring))
    return modify_elsewhere(ring, fd, slot, now);
  bool was_armed = take_back(ring, fd, slot);
  if (now)
    return arm(ring, fd, slot, ARMED);
  if (was_armed)
    ioloop__ring_submit(ring);
  return 0;
}

static void arm_again(struct ioloop *loop, struct ioloop__ring *ring) {
  int count = ring->rearm_count;
  ring->rearm_count = 0;
  for (int i = 0; i < count; i++) {
    int fd = ring->rearm[i];
    struct ioloop__ring_slot *slot = ioloop__slot(loop, fd);
    if (slot->arming == FIRED && arm(ring, fd, slot, ARMED) < 0)
      ring->rearm[ring->rearm_count++] = fd;
  }
}

/* ---- waiting ------------------------------------------------------------------------------ */

/* It is armed again when the handler has run. */
static void fire(struct ioloop__ring *ring, int fd, struct ioloop__ring_slot *slot) {
  slot->arming = FIRED;
  ring->rearm[ring->rearm_count++] = fd;
}

/* A poll's completion becomes a report, unless it was taken back. Returns how many. */
static int report(struct ioloop *loop, struct ioloop__ring *ring, const struct ioloop__completed *c,
                  struct ioloop_ready *ready) {
  int fd = (int)(uint32_t)c->user_data;
  struct ioloop__ring_slot *slot = ioloop__slot(loop, fd);
  if (!is_pending(slot) || poll_data(fd, slot->number) != c->user_data)
    return 0;
  bool goes_on = c->flags & IORING_CQE_F_MORE;
  if (c->result == -EBADF) {
    slot->arming = UNARMED;
    ioloop__fd_gone(loop, fd);
    return 0;
  }
  unsigned events = c->result < 0 ? POLLERR : (unsigned)c->result;
  if (!(events & (slot->mask | IOLOOP_ERROR))) { /* POLLRDHUP alone */
    if (!goes_on && arm(ring, fd, slot, WATCHED) < 0)
      fire(ring, fd, slot);
    return 0;
  }
  if (goes_on)
    take_back(ring, fd, slot);
  fire(ring, fd, slot);
  *ready = (struct ioloop_ready){.token = ioloop__token(loop, fd), .events = events};
  return 1;
}

static bool next_stashed(struct ioloop__ring *ring, struct ioloop__completed *ret) {
  if (ring->stash_at == ring->stash_count)
    return false;
  *ret = ring->stash[ring->stash_at++];
  if (ring->stash_at == ring->stash_count)
    ring->stash_at = ring->stash_count = 0;
  return true;
}

static inline bool next_completed(struct ioloop__ring *ring, struct ioloop__completed *ret) {
  if (ring->stash_count)
    return next_stashed(ring, ret);
  /* An empty ring may make liburing call the kernel for more (io_uring_setup.c). Not once operations have
   * completed: a stream may be full, and must be able to stop its multishot receive first. */
  if (ring->completed_count && !io_uring_cq_ready(&ring->uring) &&
      !io_uring_cq_has_overflow(&ring->uring))
    return false;
  struct io_uring_cqe *entry;
  if (io_uring_peek_cqe(&ring->uring, &entry) < 0)
    return false;
  *ret = (struct ioloop__completed){entry->user_data, entry->res, entry->flags};
  io_uring_cqe_seen(&ring->uring, entry);
  return true;
}

/* Everything has been submitted: its completions are in the ring, from its head to here. */
static void mark_unreported(struct ioloop__ring *ring) {
  if (!ring->unreported_count || ring->unreported_marked || io_uring_sq_ready(&ring->uring) ||
      io_uring_cq_has_overflow(&ring->uring))
    return;
  ring->unreported_marked = ring->unreported_count;
  ring->unreported_mark = *ring->uring.cq.khead + io_uring_cq_ready(&ring->uring);
}

static void find_unreported_done(struct ioloop__ring *ring) {
  int32_t left = (int32_t)(ring->unreported_mark - *ring->uring.cq.khead);
  if (!ring->unreported_marked || ring->stash_count || left > 0)
    return;
  ring->unreported_done = ring->unreported_marked;
  ring->unreported_marked = 0;
  ring->flush_quiet = ring->flush_quiet && ring->unreported_done < ring->unreported_count;
}

/* First of all, so that each callback knows what was sent. */
static int report_operations(struct ioloop *loop, struct ioloop__ring *ring,
                             struct ioloop_ready *ready, int n) {
  ready[n] = ready[0];
  ready[0] = (struct ioloop_ready){.token = ioloop__token(loop, ring->uring.ring_fd),
                                   .events = IOLOOP_READ};
  return n + 1;
}

/* How many polls may fire: all, or as many as there is memory to note down. */
static int room_to_fire(struct ioloop__ring *ring, int capacity) {
  if (capacity <= ring->rearm_capacity)
    return capacity;
  int *rearm = realloc(ring->rearm, (size_t)capacity * sizeof *rearm);
  if (!rearm)
    return ring->rearm_capacity;
  ring->rearm = rearm;
  return ring->rearm_capacity = capacity;
}

/* Take from the ring as much as we may report: besides operations, which are one entry. */
static int collect(struct ioloop *loop, struct ioloop__ring *ring, struct ioloop_ready *ready,
                   int capacity) {
  struct ioloop__completed c;
  int n = 0, most = room_to_fire(ring, capacity) - 1;
  while (ring->rearm_count < most && ring->completed_count < IOLOOP__RING_RESULTS &&
         next_completed(ring, &c)) {
    if (c.user_data & IOLOOP__RING_POLL)
      n += report(loop, ring, &c, &ready[n]);
    else if (c.user_data > IOLOOP__RING_REFUSED)
      ring->completed[ring->completed_count++] = c;
    if (c.user_data & IOLOOP__RING_QUIET && !(c.user_data & IOLOOP__RING_POLL))
      ioloop__ring_note_quiet(ring, c.user_data);
  }
  find_unreported_done(ring);
  return ring->completed_count || ring->unreported_done ? report_operations(loop, ring, ready, n)
                                                        : n;
}

static bool has_completions(const struct ioloop__ring *ring) {
  return ring->stash_count || io_uring_cq_ready(&ring->uring);
}

static int enter_timed(struct ioloop__ring *ring, uint64_t timeout_ns) {
  struct __kernel_timespec timeout = {.tv_sec = (long long)(timeout_ns / 1000000000),
                                      .tv_nsec = (long long)(timeout_ns % 1000000000)};
  struct io_uring_cqe *first;
  return io_uring_submit_and_wait_timeout(&ring->uring, &first, 1, &timeout, NULL);
}

/* Submit everything, and wait unless something is there already. */
static int submit_and_wait(struct ioloop__ring *ring, uint64_t timeout_ns) {
  if (timeout_ns == 0 || has_completions(ring))
    return ioloop__ring_submit(ring);
  if (timeout_ns == IOLOOP_FOREVER)
    return io_uring_submit_and_wait(&ring->uring, 1);
  return enter_timed(ring, timeout_ns);
}

/* If there is a reason to call the kernel. */
static int enter(struct ioloop__ring *ring, uint64_t timeout_ns) {
  if (has_completions(ring) && !io_uring_sq_ready(&ring->uring))
    return 0;
  uint64_t begun = ioloop__call_begins(ring->loop);
  int r = submit_and_wait(ring, timeout_ns);
  ioloop__call_ended(ring->loop, "io_uring_enter", ring->uring.ring_fd, r, begun);
  return r;
}

static int wait_events(struct ioloop *loop, void *state, uint64_t timeout_ns,
                       struct ioloop_ready *ready, int capacity) {
  struct ioloop__ring *ring = state;
  int moved = ring->thread ? 0 : ioloop__ring_moved(loop, ring); /* a third thread replaced it */
  if (moved || ring->error)
    return moved ? moved : ring->error;
  arm_again(loop, ring);
  if (ring->held_count || ring->late_count)
    ioloop__ring_catch_up(loop, ring);
  uint64_t limit_ns = ring->flush_quiet ? 0 : timeout_ns;
  if ((ring->rearm_count || ring->held_count || ring->late_count) && limit_ns > IOLOOP__PAUSE_NS)
    limit_ns = IOLOOP__PAUSE_NS; /* the kernel had no memory for some */
  int r = enter(ring, limit_ns);
  ring->begun = false;
  mark_unreported(ring);
  if (r == -ETIME || r == -EBUSY) /* nothing came in time; or there is no room in the ring */
    r = 0;
  if (r < 0 && !ioloop__is_passing(r))
    return r;
  if (io_uring_cq_has_overflow(&ring->uring))
    ioloop__note_overflow(loop);
  int n = collect(loop, ring, ready, capacity);
  return n || r > 0 ? n : r;
}

/* ---- life --------------------------------------------------------------------------------- */

/* In a forked child too: it unmaps and closes its copies, and nothing is written to the rings. */
static void fini(struct ioloop *loop, void *state) {
  (void)loop;
  struct ioloop__ring *ring = state;
  io_uring_queue_exit(&ring->uring);
  ioloop__ring_free_buffers(ring);
  ioloop__ring_free_held(ring);
  free(ring->stash);
  free(ring->rearm);
}

const struct ioloop_backend ioloop__io_uring = {
    .name = "io_uring",
    .features = IOLOOP_F_SCALES | IOLOOP_F_NS_TIMEOUT | IOLOOP_F_COMPLETION,
    .state_size = sizeof(struct ioloop__ring),
    .slot_size = sizeof(struct ioloop__ring_slot),
    .probe = ioloop__ring_probe,
    .init = ioloop__ring_init,
    .fini = fini,
    .modify = modify,
    .wait = wait_events,
    .after_fork = fini,
    .moved = ioloop__ring_moved,
    .completion = &ioloop__ring_completion,
};
