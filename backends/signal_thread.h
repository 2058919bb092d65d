/* SPDX-License-Identifier: MIT */
/*
 * signal_thread.h - a thread that runs signal-driven loops: which signals it keeps blocked for
 * them, and what the loops of one thread know of each other.
 */
#ifndef IOLOOP_SIGNAL_THREAD_H
#define IOLOOP_SIGNAL_THREAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A set of the signals that matter here: SIGIO, and the real-time signals. */
#define IOLOOP__BIT_SIGIO UINT32_C(1)
uint32_t ioloop__signal_bit(int signo); /* 0: one that does not fit */

struct ioloop__signal_thread {
  pid_t id;         /* to send signals to */
  unsigned sigios;  /* SIGIOs that its loops have taken: each is for all of them */
  uint32_t blocked; /* by us; the thread alone knows its mask */
  unsigned fork_count;
  atomic_uint holders; /* the thread itself, and the loops that it ran last, or made */
  atomic_uint users;   /* loops whose descriptors signal it, or may */
  atomic_uint numbers; /* real-time signals of its loops: one each */
  atomic_uint kept;    /* may arrive forever */
  atomic_uint left;    /* of loops that are gone: may be pending */
};

/* That of the calling thread. NULL: no memory. */
struct ioloop__signal_thread *ioloop__signal_thread(void);

/* The same, but NULL if it has none yet. */
struct ioloop__signal_thread *ioloop__signal_thread_if_any(void);

/* What a loop has of a thread. */
struct ioloop__signal_claim {
  struct ioloop__signal_thread *thread; /* that runs it, or makes it */
  uint32_t signals;                     /* that its descriptors raise */
  bool owns;                            /* it has been run there: they are blocked */
};

/* Reserve the real-time one of `signals` for a loop that the calling thread makes. 0 or -ENOMEM. */
int ioloop__claim_make(struct ioloop__signal_claim *claim, uint32_t signals);

/* The calling thread runs the loop: block the signals here. *before is given up by the caller when
 * no descriptor signals that thread any longer. -EBUSY: where SIGIO cannot be sent to a thread,
 * another one runs such loops. */
int ioloop__claim_move(struct ioloop__signal_claim *claim, uint32_t signals,
                       struct ioloop__signal_claim *before);

/* Give up; in the thread itself, unblock what no loop needs any longer, after taking what is
 * pending: the default action terminates the process. Another thread cannot: then it is done by
 * that thread's next claim. `lost`: signals may come forever; they stay blocked there. */
void ioloop__claim_drop(struct ioloop__signal_claim *claim, bool lost);

/* The same in a forked child, where nothing is pending and nothing will be raised. */
void ioloop__claim_forget(struct ioloop__signal_claim *claim);

/* rtsig_signal.c: a real-time signal that no loop of the calling thread has. -ENOSPC. */
int ioloop__find_signal(void);

#endif
