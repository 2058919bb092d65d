/* SPDX-License-Identifier: MIT */
/*
 * io_uring_threads.c - a ring and threads. With IORING_SETUP_SINGLE_ISSUER and DEFER_TASKRUN, which
 * make io_uring fast, the kernel takes requests from one thread only, and finishes them in its calls
 * only. That is the thread that runs the loop, known from the first run on.
 *
 * Before that, and in any other thread that uses the loop while it does not run, no request can be
 * made:
 *
 *      a descriptor        is put on a list, and armed by the next run
 *      accept, receive     is written down, and submitted by the next run
 *      send                is a system call, here and now; its result is reported by the next run
 *      stop, cancel        concern what is written down; what is in the kernel cannot be reached
 *
 * When another thread runs the loop, the ring is replaced by a new one, which arms every descriptor.
 * A poll can be taken over like this, since it consumes nothing. An operation cannot: what it
 * received in the kernel's time would be lost with the old ring. So with operations under way the
 * loop stays with its thread (-EPERM), until they are over: streams and servers closed, by that
 * thread. If another closes them, the ring must be replaced before anything else is waited for.
 */
#include "io_uring.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform.h"

/* ---- held --------------------------------------------------------------------------------- */

/* Room for one more; *capacity is changed with *memory. */
static bool reserve(void **memory, size_t count, size_t *capacity, size_t size) {
  if (count < *capacity)
    return true;
  size_t more = *capacity * 2 + 16;
  void *larger = realloc(*memory, more * size);
  if (!larger)
    return false;
  *memory = larger;
  *capacity = more;
  return true;
}

struct io_uring_sqe *ioloop__ring_hold(struct ioloop__ring *ring) {
  void *held = ring->held;
  bool room = !ioloop__ring_is_inherited(ring) &&
              reserve(&held, ring->held_count, &ring->held_capacity, sizeof *ring->held);
  ring->held = held;
  return room ? &ring->held[ring->held_count++] : NULL;
}

void ioloop__ring_free_held(struct ioloop__ring *ring) {
  free(ring->held);
  free(ring->late);
}

static bool is_operation(const struct io_uring_sqe *entry) {
  return entry->user_data > IOLOOP__RING_REFUSED && !(entry->user_data & IOLOOP__RING_POLL);
}

/* Take it out, if it is there. */
static bool unhold(struct ioloop__ring *ring, const struct ioloop__op *op) {
  for (size_t i = 0; i < ring->held_count; i++)
    if (ring->held[i].user_data == (uint64_t)(uintptr_t)op) {
      for (ring->held_count--; i < ring->held_count; i++)
        ring->held[i] = ring->held[i + 1];
      return true;
    }
  return false;
}

static void submit_held(struct ioloop__ring *ring) {
  size_t done = 0;
  for (; done < ring->held_count; done++) {
    struct io_uring_sqe *entry = ioloop__ring_entry(ring);
    if (!entry)
      break;
    *entry = ring->held[done];
    ring->in_kernel += is_operation(entry);
  }
  for (size_t i = done; i < ring->held_count; i++)
    ring->held[i - done] = ring->held[i];
  ring->held_count -= done;
}

/* ---- descriptors ---------------------------------------------------------------------------- */

int ioloop__ring_watch_late(struct ioloop__ring *ring, int fd, struct ioloop__ring_slot *slot) {
  void *late = ring->late;
  if (slot->late)
    return 0;
  bool room = reserve(&late, ring->late_count, &ring->late_capacity, sizeof *ring->late);
  ring->late = late;
  if (!room)
    return -ENOMEM;
  ring->late[ring->late_count++] = fd;
  slot->late = true;
  return 0;
}

static void arm_late(struct ioloop *loop, struct ioloop__ring *ring) {
  size_t count = ring->late_count;
  ring->late_count = 0;
  for (size_t i = 0; i < count; i++) {
    int fd = ring->late[i];
    struct ioloop__ring_slot *slot = ioloop__slot(loop, fd);
    slot->late = ioloop__ring_arm_late(ring, fd, slot) < 0;
    if (slot->late)
      ring->late[ring->late_count++] = fd;
  }
}

/* In a new ring. What the program no longer wants is not armed, so no list may do it later. */
static void arm_everything(struct ioloop *loop, struct ioloop__ring *ring) {
  ring->rebuilt = false;
  for (int i = 0; i < ring->rearm_count; i++)
    ioloop__ring_forget_fired(ioloop__slot(loop, ring->rearm[i]));
  ring->rearm_count = 0;
  for (size_t i = 0; i < ring->late_count; i++) {
    struct ioloop__ring_slot *slot = ioloop__slot(loop, ring->late[i]);
    slot->late = false;
  }
  ring->late_count = 0;
  ioloop__add_again(loop);
}

/* The poll holds the file. A ring without operations is given up for it. */
void ioloop__ring_unwatch_elsewhere(struct ioloop__ring *ring, uint64_t poll_data) {
  if (!ring->in_kernel && ioloop__ring_replace(ring) == 0)
    return;
  struct io_uring_sqe *entry = ioloop__ring_hold(ring);
  if (!entry)
    return;
  io_uring_prep_cancel64(entry, poll_data, 0);
  entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
  entry->user_data = IOLOOP__RING_NOTHING;
}

/* ---- operations ----------------------------------------------------------------------------- */

int ioloop__ring_send_elsewhere(struct ioloop__ring *ring, struct ioloop__op *op, int fd,
                                const struct msghdr *message) {
  if (ioloop__ring_is_inherited(ring) || !ioloop__ring_reserve_stash(ring))
    return -ENOMEM;
  ssize_t sent = sendmsg(fd, message, MSG_NOSIGNAL | MSG_DONTWAIT);
  int result = sent < 0 ? -errno : (int)sent;
  ioloop__op_started(ring->loop, op, message->msg_iov->iov_len);
  ioloop__ring_stash(
      ring, (struct ioloop__completed){(uint64_t)(uintptr_t)op, result, IOLOOP__RING_BY_CALL});
  return 0;
}

bool ioloop__ring_stop_held(struct ioloop__ring *ring, struct ioloop__op *op) {
  if (!ring->held_count || !ioloop__ring_reserve_stash(ring) || !unhold(ring, op))
    return false;
  return ioloop__ring_stash(
      ring, (struct ioloop__completed){(uint64_t)(uintptr_t)op, -ECANCELED, IOLOOP__RING_BY_CALL});
}

/* The kernel still has it: its completions must not be read. The last one takes the ring with it. */
static void orphan(struct ioloop *loop, struct ioloop__ring *ring, struct ioloop__op *op) {
  ring->error = -EPERM;
  ioloop__ring_give_up(loop, ring, op);
  if (!ring->in_kernel && ring->error)
    (void)ioloop__ring_replace(ring);
}

void ioloop__ring_cancel_elsewhere(struct ioloop *loop, struct ioloop__ring *ring,
                                   struct ioloop__op *op) {
  struct ioloop__completed completed = {.flags = IORING_CQE_F_MORE};
  if (ioloop__ring_is_inherited(ring)) {
    ioloop__ring_give_up(loop, ring, op);
    return;
  }
  while (ioloop__ring_take(ring, op, &completed)) {
    ioloop__ring_note_quiet(ring, completed.user_data);
    ioloop__ring_report(loop, ring, &completed);
    if (!(completed.flags & IORING_CQE_F_MORE))
      return;
  }
  if (unhold(ring, op))
    ioloop__op_done(loop, op, -ECANCELED, NULL, false);
  else if (!ioloop__ring_is_silently_over(loop, ring, op))
    orphan(loop, ring, op);
}

/* ---- the thread that runs the loop ------------------------------------------------------------ */

void ioloop__ring_catch_up(struct ioloop *loop, struct ioloop__ring *ring) {
  arm_late(loop, ring);
  if (ioloop__ring_register_buffers(ring, &ring->uring) == 0) /* or the next wait tries again */
    submit_held(ring);
}

/* io_uring_enable_rings is in liburing's header, and not in liburing 2.3. */
static int enable(const struct io_uring *uring) {
  return syscall(__NR_io_uring_register, uring->ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0) < 0
             ? -errno
             : 0;
}

int ioloop__ring_moved(struct ioloop *loop, void *state) {
  struct ioloop__ring *ring = state;
  if (ring->thread == ioloop__this_thread())
    return 0;
  if (ring->thread) {
    int r = ring->in_kernel ? -EPERM : ioloop__ring_replace(ring);
    if (r)
      return r;
  }
  int r = enable(&ring->uring);
  if (r)
    return r;
  ring->thread = ioloop__this_thread();
  if (ring->rebuilt)
    arm_everything(loop, ring);
  return 0;
}
