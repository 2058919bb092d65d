/* SPDX-License-Identifier: MIT */
/*
 * io_uring.h - what the files of this backend share:
 *
 *      io_uring.c             the ring in use: submitting, waiting, and readiness by poll requests
 *      io_uring_setup.c       making it, and whether that is possible
 *      io_uring_completion.c  operations of the streams: buffers, starting, reporting
 *      io_uring_cancel.c      ending such an operation before it completes
 *      io_uring_threads.c     what is asked for by another thread than the ring's
 */
#ifndef IOLOOP_IO_URING_H
#define IOLOOP_IO_URING_H

#include <liburing.h>

#include "backend.h"

/* user_data identifies the owner of a completion. A poll has bit 63, 31 bits of number and the
 * descriptor. An operation is a pointer, which never has bit 63, with bit 0 for a quiet send that
 * failed. A request to cancel reports at most its refusal. */
#define IOLOOP__RING_POLL  (UINT64_C(1) << 63)
#define IOLOOP__RING_QUIET UINT64_C(1)
enum {
  IOLOOP__RING_NOTHING = 0,
  IOLOOP__RING_REFUSED = 2, /* no pointer either */
  IOLOOP__RING_QUIET_MAX = 512,
  IOLOOP__RING_RESULTS = 256, /* of operations, that a wait takes */
  IOLOOP__RING_GROUPS = 2,    /* of buffers */
};

/* A completion that was taken out of the ring. */
struct ioloop__completed {
  uint64_t user_data;
  int result;
  uint32_t flags; /* IORING_CQE_F_*, and this: the result of a call, not of a request */
};
#define IOLOOP__RING_BY_CALL (UINT32_C(1) << 31)

/* Buffers that the kernel picks from, one group for each kind of receiving. */
struct ioloop__ring_buffers {
  struct io_uring_buf_ring *ring;
  char *memory;
  size_t size, stride; /* of each */
  unsigned first;      /* id: completions do not name the group */
  unsigned count;      /* a power of two */
};

struct ioloop__ring {
  struct ioloop *loop;
  struct io_uring uring;
  unsigned thread; /* that runs the loop: the kernel takes requests of no other. 0: none yet */
  unsigned fork_count;
  unsigned in_kernel; /* operations that are a request, or have been, and are not over */

  /* Of other threads, or before the first run: requests, and descriptors to be armed. */
  struct io_uring_sqe *held;
  size_t held_count, held_capacity;
  int *late;
  size_t late_count, late_capacity;
  bool rebuilt;         /* the ring is new: every descriptor is late */
  uint32_t poll_number; /* of the last poll that was armed */
  int error; /* the kernel takes no requests from us, and operations were given up: each wait fails,
              * as completions may come for what no longer exists */

  /* Polls that have fired and are armed again when the handlers have run: before the next wait. */
  int *rearm;
  int rearm_count, rearm_capacity;

  /* Of operations, taken out by the wait, and reported up to reported_count. */
  struct ioloop__completed completed[IOLOOP__RING_RESULTS];
  int completed_count, reported_count;

  /* Taken out of turn, by a cancel that made room for its own: the next waits begin with these. */
  struct ioloop__completed *stash;
  size_t stash_count, stash_at, stash_capacity;

  /* Quiet sends, in the order of their submission. The first unreported_done are over, which is
   * reported next. */
  struct {
    struct ioloop__op *op; /* NULL: it failed, which has been reported */
    size_t size;
  } unreported[IOLOOP__RING_QUIET_MAX];
  int unreported_count, unreported_done;
  /* The first unreported_marked have been submitted, and are over once the completion ring has been
   * read up to unreported_mark. */
  int unreported_marked;
  unsigned unreported_mark;
  bool flush_quiet; /* do not block before these are reported */
  bool begun;       /* an operation, since the last wait */

  struct ioloop__ring_buffers buffers[IOLOOP__RING_GROUPS];
};

/* What is known of a descriptor. */
struct ioloop__ring_slot {
  uint32_t number; /* of the poll that is pending, if it is */
  uint8_t mask;    /* what the core wants watched */
  uint8_t arming;
  bool late; /* on that list */
};

/* A forked child's copy, which is still the parent's ring. */
bool ioloop__ring_is_inherited(const struct ioloop__ring *ring);

/* Of the calling thread. Else there is no entry, and nothing is submitted. */
bool ioloop__ring_is_ours(const struct ioloop__ring *ring);

/* A free entry of the submission ring; what is queued is submitted if there is none. NULL: the
 * kernel takes no more. */
struct io_uring_sqe *ioloop__ring_entry(struct ioloop__ring *ring);

/* The same for an operation. In another thread the entry is held for the next run. */
struct io_uring_sqe *ioloop__ring_operation(struct ioloop__ring *ring);

/* Submit what is queued, and let the kernel finish the work it deferred until our call. */
int ioloop__ring_submit(struct ioloop__ring *ring);

/* A completion of a quiet send: it has failed. Of others nothing happens. */
void ioloop__ring_note_quiet(struct ioloop__ring *ring, uint64_t user_data);

/* io_uring_setup.c */
int ioloop__ring_probe(const char *variant, char *reason, size_t size);
int ioloop__ring_init(struct ioloop *loop, void *state, const char *variant);
/* Put a new ring, which no thread has yet, in the place of this one, which has no operations. 0 or
 * -errno, and all is as it was. */
int ioloop__ring_replace(struct ioloop__ring *ring);

/* io_uring_completion.c */
/* The index of a quiet send among those not yet reported; -1: it is none, or over. */
int ioloop__ring_find_unreported(const struct ioloop__ring *ring, const struct ioloop__op *op);
void ioloop__ring_report(struct ioloop *loop, struct ioloop__ring *ring,
                         const struct ioloop__completed *completed);
/* All, with another ring; with this one, those that are not yet. */
int ioloop__ring_register_buffers(struct ioloop__ring *ring, struct io_uring *uring);
void ioloop__ring_free_buffers(struct ioloop__ring *ring);
extern const struct ioloop_completion ioloop__ring_completion;

/* io_uring_cancel.c */
void ioloop__ring_stop(void *state, struct ioloop__op *op);
void ioloop__ring_cancel(struct ioloop *loop, void *state, struct ioloop__op *op);
/* Keep a completion for the next wait; false: no memory. */
bool ioloop__ring_stash(struct ioloop__ring *ring, struct ioloop__completed completed);
bool ioloop__ring_reserve_stash(struct ioloop__ring *ring);
/* The next completion of an operation, wherever it is by now; they are in this order. */
bool ioloop__ring_take(struct ioloop__ring *ring, const struct ioloop__op *op,
                       struct ioloop__completed *ret);
/* A quiet send without a completion is over once it has been submitted. */
bool ioloop__ring_is_silently_over(struct ioloop *loop, struct ioloop__ring *ring,
                                   struct ioloop__op *op);
/* Results that the kernel still delivers are not reported. */
void ioloop__ring_give_up(struct ioloop *loop, struct ioloop__ring *ring, struct ioloop__op *op);

/* io_uring_threads.c */
int ioloop__ring_moved(struct ioloop *loop, void *state);
/* In the thread of the ring, before a wait: start what was held. */
void ioloop__ring_catch_up(struct ioloop *loop, struct ioloop__ring *ring);
struct io_uring_sqe *ioloop__ring_hold(struct ioloop__ring *ring);
int ioloop__ring_watch_late(struct ioloop__ring *ring, int fd, struct ioloop__ring_slot *slot);
void ioloop__ring_unwatch_elsewhere(struct ioloop__ring *ring, uint64_t poll_data);
/* Send now, by a system call, and keep the result for the next wait. */
int ioloop__ring_send_elsewhere(struct ioloop__ring *ring, struct ioloop__op *op, int fd,
                                const struct msghdr *message);
/* One that was only held is over; false: it is not. By the ring's own thread too, before a wait. */
bool ioloop__ring_stop_held(struct ioloop__ring *ring, struct ioloop__op *op);
void ioloop__ring_cancel_elsewhere(struct ioloop *loop, struct ioloop__ring *ring,
                                   struct ioloop__op *op);
void ioloop__ring_free_held(struct ioloop__ring *ring);

/* io_uring.c: arm what the slot asks for; 0 or -ENOMEM. */
int ioloop__ring_arm_late(struct ioloop__ring *ring, int fd, struct ioloop__ring_slot *slot);
void ioloop__ring_forget_fired(struct ioloop__ring_slot *slot);

#endif
