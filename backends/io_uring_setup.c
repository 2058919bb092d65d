/* SPDX-License-Identifier: MIT */
/*
 * io_uring_setup.c - making the ring: whether this kernel has io_uring and permits it, and which of
 * its modes are available (io_uring_setup(2), io_uring_register(2)).
 *
 * Surprises
 *   - The kernel interrupts the program to finish requests. With IORING_SETUP_COOP_TASKRUN (5.19)
 *     and DEFER_TASKRUN (6.1, with SINGLE_ISSUER) it waits until the program makes a system call
 *     anyway. With the latter nothing completes until it does, and a call finishes 20 requests at most
 *     if it waits for one (6.18). IORING_SETUP_TASKRUN_FLAG (5.19) shows in the ring that there are
 *     more, and liburing, finding the ring empty, then makes another call: a wait takes all.
 *   - The rings of a user without CAP_IPC_LOCK count against RLIMIT_MEMLOCK, all loops of that user
 *     together: 200 KiB each, so 8 MiB are enough for 39. What a ring took is given back some time
 *     after it was closed or its process ended (10 to 30 ms, by a worker of the kernel). Until then
 *     the next loop may meet ENOMEM.
 *   - SINGLE_ISSUER means one thread for the life of a ring: the one that made it, or, if it was made
 *     disabled (IORING_SETUP_R_DISABLED, 5.10), the one that enables it. Here that is the one that
 *     runs the loop first. Others get EEXIST. The ring's descriptor is not registered (which saves a
 *     look-up in each call), as that belongs to a thread too, and keeps the ring, and what it
 *     watches, alive after the loop has left.
 *   - Containers often forbid it: by seccomp (EPERM or ENOSYS) or kernel.io_uring_disabled.
 */
#include "io_uring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fork.h"

enum {
  SUBMISSIONS = 1024,
  COMPLETIONS = 8192,
  FIRED = 256,   /* polls, at first */
  PATIENCE = 50, /* pauses, of 10 ms */
};

/* In the best mode that this kernel has. The parameters are valid, so a kernel that refuses them
 * (EINVAL) is too old: SUBMIT_ALL came in 5.18. */
static int try_to_open(unsigned submissions, unsigned completions, struct io_uring *uring) {
  static const unsigned modes[] = {
      IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
          IORING_SETUP_TASKRUN_FLAG,
      IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER,
      IORING_SETUP_COOP_TASKRUN,
      0,
  };
  int r = -EINVAL;
  for (size_t i = 0; r == -EINVAL && i < sizeof modes / sizeof modes[0]; i++) {
    struct io_uring_params params = {.flags = modes[i] | IORING_SETUP_CQSIZE |
                                              IORING_SETUP_SUBMIT_ALL | IORING_SETUP_R_DISABLED,
                                     .cq_entries = completions};
    r = io_uring_queue_init_params(submissions, uring, &params);
  }
  return r;
}

/* Waits for the memory of rings that were closed a moment ago. */
static int open_ring(unsigned submissions, unsigned completions, struct io_uring *uring) {
  int r = try_to_open(submissions, completions, uring);
  for (int pauses = 0; r == -ENOMEM && pauses < PATIENCE; pauses++) {
    ioloop__pause();
    r = try_to_open(submissions, completions, uring);
  }
  return r;
}

/* 0, 1 (only for some users) or 2 (for none); -1: this kernel has no such switch. */
static int switched_off(void) {
  char text[8] = "";
  int fd = open("/proc/sys/kernel/io_uring_disabled", O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return -1;
  ssize_t size = read(fd, text, sizeof text - 1);
  close(fd);
  return size > 0 ? atoi(text) : -1;
}

static void explain(int error, char *reason, size_t size) {
  int off = error == -EPERM ? switched_off() : 0;
  if (error == -EPERM && off > 0)
    snprintf(reason, size, "not permitted here (EPERM; kernel.io_uring_disabled is %d)", off);
  else if (error == -EPERM)
    snprintf(reason, size, "not permitted here (EPERM; %sa seccomp filter)",
             off < 0 ? "kernel.io_uring_disabled or " : "");
  else if (error == -ENOSYS)
    snprintf(reason, size, "not in this kernel, or hidden by a seccomp filter (ENOSYS)");
  else if (error == -EINVAL)
    snprintf(reason, size, "this kernel's is too old: needs Linux 6.0 (multishot receive)");
  else if (error == -ENOMEM)
    snprintf(reason, size, "no memory for its rings (ENOMEM; RLIMIT_MEMLOCK)");
  else
    snprintf(reason, size, "io_uring_setup: %s", strerror(-error));
}

/* Multishot receive has no opcode to probe for; it came with zero-copy send, in 6.0. 0, or -EINVAL
 * as of a kernel that has none of it. */
static int check_recent(struct io_uring *uring) {
  enum {
    OPERATIONS = IORING_OP_SEND_ZC + 1
  };
  struct io_uring_probe *known =
      calloc(1, sizeof *known + OPERATIONS * sizeof(struct io_uring_probe_op));
  if (!known)
    return -ENOMEM;
  int r = io_uring_register_probe(uring, known, OPERATIONS);
  if (!r && !io_uring_opcode_supported(known, IORING_OP_SEND_ZC))
    r = -EINVAL;
  free(known);
  return r;
}

int ioloop__ring_probe(const char *variant, char *reason, size_t size) {
  (void)variant;
  struct io_uring uring;
  int r = open_ring(1, 2, &uring);
  if (!r) {
    r = check_recent(&uring);
    io_uring_queue_exit(&uring);
  }
  if (r)
    explain(r, reason, size);
  return r;
}

int ioloop__ring_init(struct ioloop *loop, void *state, const char *variant) {
  (void)variant;
  struct ioloop__ring *ring = state;
  ring->loop = loop;
  int r = open_ring(SUBMISSIONS, COMPLETIONS, &ring->uring);
  if (r)
    return r == -EINVAL ? -ENOSYS : r;
  ring->stash = malloc(COMPLETIONS * sizeof *ring->stash);
  ring->rearm = malloc(FIRED * sizeof *ring->rearm);
  if (!ring->stash || !ring->rearm) {
    io_uring_queue_exit(&ring->uring);
    free(ring->stash);
    free(ring->rearm);
    return -ENOMEM;
  }
  ring->stash_capacity = COMPLETIONS;
  ring->rearm_capacity = FIRED;
  ring->fork_count = ioloop__fork_count();
  return 0;
}

/* The descriptor keeps its number, which the core has registered. */
static int take_number(struct io_uring *uring, struct io_uring *old) {
  if (dup3(uring->ring_fd, old->ring_fd, O_CLOEXEC) < 0)
    return -errno;
  int spare = uring->ring_fd;
  uring->ring_fd = uring->enter_ring_fd = old->ring_fd;
  old->ring_fd = old->enter_ring_fd = spare;
  return 0;
}

int ioloop__ring_replace(struct ioloop__ring *ring) {
  struct io_uring uring, discarded;
  int r = open_ring(SUBMISSIONS, COMPLETIONS, &uring);
  if (r)
    return r;
  r = ioloop__ring_register_buffers(ring, &uring);
  if (!r)
    r = take_number(&uring, &ring->uring);
  discarded = r ? uring : ring->uring;
  io_uring_queue_exit(&discarded);
  if (r)
    return r;
  ring->uring = uring;
  ring->thread = 0;
  ring->rebuilt = true;
  ring->error = 0;
  ring->unreported_mark = ring->uring.cq.khead ? *ring->uring.cq.khead : 0;
  return 0;
}
