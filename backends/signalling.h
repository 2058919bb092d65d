/* SPDX-License-Identifier: MIT */
/*
 * signalling.h - what sigio and rtsig share: which descriptors can be trusted to signal, and their
 * registration with the thread that runs the loop (signal_thread.h).
 */
#ifndef IOLOOP_SIGNALLING_H
#define IOLOOP_SIGNALLING_H

#include <signal.h>

#include "backend.h"
#include "pollset.h"
#include "signal_thread.h"

/* A signal is raised this long after poll sees its reason, at most. */
#define IOLOOP__SIGNAL_GRACE_NS UINT64_C(20000000)

/* A backend's state begins with this. */
struct ioloop__signalling {
  struct ioloop__pollset set;
  struct ioloop__signal_claim claim;
  unsigned seen;  /* of the thread's SIGIOs: those before were followed by a look at all */
  bool late;      /* some were added by a thread that does not run the loop, and are not armed */
  uint32_t armed; /* registered and armed */
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

/* ---- the thread that runs the loop ------------------------------------------------------- */

/* The calling thread is about to run the loop: it owns `signals` and all descriptors from now on,
 * and all must be looked at once. 0 or -errno. */
int ioloop__signalling_move(struct ioloop__signalling *s, uint32_t signals);

/* A sibling in this thread took a SIGIO, or another thread changed something: before anything is
 * relied on, call catch_up, then look at all. */
static inline bool ioloop__signalling_is_behind(const struct ioloop__signalling *s) {
  return s->late || s->seen != s->claim.thread->sigios;
}
void ioloop__signalling_catch_up(struct ioloop__signalling *s);

/* A SIGIO was taken, after which this loop looks at all by itself. */
static inline void ioloop__signalling_took_sigio(struct ioloop__signalling *s) {
  s->seen = ++s->claim.thread->sigios;
}

/* ---- what differs between systems for SIGIO: sigio_linux.c, sigio_bsd.c ------------------- */

/* Raise SIGIO for this descriptor, to this thread where the system can, else to the process.
 * -ENOTTY: it cannot raise it (the flag does not stick). */
int ioloop__sigio_arm(const struct ioloop__signalling *s, int fd);

/* true where SIGIO can be sent to one thread, so that every thread may have such a loop. */
extern const bool ioloop__sigio_per_thread;

/* The target of a SIGIO for the calling thread: that thread, or the process. */
pid_t ioloop__signal_target(void);

/* Take the signals of the set, which are blocked, as far as they are pending. */
void ioloop__take_pending(const sigset_t *set);

/* Begin to handle SIGIO in this thread, also if another did; end to. 0 or -errno. */
int ioloop__sigio_open(void);
void ioloop__sigio_close(void);

/* Take a SIGIO, which is blocked in this thread, waiting up to timeout_ns. 1: taken. 0: none came.
 * -errno; -EINTR: another signal did. */
int ioloop__sigio_wait(uint64_t timeout_ns);

/* The system call that it makes. */
extern const char ioloop__sigio_wait_name[];

#endif
