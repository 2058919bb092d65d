/* SPDX-License-Identifier: MIT */
/*
 * signalling.h - what sigio and rtsig share: which descriptors can be trusted to signal, and how
 * a thread comes to own the signals that they raise.
 */
#ifndef IOLOOP_SIGNALLING_H
#define IOLOOP_SIGNALLING_H

#include <signal.h>

#include "backend.h"
#include "pollset.h"

/* A descriptor's slot under both backends. */
struct ioloop__watch {
  struct ioloop__place place;
  uint8_t mask;      /* READ and WRITE, as asked for */
  uint8_t announced; /* those of which every change raises a signal; not 0: we armed it */
  uint32_t file;     /* that was armed: ioloop__file_of */
};

/* Identifies the open file; 0: closed. A number may be another file's by now, whose O_ASYNC is not
 * ours to change. Two descriptors of one FIFO, and two inotify descriptors, look alike. */
uint32_t ioloop__file_of(int fd);

/*
 * Of READ and WRITE, what an armed descriptor of this kind announces reliably. 0: nothing, or
 * another owner has armed it and it must be left as it is. What is asked for and not announced
 * makes the descriptor one that is polled in every wait.
 */
unsigned ioloop__announced(int fd);

/* What poll must ask for; pinned if no signal can be relied on for it. */
short ioloop__watch_events(const struct ioloop__watch *watch);

/* O_ASYNC off. -ENOTTY: it was not on; -EBADF: closed, or another file's number. Either way the
 * file that we armed may still be open under another number, and signalling. */
int ioloop__disarm(int fd, uint32_t file);

/* The signals of one loop: blocked in its thread as long as it lives. */
struct ioloop__claim {
  unsigned process; /* not 0: it is held for the process, and in signalling.c under this number */
};

/* Would claim_take be refused? 0, or -EBUSY with the reason in words. */
int ioloop__claim_probe(bool whole_process, char *reason, size_t reason_size);

/* Block the signals in this thread. -EBUSY: a signal-driven loop has this thread, or with
 * `whole_process`, where signals cannot be sent to a thread, this process. */
int ioloop__claim_take(struct ioloop__claim *claim, const sigset_t *signals, bool whole_process);

/* Release the claim, in a forked child too. `restore` unblocks the signals: none may be pending, as
 * their default action terminates the process. false: the claim was no longer held, because a
 * forked child has made a loop of its own since. */
bool ioloop__claim_drop(struct ioloop__claim *claim, bool restore);

/* rtsig_signal.c: a real-time signal that this process does not handle; -EBUSY: there is none. */
int ioloop__find_rt_signal(void);
void ioloop__raise_signal_queue_limit(void);

#endif
