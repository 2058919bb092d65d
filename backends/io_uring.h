/* SPDX-License-Identifier: MIT */
/*
 * io_uring.h - what the files of this backend share:
 *
 *      io_uring.c             the ring in use: submitting, waiting, and readiness by poll requests
 *      io_uring_setup.c       making it, and whether that is possible
 *      io_uring_completion.c  operations of the streams: buffers, starting, reporting
 *      io_uring_cancel.c      ending such an operation before it completes
 */
#ifndef IOLOOP_IO_URING_H
#define IOLOOP_IO_URING_H

#include <liburing.h>
#include <pthread.h>

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
  IOLOOP__RING_GROUPS = 2, /* of buffers */
};

/* A completion that was taken out of the ring. */
struct ioloop__completed {
  uint64_t user_data;
  int result;
  uint32_t flags; /* IORING_CQE_F_* */
};

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
  pthread_t thread; /* that made it: the kernel takes requests of no other */
  unsigned fork_count;
  uint32_t poll_number; /* of the last poll that was armed */
  int error; /* the kernel takes no requests from us, and operations were given up: each wait fails,
              * as completions may come for what no longer exists */

  /* Polls that have fired and are armed again when the handlers have run: before the next wait. */
  int rearm[IOLOOP__MAX_READY];
  int rearm_count;

  /* Of operations, taken out by the wait, and reported up to reported_count. */
  struct ioloop__completed completed[IOLOOP__MAX_READY];
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

/* Not ours to use: a forked child's copy, which is still the parent's ring, or another thread's.
 * Then there is no entry, and nothing is submitted. */
bool ioloop__ring_is_foreign(const struct ioloop__ring *ring);

/* A free entry of the submission ring; what is queued is submitted if there is none. NULL: the
 * kernel takes no more. */
struct io_uring_sqe *ioloop__ring_entry(struct ioloop__ring *ring);

/* Submit what is queued, and let the kernel finish the work it deferred until our call. */
int ioloop__ring_submit(struct ioloop__ring *ring);

/* A completion of a quiet send: it has failed. Of others nothing happens. */
void ioloop__ring_note_quiet(struct ioloop__ring *ring, uint64_t user_data);

/* io_uring_setup.c */
int ioloop__ring_probe(const char *variant, char *reason, size_t size);
int ioloop__ring_init(struct ioloop *loop, void *state, const char *variant);

/* io_uring_completion.c */
/* The index of a quiet send among those not yet reported; -1: it is none, or over. */
int ioloop__ring_find_unreported(const struct ioloop__ring *ring, const struct ioloop__op *op);
void ioloop__ring_report(struct ioloop *loop, struct ioloop__ring *ring,
                         const struct ioloop__completed *completed);
void ioloop__ring_free_buffers(struct ioloop__ring *ring);
extern const struct ioloop_completion ioloop__ring_completion;

/* io_uring_cancel.c */
void ioloop__ring_stop(void *state, struct ioloop__op *op);
void ioloop__ring_cancel(struct ioloop *loop, void *state, struct ioloop__op *op);

#endif
