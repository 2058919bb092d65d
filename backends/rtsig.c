/* SPDX-License-Identifier: MIT */
/*
 * rtsig.c - signal-driven I/O with queued real-time signals (Linux 2.4; fcntl(2): F_SETSIG,
 * F_SETOWN_EX; signalfd(2), 2.6.22; signal(7), sigqueue(3)).
 *
 * Classic SIGIO says "something, somewhere" (sigio.c). With F_SETSIG the kernel raises a real-time
 * signal instead. These are queued one by one, each with a siginfo that has the descriptor (si_fd)
 * and the event (si_band). Before epoll this was how Linux served many connections: a wake-up costs
 * O(events), however many are registered. epoll was made to mend its flaws:
 *
 *   - The queue is bounded (RLIMIT_SIGPENDING, counted per user across processes). When it is full,
 *     the signal is dropped and a plain SIGIO raised: from then on any descriptor may be ready.
 *   - Signals are edges, one per packet, even while earlier data is still unread; and each must be
 *     fetched although it adds nothing.
 *   - They are hints: by the time the signal is read, the data may be gone, the descriptor closed,
 *     or its number another file's. A siginfo has no room for a token.
 *
 * A signal is therefore never reported. It makes its descriptor "hot", and one poll() of the hot
 * ones decides. The signals are read from a signalfd, which is among the hot descriptors:
 *
 *      hot: [ signalfd | clock | fd 7 | fd 12 | ... ]     cold: all others
 *
 *      poll(hot)       not ready: becomes cold
 *      signalfd        128 signals per read: their descriptors become hot
 *      report          what is ready; it stays hot and is polled again in the next wait
 *
 * A busy connection stays hot, so that its next request costs no more than with poll: one poll for
 * all of them, one read of the signalfd for all signals, and its own read and write. At one
 * connection those are 4 system calls a request (epoll: 3), at fifty busy ones 2.5.
 *
 * Why nothing is lost: a cold descriptor was seen not ready by a poll made after it was armed, so
 * its next change raises a signal, or a SIGIO that makes all of them hot. This depends on two
 * orders: arm first, then poll; and make cold by a poll that was made *before* signals are read.
 *
 * Surprises
 *   - si_fd is the number through which O_ASYNC was switched on. Switching it on again, through a
 *     dup, changes nothing: it must be off first.
 *   - F_SETOWN means the process: any thread may get the signal. F_SETOWN_EX with F_OWNER_TID
 *     (2.6.32) means a thread. A signalfd reads the queue of the calling thread and that of the
 *     process: it may take a SIGIO that another process has sent to the whole process.
 *   - If another thread runs the loop, it makes itself the owner of each descriptor, and all become
 *     hot: what was queued for the old one is forgotten without harm. Each loop of a thread has a
 *     signal of its own, of about 30; a SIGIO that one of them takes makes all of them look.
 *   - Not every descriptor signals, and not at every change (signalling.c). The others stay hot
 *     forever.
 *   - Clearing O_ASYNC stops further signals but leaves those in the queue; close() does neither
 *     while a dup or a child keeps the file open. So remove clears it. Queued signals are taken
 *     before the signal is unblocked (signal_thread.c), as its default action terminates the
 *     process. If a file that we armed cannot be disarmed because its number is gone, the signal
 *     stays blocked in this thread.
 *   - A program's fcntl(fd, F_SETFL, O_NONBLOCK) clears O_ASYNC without notice, and a change of uid
 *     stops signals (the process that became owner must be permitted to send them). So a timerfd
 *     triggers a poll of the cold descriptors once a second; with it no clock is read and no wait
 *     is cut short. Those found ready without a signal are counted as rescued, and all are armed
 *     again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "signalling.h"

enum {
  SIGNALS, /* the places of the fixed members of the set */
  CLOCK,
  BATCH = 128,      /* signals per read */
  MAX_BATCHES = 16, /* reads per wait, and one for each BATCH descriptors */
  /* After an overflow that follows another within OVERFLOW_NEAR waits, signals do not keep up:
   * all are polled for a number of waits, which doubles while this continues. */
  OVERFLOW_NEAR = 64,
  PLAIN_MIN = 256,
  PLAIN_MAX = 65536,
};

struct state {
  struct ioloop__signalling base;
  int signo;
  int signals, clock; /* signalfd, timerfd */
  int highest;        /* descriptor number seen */
  bool ticking;       /* the clock, while any is armed */
  uint32_t waits_since_overflow;
  uint32_t plain_length, plain_left; /* waits without signals, of how many */
};

/* ---- registrations ------------------------------------------------------------------ */

/* FIOASYNC, unlike F_SETFL, touches no other flag, and reports when it cannot set this one. */
static int arm(const struct ioloop__signalling *base, int fd) {
  const struct state *s = (const struct state *)base;
  struct f_owner_ex owner = {.type = F_OWNER_TID, .pid = base->claim.thread->id};
  int off = 0, on = 1;
  if (fcntl(fd, F_SETOWN_EX, &owner) < 0 || fcntl(fd, F_SETSIG, s->signo) < 0 ||
      ioctl(fd, FIOASYNC, &off) < 0 || ioctl(fd, FIOASYNC, &on) < 0)
    return -errno;
  return 0;
}

/* A process that shares the file and sets O_ASYNC expects SIGIO, not our signal. */
static int disarm(int fd) {
  int r = ioloop__disarm(fd);
  return !r && fcntl(fd, F_SETSIG, 0) < 0 ? -errno : r;
}

static void tick_while_armed(struct state *s) {
  bool ticking = s->base.armed > 0;
  if (ticking == s->ticking)
    return;
  s->ticking = ticking;
  struct itimerspec second = {.it_interval = {.tv_sec = ticking}, .it_value = {.tv_sec = ticking}};
  timerfd_settime(s->clock, 0, &second, NULL);
}

static int modify(struct ioloop *loop, void *state, uint64_t token, unsigned old, unsigned now,
                  void *slot) {
  struct state *s = state;
  int fd = (int)(uint32_t)token;
  int r = ioloop__signalling_modify(loop, state, token, old, now, slot);
  if (fd > s->highest)
    s->highest = fd;
  tick_while_armed(s);
  return r;
}

/* ---- signals ------------------------------------------------------------------------ */

static void watch_signals(struct state *s, bool on) {
  s->base.set.fds[SIGNALS].fd = on ? s->signals : -1; /* poll ignores negative numbers */
  s->base.set.fds[CLOCK].fd = on ? s->clock : -1;
}

static void begin_plain(struct state *s) {
  uint32_t longer = s->plain_length * 2;
  s->plain_length = longer < PLAIN_MIN ? PLAIN_MIN : longer > PLAIN_MAX ? PLAIN_MAX : longer;
  s->plain_left = s->plain_length;
  watch_signals(s, false);
}

static void on_overflow(struct state *s) {
  ioloop__signalling_took_sigio(&s->base);
  ioloop__note_overflow(s->base.set.loop);
  s->base.set.hot = s->base.set.count;
  if (s->waits_since_overflow < OVERFLOW_NEAR)
    begin_plain(s);
  else
    s->plain_length = 0;
  s->waits_since_overflow = 0;
}

/* Any process that may signal us can write to the queue: accept only the kernel's own signals, and
 * those only as a reason to poll. */
static void on_signal(struct state *s, const struct signalfd_siginfo *info, unsigned queued) {
  bool ours = info->ssi_signo == (uint32_t)s->signo && info->ssi_code > 0;
  int fd = ours ? info->ssi_fd : -1;
  ioloop__note_signal(s->base.set.loop, (int)info->ssi_signo, fd, ours ? (int)info->ssi_band : 0,
                      queued);
  if (info->ssi_signo == SIGIO)
    on_overflow(s);
  if (fd < 0 || fd > s->highest)
    return;
  ioloop__pollset_hint(&s->base.set, fd);
}

/* 1: the queue is empty; 0: it is not; -errno. */
static int take_signals(struct state *s) {
  struct signalfd_siginfo queued[BATCH];
  for (uint32_t i = 0; i < MAX_BATCHES + s->base.set.count / BATCH; i++) {
    uint64_t begun = ioloop__call_begins(s->base.set.loop);
    ssize_t n = read(s->signals, queued, sizeof queued);
    int size = ioloop__call_returned(s->base.set.loop, "read", s->signals, n, begun);
    if (size < 0 && size != -EAGAIN)
      return size;
    size_t count = size > 0 ? (size_t)size / sizeof queued[0] : 0;
    for (size_t k = 0; k < count; k++)
      on_signal(s, &queued[k], (unsigned)(count - k));
    if (count < BATCH)
      return 1;
  }
  return 0;
}

/* ---- the safety scan ---------------------------------------------------------------- */

static bool cold_one_ready(const struct state *s) {
  for (uint32_t i = s->base.set.hot; i < s->base.set.count; i++)
    if (s->base.set.fds[i].revents)
      return true;
  return false;
}

/* Ready without a signal. */
static void rescue(struct state *s) {
  uint64_t rescued = 0;
  for (uint32_t i = s->base.set.hot; i < s->base.set.count;) {
    struct pollfd entry = s->base.set.fds[i];
    if (entry.revents & POLLNVAL && ioloop__pollset_gone(&s->base.set, entry.fd))
      continue;
    rescued += entry.revents != 0;
    s->base.set.fds[i++].revents = 0;
  }
  if (!rescued)
    return;
  ioloop__note_rescue(s->base.set.loop, rescued);
  ioloop__signalling_arm_again(&s->base);
  tick_while_armed(s);
  s->base.set.hot = s->base.set.count;
}

/* Poll the cold descriptors. For one found ready, a signal may be queued or under way: it becomes
 * hot by that signal, and its entry is cleared. */
static void scan(struct state *s) {
  uint64_t ticks;
  (void)!read(s->clock, &ticks, sizeof ticks);
  uint32_t cold = s->base.set.count - s->base.set.hot;
  if (!cold || take_signals(s) <= 0)
    return;
  cold = s->base.set.count - s->base.set.hot;
  if (ioloop__poll_ns(s->base.set.loop, s->base.set.fds + s->base.set.hot, cold, 0) <= 0)
    return;
  struct pollfd signals = {.fd = s->signals, .events = POLLIN};
  take_signals(s);
  while (cold_one_ready(s) &&
         ioloop__poll_ns(s->base.set.loop, &signals, 1, IOLOOP__SIGNAL_GRACE_NS) > 0)
    take_signals(s);
  rescue(s);
}

/* ---- waiting ------------------------------------------------------------------------ */

/* Any may be ready: another thread ran the loop, or a sibling took the SIGIO of an overflow. */
static void look_at_all(struct state *s) {
  ioloop__signalling_catch_up(&s->base);
  tick_while_armed(s);
  s->base.set.hot = s->base.set.count;
}

/* All are hot, and none becomes cold. */
static int wait_plain(struct state *s, uint64_t timeout_ns) {
  if (--s->plain_left == 0) {
    watch_signals(s, true);
    s->waits_since_overflow = 0;
  }
  return ioloop__pollset_poll_all(&s->base.set, timeout_ns);
}

static int poll_ready(struct ioloop__pollset *set, uint64_t timeout_ns) {
  struct state *s = (struct state *)set;
  if (ioloop__signalling_is_behind(&s->base))
    look_at_all(s);
  s->waits_since_overflow++;
  if (s->plain_left)
    return wait_plain(s, timeout_ns);
  int r = ioloop__pollset_poll_hot(&s->base.set, timeout_ns);
  if (r)
    return r;
  bool signalled = s->base.set.fds[SIGNALS].revents, ticked = s->base.set.fds[CLOCK].revents;
  if (signalled && (r = take_signals(s)) < 0)
    return r;
  if (ticked)
    scan(s);
  if ((signalled || ticked) && s->base.set.left == 0)
    return ioloop__pollset_poll_hot(&s->base.set, 0); /* those that became hot */
  return 0;
}

/* ---- beginning and end -------------------------------------------------------------- */

/* Every queued signal counts against the soft limit, which we may raise up to the hard one. */
static void raise_queue_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_SIGPENDING, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
    return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_SIGPENDING, &limit); /* a longer queue is a convenience */
}

static int probe(const char *variant, char *reason, size_t reason_size) {
  (void)variant;
  int signo = ioloop__find_signal();
  if (signo < 0) {
    snprintf(reason, reason_size,
             "no real-time signal is left: each has a handler in this process, or a loop in this "
             "thread");
    return signo;
  }
  sigset_t none;
  sigemptyset(&none);
  int fd = signalfd(-1, &none, SFD_CLOEXEC);
  if (fd < 0) {
    int error = errno;
    snprintf(reason, reason_size, "signalfd: %s", strerror(error));
    return -error;
  }
  close(fd);
  return 0;
}

static uint32_t signals_of(const struct state *s) {
  return ioloop__signal_bit(s->signo) | IOLOOP__BIT_SIGIO;
}

/* A new signalfd, or another signal for the old one. */
static int open_signals(struct state *s, int signo) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, signo);
  sigaddset(&signals, SIGIO);
  int fd = signalfd(s->signals, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd < 0)
    return -errno;
  s->signals = fd;
  s->signo = signo;
  return 0;
}

static int open_set(struct state *s, struct ioloop *loop, int signo) {
  ioloop__pollset_init(&s->base.set, loop, poll_ready);
  int r = open_signals(s, signo);
  if (r)
    return r;
  s->clock = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (s->clock < 0)
    return -errno;
  r = ioloop__pollset_add_fixed(&s->base.set, s->signals);
  return r ? r : ioloop__pollset_add_fixed(&s->base.set, s->clock);
}

static void close_set(struct state *s) {
  if (s->signals >= 0)
    close(s->signals);
  if (s->clock >= 0)
    close(s->clock);
  ioloop__pollset_fini(s->base.set.loop, s);
}

static int init(struct ioloop *loop, void *state, const char *variant) {
  (void)variant;
  struct state *s = state;
  s->base.arm = arm;
  s->base.disarm = disarm;
  s->signals = s->clock = -1;
  s->waits_since_overflow = OVERFLOW_NEAR;
  int signo = ioloop__find_signal();
  if (signo < 0)
    return signo;
  raise_queue_limit();
  int r = open_set(s, loop, signo);
  if (!r)
    r = ioloop__claim_make(&s->base.claim, signals_of(s));
  if (r)
    close_set(s);
  return r;
}

/* In another thread a sibling may have our signal. */
static int moved(struct ioloop *loop, void *state) {
  (void)loop;
  struct state *s = state;
  if (s->base.claim.thread != ioloop__signal_thread_if_any()) {
    int signo = ioloop__find_signal();
    int r = signo < 0 || signo == s->signo ? signo : open_signals(s, signo);
    if (r < 0)
      return r;
  }
  return ioloop__signalling_move(&s->base, signals_of(s));
}

/* The core has removed every descriptor: none of ours signals now. */
static void fini(struct ioloop *loop, void *state) {
  (void)loop;
  struct state *s = state;
  close_set(s);
  ioloop__claim_drop(&s->base.claim, s->base.lost);
}

static void after_fork(struct ioloop *loop, void *state) {
  (void)loop;
  struct state *s = state;
  close_set(s);
  ioloop__claim_forget(&s->base.claim);
}

static bool takes_signal(const void *state, int signo) {
  const struct state *s = state;
  return signo == s->signo || signo == SIGIO;
}

const struct ioloop_backend ioloop__rtsig = {
    .name = "rtsig",
    .features = IOLOOP_F_SCALES | IOLOOP_F_SIGNAL_DRIVEN | IOLOOP_F_NS_TIMEOUT,
    .state_size = sizeof(struct state),
    .slot_size = sizeof(struct ioloop__watch),
    .probe = probe,
    .init = init,
    .fini = fini,
    .modify = modify,
    .wait = ioloop__pollset_wait,
    .after_fork = after_fork,
    .moved = moved,
    .takes_signal = takes_signal,
};
