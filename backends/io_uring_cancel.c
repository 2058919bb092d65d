/* SPDX-License-Identifier: MIT */
/*
 * io_uring_cancel.c - ending an operation before it completes (io_uring_prep_cancel(3)).
 *
 * Ending an operation is one more request, and its answer is not the end: the operation may be
 * completing at this moment, or may already have completions in the ring or in our list. `cancel`
 * waits for the completion that has no successor, and reports all earlier ones. The request may be
 * refused, for an operation that is between two of the kernel's lists or with a worker (an accept,
 * woken 128 times without a connection): it is then made again.
 */
#include "io_uring.h"

#include <errno.h>
#include <stdlib.h>

void ioloop__ring_stop(void *state, struct ioloop__op *op) {
  if (ioloop__ring_stop_held(state, op))
    return;
  struct io_uring_sqe *entry =
      ioloop__ring_is_ours(state) ? ioloop__ring_entry(state) : ioloop__ring_hold(state);
  if (!entry)
    return;
  io_uring_prep_cancel(entry, op, 0);
  entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
  entry->user_data = IOLOOP__RING_REFUSED;
}

static bool take_from(struct ioloop__completed *list, size_t begin, size_t end, uint64_t user_data,
                      struct ioloop__completed *ret) {
  for (size_t i = begin; i < end; i++)
    if ((list[i].user_data & ~IOLOOP__RING_QUIET) == user_data) {
      *ret = list[i];
      list[i] = (struct ioloop__completed){.user_data = IOLOOP__RING_NOTHING};
      return true;
    }
  return false;
}

bool ioloop__ring_reserve_stash(struct ioloop__ring *ring) {
  if (ring->stash_count < ring->stash_capacity)
    return true;
  size_t capacity = ring->stash_capacity * 2;
  struct ioloop__completed *larger = realloc(ring->stash, capacity * sizeof *larger);
  if (!larger)
    return false;
  ring->stash = larger;
  ring->stash_capacity = capacity;
  return true;
}

bool ioloop__ring_stash(struct ioloop__ring *ring, struct ioloop__completed completed) {
  if (!ioloop__ring_reserve_stash(ring))
    return false;
  ring->stash[ring->stash_count++] = completed;
  return true;
}

static bool stash(struct ioloop__ring *ring, const struct io_uring_cqe *entry) {
  return ioloop__ring_stash(ring,
                            (struct ioloop__completed){entry->user_data, entry->res, entry->flags});
}

/* Save the ring's completions for the next wait, so that the kernel can move those there that it
 * keeps because the ring is full. There is memory for a whole ring from the start. */
static void make_room(struct ioloop__ring *ring) {
  struct io_uring_cqe *entry;
  while (io_uring_peek_cqe(&ring->uring, &entry) == 0) {
    if (entry->user_data > IOLOOP__RING_REFUSED && !stash(ring, entry)) {
      ioloop__pause(); /* more than two rings, and no memory */
      return;
    }
    io_uring_cqe_seen(&ring->uring, entry);
  }
}

/* What was before it moves up. The mark still has as many before it, this one not counted. */
static void close_gap(struct ioloop__ring *ring, unsigned gap) {
  const struct io_uring_cq *cq = &ring->uring.cq;
  if ((int32_t)(gap - ring->unreported_mark) >= 0)
    ring->unreported_mark++;
  for (; gap != *cq->khead; gap--)
    cq->cqes[gap & cq->ring_mask] = cq->cqes[(gap - 1) & cq->ring_mask];
  io_uring_cq_advance(&ring->uring, 1);
}

/* What is not ours stays in the ring. */
static bool take_from_ring(struct ioloop__ring *ring, uint64_t user_data,
                           struct ioloop__completed *ret) {
  struct io_uring_cqe *entry;
  unsigned head;
  io_uring_for_each_cqe(&ring->uring, head, entry) {
    if ((entry->user_data & ~IOLOOP__RING_QUIET) != user_data)
      continue;
    *ret = (struct ioloop__completed){entry->user_data, entry->res, entry->flags};
    close_gap(ring, head);
    return true;
  }
  return false;
}

bool ioloop__ring_take(struct ioloop__ring *ring, const struct ioloop__op *op,
                       struct ioloop__completed *ret) {
  uint64_t user_data = (uint64_t)(uintptr_t)op;
  return take_from(ring->completed, (size_t)ring->reported_count, (size_t)ring->completed_count,
                   user_data, ret) ||
         take_from(ring->stash, ring->stash_at, ring->stash_count, user_data, ret) ||
         take_from_ring(ring, user_data, ret);
}

bool ioloop__ring_is_silently_over(struct ioloop *loop, struct ioloop__ring *ring,
                                   struct ioloop__op *op) {
  int index = ioloop__ring_find_unreported(ring, op);
  bool over =
      index >= 0 && !io_uring_sq_ready(&ring->uring) && !io_uring_cq_has_overflow(&ring->uring);
  if (over) {
    ring->unreported[index].op = NULL;
    ring->in_kernel--;
    ioloop__op_done(loop, op, (int)ring->unreported[index].size, NULL, false);
  }
  return over;
}

/* Submit what is queued, and wait until one more completion is there than now; -ETIME: none came in
 * 1 ms. */
static int wait_for_another(struct ioloop__ring *ring) {
  struct __kernel_timespec moment = {.tv_nsec = 1000000};
  struct io_uring_cqe *first;
  return io_uring_submit_and_wait_timeout(&ring->uring, &first, io_uring_cq_ready(&ring->uring) + 1,
                                          &moment, NULL);
}

/* A refusal means that the operation is in none of the kernel's lists at the moment: it is moving
 * from one to another, or is with a worker thread, which is interrupted. */
static int wait_and_stop_again(struct ioloop__ring *ring, struct ioloop__op *op) {
  struct ioloop__completed refusal;
  bool refused = take_from_ring(ring, IOLOOP__RING_REFUSED, &refusal);
  int r = wait_for_another(ring);
  if (r < 0 || refused)
    ioloop__ring_stop(ring, op);
  return r;
}

/* true: the kernel takes no requests from us, and never will. */
static bool has_failed(struct ioloop__ring *ring, int error) {
  if (error >= 0 || error == -ETIME || error == -EBUSY || error == -EINTR)
    return false;
  if (ioloop__is_passing(error)) {
    ioloop__pause();
    return false;
  }
  ring->error = error;
  return true;
}

void ioloop__ring_give_up(struct ioloop *loop, struct ioloop__ring *ring, struct ioloop__op *op) {
  int index = ioloop__ring_find_unreported(ring, op);
  if (index >= 0)
    ring->unreported[index].op = NULL;
  ring->in_kernel--;
  ioloop__op_done(loop, op, -ECANCELED, NULL, false);
}

void ioloop__ring_cancel(struct ioloop *loop, void *state, struct ioloop__op *op) {
  struct ioloop__ring *ring = state;
  struct ioloop__completed completed = {.flags = IORING_CQE_F_MORE};
  bool quiet = ioloop__ring_find_unreported(ring, op) >= 0;
  bool failed = ring->error;
  if (!ioloop__ring_is_ours(ring)) {
    ioloop__ring_cancel_elsewhere(loop, ring, op);
    return;
  }
  if (!quiet)
    ioloop__ring_stop(ring, op);
  while (!failed && completed.flags & IORING_CQE_F_MORE) {
    if (ioloop__ring_take(ring, op, &completed)) {
      ioloop__ring_note_quiet(ring, completed.user_data);
      ioloop__ring_report(loop, ring, &completed);
      continue;
    }
    if (quiet && ioloop__ring_is_silently_over(loop, ring, op))
      return;
    if (io_uring_cq_has_overflow(&ring->uring))
      make_room(ring);
    failed = has_failed(ring, quiet ? ioloop__ring_submit(ring) : wait_and_stop_again(ring, op));
  }
  if (failed)
    ioloop__ring_give_up(loop, ring, op);
}
