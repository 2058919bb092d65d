/* SPDX-License-Identifier: MIT */
/*
 * backend.h - the contract between the loop and an I/O model. This one works, on poll(2):
 *
 *   struct state { // of each loop; the core has zeroed it
 *     struct pollfd *fds; // indexed by descriptor; poll passes over those with .fd == -1
 *     int size, last;     // last: reported last; the next wait begins behind it
 *   };
 *   static int init(struct ioloop *loop, void *state, const char *variant) {
 *     return 0;
 *   }
 *   static void fini(struct ioloop *loop, void *state) {
 *     free(((struct state *)state)->fds);
 *   }
 *   static int modify(struct ioloop *loop, void *state, uint64_t token, unsigned old, unsigned now,
 *                     void *slot) {
 *     struct state *s = state;
 *     int fd = (int)(uint32_t)token, r = old ? 0 : ioloop__check_fd(fd);
 *     if (r == 0 && fd >= s->size) {
 *       struct pollfd *fds = realloc(s->fds, ((size_t)fd + 1) * sizeof *fds);
 *       if (!fds)
 *         return -ENOMEM;
 *       for (s->fds = fds; s->size <= fd; s->size++)
 *         fds[s->size].fd = -1;
 *     }
 *     if (r == 0)
 *       s->fds[fd] = (struct pollfd){.fd = now ? fd : -1, .events = (short)now};
 *     return r;
 *   }
 *   static int wait_ready(struct ioloop *loop, void *state, uint64_t timeout_ns,
 *                         struct ioloop_ready *ready, int capacity) {
 *     struct state *s = state;
 *     uint64_t ms = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0); // FOREVER: 24 days
 *     uint64_t begun = ioloop__call_begins(loop);
 *     int n = 0, found = poll(s->fds, (nfds_t)s->size, ms < INT_MAX ? (int)ms : INT_MAX);
 *     int error = found < 0 ? -errno : 0;
 *     ioloop__call_ended(loop, "poll", -1, error ? error : found, begun);
 *     for (int i = 0; i < s->size && found > 0 && n < capacity; i++) {
 *       s->last = (s->last + 1) % s->size;
 *       unsigned events = (unsigned)s->fds[s->last].revents;
 *       if (events & POLLNVAL)
 *         ioloop__fd_gone(loop, s->last);
 *       else if (events)
 *         ready[n++] = (struct ioloop_ready){events, ioloop__token(loop, s->last)};
 *     }
 *     return error ? error : n;
 *   }
 *   const struct ioloop_backend ioloop__skeleton = {.name = "skeleton",
 *       .state_size = sizeof(struct state), .init = init, .fini = fini, .modify = modify,
 *       .wait = wait_ready, .after_fork = fini};
 *
 * To add one: a file here (this one includes limits.h, poll.h and stdlib.h), a line in meson.build, a
 * line in src/loop/registry.c; (void) for each unused parameter avoids warnings. Then read poll.c,
 * which also goes on where the limit of descriptors was lowered below what it polls (behaviours 126
 * and 134); this one then fails with -EINVAL.
 *
 * A backend only translates. The core passes on changes of interest one at a time, calls wait, and
 * gets an array of what is ready; only the core calls user code. So a handler can do anything
 * without upsetting a backend's iteration, and every model shares one dispatch path (the fairness
 * condition of a comparison).
 *
 * A backend knows this file and the system, nothing above it. It never prints, keeps all it knows
 * in the memory the core gives it, and reports failures as -errno. One call is made at a time:
 * `wait` by the thread that runs the loop, the others also by any thread while it does not run.
 *
 * Tokens. `token` is generation << 32 | fd. The generation changes whenever the number is added for
 * a new owner, so that the core recognises a report meant for an earlier one. Where the kernel
 * carries 64 bits with an event, put the token there; elsewhere rebuild it from the fd with
 * ioloop__token().
 *
 * Masks are of IOLOOP_READ and IOLOOP_WRITE (POLLIN and POLLOUT). A report uses them too, and
 * IOLOOP_ERROR (POLLERR | POLLHUP) for a descriptor that failed or hung up, which the core turns
 * into every event that was asked for.
 */
#ifndef IOLOOP_BACKEND_H
#define IOLOOP_BACKEND_H

#include <errno.h>
#include <time.h>

#include "completion.h"
#include "ioloop/ioloop.h"
#include "observe.h"

/* A report. Laid out like Linux's struct epoll_event, so that epoll_wait fills it in place. */
#ifdef __x86_64__
#define IOLOOP__PACKED __attribute__((packed))
#else
#define IOLOOP__PACKED
#endif
struct IOLOOP__PACKED ioloop_ready {
  uint32_t events;
  uint64_t token;
};

struct ioloop_backend {
  const char *name;            /* as in --backend=; lower case */
  const char *const *variants; /* what may follow the colon of "libevent:poll", up to a NULL; NULL:
                                * there are none */
  unsigned features;           /* IOLOOP_F_* */
  size_t state_size;           /* the core allocates both, zeroed: per loop ... */
  size_t slot_size;            /* ... and per descriptor; a slot may move between calls */

  /* ---- the five you write --------------------------------------------------------------- */

  /* 0 or -errno; on failure nothing is left behind and fini is not called. Before fini the core
   * removes every descriptor. `variant` is one of `variants`, or NULL. */
  int (*init)(struct ioloop *loop, void *state, const char *variant);
  void (*fini)(struct ioloop *loop, void *state);

  /*
   * One verb for every change of interest: `old` is what the backend watches, `now` what it must
   * watch. old == now asks to look again (signal-driven backends only: the program did something
   * the kernel does not announce).
   *
   * add     old == 0. Fails at once where the descriptor cannot be watched: -EBADF, -EPERM,
   *         -ENOSPC, -ENOMEM ...
   * change  -ENOENT: the kernel's entry is gone, the number is another file's now; the core adds it
   *         again. A passing error (ioloop__is_passing): the core removes it, and tries to add it
   *         again after a pause. Any other: the core drops the registration.
   * remove  now == 0. Comes before ioloop_remove_handler returns: the descriptor is still open,
   *         unless the program broke the rule, and may be closed and its number reused right after.
   *         Cannot fail: the result is ignored.
   */
  int (*modify)(struct ioloop *loop, void *state, uint64_t token, unsigned old, unsigned now,
                void *slot);

  /*
   * Wait up to timeout_ns (0: do not block; IOLOOP_FOREVER), rounded UP to what the call can do,
   * so that nothing fires early. Fill at most `capacity` entries, each descriptor at most once, and
   * return their count. All that are ready when the wait ends are reported. There is room for every
   * registered descriptor, unless the core had no memory for it; the rest must then come next, before
   * any of these again. After a passing error the core waits again, at once if it is -EINTR, else after a
   * pause; any other ends the loop. Report each system call that waits or fetches: observe.h.
   */
  int (*wait)(struct ioloop *loop, void *state, uint64_t timeout_ns, struct ioloop_ready *ready,
              int capacity);

  /* In a forked child, instead of fini: release our copies (close descriptors, free memory) and
   * touch nothing that is shared with the parent. */
  void (*after_fork)(struct ioloop *loop, void *state);

  /* ---- the rest may be NULL ------------------------------------------------------------- */

  /* Can it run here? 0, or -errno with the reason in words: which call was refused, and by what.
   * Without a probe: always. */
  int (*probe)(const char *variant, char *reason, size_t reason_size);

  /* For kernels that keep a set: `token` was reported, and is not watched. In the iteration in
   * which it was removed that is normal; later the kernel has an entry that no number can remove.
   */
  void (*stale)(struct ioloop *loop, void *state, uint64_t token);

  /* Where the kernel's interface may consume SO_ERROR: the last error of a registered descriptor's
   * socket that came with a report, as an errno; 0: none. */
  int (*taken_error)(struct ioloop *loop, int fd);

  /*
   * For kernels that notify, or serve, one thread: the calling thread is about to run the loop, for
   * the first time, or after another thread. It becomes the one whose signals or requests these
   * are; readiness that was announced to the other must not be lost. 0, or -errno, with which the
   * run ends before it begins; then the next run calls it again. What changes while the loop does
   * not run may be changed by a third thread: the backend must notice that itself.
   */
  int (*moved)(struct ioloop *loop, void *state);

  /* Does the model take this signal from the queue itself? NULL: none. */
  bool (*takes_signal)(const void *state, int signo);

  /* IOLOOP_F_COMPLETION: the model's other face, which the streams use. News of operations are one
   * entry of a wait's report, with the token of the descriptor that completion->fd names; the core
   * then calls completion->dispatch. */
  const struct ioloop_completion *completion;
};

/* ---- what a backend may ask of the core ---------------------------------------------- */

/* The current token of a registered descriptor. */
uint64_t ioloop__token(const struct ioloop *loop, int fd);

/* The calling thread's number, which no other thread ever has; a forked child's thread has that of
 * the thread that forked. */
unsigned ioloop__this_thread(void);

/* The descriptor's slot_size bytes; valid until the next change of the table. */
void *ioloop__slot(const struct ioloop *loop, int fd);

/* Found closed although registered (POLLNVAL, EBADF): the core drops the registration, counts
 * it, and calls modify(now = 0) from inside. Allowed in wait only. */
void ioloop__fd_gone(struct ioloop *loop, int fd);

/* The kernel's set was replaced by an empty one: calls modify(old = 0) for each descriptor that is
 * watched, with the token it has. Those that are refused are given up or tried again, as changes
 * are. Allowed in wait, moved and stale. */
void ioloop__add_again(struct ioloop *loop);

/* An -errno that says nothing about the descriptor or the call: a signal came, or the kernel is
 * short of something. It may work the next time. */
static inline bool ioloop__is_passing(int error) {
  return error == -EINTR || error == -EAGAIN || error == -ENOMEM || error == -ENOBUFS ||
         error == -ENOSPC || error == -EMFILE || error == -ENFILE;
}

/* A timeout as system calls take it: three years at most, as macOS's kevent refuses 10^8 s. */
static inline struct timespec ioloop__timespec(uint64_t timeout_ns) {
  const uint64_t longest = 99999999;
  uint64_t seconds = timeout_ns / 1000000000;
  return (struct timespec){.tv_sec = (time_t)(seconds < longest ? seconds : longest),
                           .tv_nsec = (long)(timeout_ns % 1000000000)};
}

/* How long to leave the kernel alone then, and a sleep of that length; a signal ends it. */
#define IOLOOP__PAUSE_NS UINT64_C(10000000)
void ioloop__pause(void);

/* 0 if a descriptor can be waited for; -EBADF; -EPERM for the kinds that are always ready
 * (regular files, directories, devices without poll), so that every model says the same. */
int ioloop__check_fd(int fd);

/* No descriptor has this number. */
bool ioloop__is_closed(int fd);

/* A signal was taken. fd and band as in siginfo, or -1 and 0 where the kernel does not name them;
 * the last of the parameters as the observer's. */
void ioloop__note_signal(struct ioloop *loop, int signo, int fd, int band, unsigned queued);

/* Count and report: the queue of signals or completions was full; `count` descriptors that only
 * the safety scan found. */
void ioloop__note_overflow(struct ioloop *loop);
void ioloop__note_rescue(struct ioloop *loop, uint64_t count);

/* The other counters. */
struct ioloop_metrics *ioloop__metrics(struct ioloop *loop);

#endif
