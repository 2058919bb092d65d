/* SPDX-License-Identifier: MIT */
/*
 * signalling.h - what sigio and rtsig share: which descriptors can be trusted to signal, their
 * registration, and how a thread comes to own the signals that they raise.
 */
#ifndef IOLOOP_SIGNALLING_H
#define IOLOOP_SIGNALLING_H

#include <signal.h>

#include "backend.h"
#include "pollset.h"

/* A signal is raised this long after poll sees its reason, at most. */
#define IOLOOP__SIGNAL_GRACE_NS UINT64_C(20000000)

/* A backend's state begins with this. */
struct ioloop__signalling {
  struct ioloop__pollset set;
  unsigned process;     /* not 0: this has the process, in signalling.c under this number */
  uint32_t armed;       /* registered and armed */
  uint32_t unannounced; /* registered with an interest that is not announced */
  bool lost;            /* a file that we armed may live on where we cannot disarm it */
  /* Raise the model's signal for this descriptor, or no longer. 0 or -errno. */
  int (*arm)(const struct ioloop__signalling *s, int fd);
  int (*disarm)(int fd);
};

/* A descriptor's slot. */
struct ioloop__watch {
  struct ioloop__place place;
  uint8_t mask;      /* READ and WRITE, as asked for */
  uint8_t announced; /* those of which every change raises a signal; not 0: we armed it */
  uint32_t file;     /* that was armed */
};

/* ---- registrations ----------------------------------------------------------------------- */

/* Of struct ioloop_backend. A descriptor is armed first, and polled after that. */
int ioloop__signalling_modify(struct ioloop *loop, void *state, uint64_t token, unsigned old,
                              unsigned now, void *slot);

/* A descriptor did not signal. Whatever the reason, all are armed again, and must be polled after
 * that. Those that cannot be are polled in every wait from now on. */
void ioloop__signalling_arm_again(struct ioloop__signalling *s);

/* O_ASYNC off: `disarm` of a model for which that is all. -ENOTTY: it was not on; the file that we
 * armed may still be open under another number, and signalling. */
int ioloop__disarm(int fd);

/* ---- the signals of a thread ------------------------------------------------------------- */

/* Would claim_take be refused? 0, or -EBUSY with the reason in words. */
int ioloop__claim_probe(bool whole_process, char *reason, size_t reason_size);

/* Block the signals in this thread, as long as its loop lives. -EBUSY: a signal-driven loop has
 * this thread, or with `whole_process`, where signals cannot be sent to a thread, this process. */
int ioloop__claim_take(struct ioloop__signalling *s, const sigset_t *signals, bool whole_process);

/* Release the claim, in a forked child too. `restore` unblocks the signals: none may be pending, as
 * their default action terminates the process. false: the claim was no longer held, because a
 * forked child has made a loop of its own since. */
bool ioloop__claim_drop(struct ioloop__signalling *s, bool restore);

/* ---- what differs between systems for SIGIO: sigio_linux.c, sigio_bsd.c ------------------- */

/* Raise SIGIO for this descriptor, to this thread where the system can, else to the process.
 * -ENOTTY: it cannot raise it (the flag does not stick). */
int ioloop__sigio_arm(const struct ioloop__signalling *s, int fd);

/* true where SIGIO can be sent to one thread, so that every thread may have such a loop. */
extern const bool ioloop__sigio_per_thread;

/* Begin and end to handle SIGIO. 0 or -errno. */
int ioloop__sigio_open(void);
void ioloop__sigio_close(void);

/* Take a SIGIO, which is blocked in this thread, waiting up to timeout_ns. 1: taken. 0: none came.
 * -errno; -EINTR: another signal did. */
int ioloop__sigio_wait(uint64_t timeout_ns);

/* The system call that it makes. */
extern const char ioloop__sigio_wait_name[];

#endif
