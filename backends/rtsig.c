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
 *   - Not every descriptor signals, and not at every change (signalling.c). The others stay hot
 *     forever.
 *   - Clearing O_ASYNC stops further signals but leaves those in the queue; close() does neither
 *     while a dup or a child keeps the file open. So remove clears it. Queued signals are fetched
 *     before the signal is unblocked, as its default action terminates the process. If a file that
 *     we armed cannot be disarmed because its number is gone, the signal stays blocked in this
 *     thread.
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
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "signalling.h"

/* A signal is raised this long after poll sees its reason, at most. */
#define GRACE_NS UINT64_C(20000000)

enum {
  SIGNALS, /* the places of the fixed members of the set */
  CLOCK,
  BATCH = 128,      /* signals per read */
  MAX_BATCHES = 16, /* reads per wait */
  /* After an overflow that follows another within OVERFLOW_NEAR waits, signals do not keep up:
   * all are polled for a number of waits, which doubles while this continues. */
  OVERFLOW_NEAR = 64,
  PLAIN_MIN = 256,
  PLAIN_MAX = 65536,
};

struct state {
  struct ioloop__pollset set;
  struct ioloop__claim claim;
  int signo;
  pid_t thread;
  int signals, clock; /* signalfd, timerfd */
  int highest;        /* descriptor number seen */
  uint32_t armed;     /* registered and armed: the clock ticks while there are any */
  uint32_t waits_since_overflow;
  uint32_t plain_length, plain_left; /* waits without signals, of how many */
  bool lost; /* a file that we armed may live on where we cannot disarm it */
};

/* ---- beginning and end -------------------------------------------------------------- */

static int probe(const char *variant, char *reason, size_t reason_size) {
  if (variant) {
    snprintf(reason, reason_size, "rtsig has no variants");
    return -EINVAL;
  }
  int r = ioloop__claim_probe(false, reason, reason_size);
  if (r)
    return r;
  if (ioloop__find_rt_signal() < 0) {
    snprintf(reason, reason_size, "every real-time signal has a handler in this process");
    return -EBUSY;
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

static ioloop__look look;

static int open_set(struct state *s, struct ioloop *loop, const sigset_t *signals) {
  ioloop__pollset_init(&s->set, loop, look);
  s->signals = signalfd(-1, signals, SFD_NONBLOCK | SFD_CLOEXEC);
  if (s->signals < 0)
    return -errno;
  s->clock = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (s->clock < 0)
    return -errno;
  int r = ioloop__pollset_add_fixed(&s->set, s->signals);
  return r ? r : ioloop__pollset_add_fixed(&s->set, s->clock);
}

static void close_set(struct state *s) {
  if (s->signals >= 0)
    close(s->signals);
  if (s->clock >= 0)
    close(s->clock);
  ioloop__pollset_fini(s->set.loop, s);
}

static int init(struct ioloop *loop, void *state, const char *variant) {
  (void)variant;
  struct state *s = state;
  s->signals = s->clock = -1;
  s->thread = gettid();
  s->waits_since_overflow = OVERFLOW_NEAR;
  s->signo = ioloop__find_rt_signal();
  if (s->signo < 0)
    return s->signo;

  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, s->signo);
  sigaddset(&signals, SIGIO);
  int r = ioloop__claim_take(&s->claim, &signals, false);
  if (r)
    return r;
  ioloop__raise_signal_queue_limit();
  r = open_set(s, loop, &signals);
  if (r) {
    close_set(s);
    ioloop__claim_drop(&s->claim, true);
  }
  return r;
}

/* The core has removed every descriptor: none of ours signals now. */
static void fini(struct ioloop *loop, void *state) {
  (void)loop;
  struct state *s = state;
  struct signalfd_siginfo queued[BATCH];
  while (read(s->signals, queued, sizeof queued) > 0)
    ;
  close_set(s);
  ioloop__claim_drop(&s->claim, !s->lost);
}

static void after_fork(struct ioloop *loop, void *state) {
  (void)loop;
  struct state *s = state;
  close_set(s);
  ioloop__claim_drop(&s->claim, true); /* a child inherits the mask, but nothing queued */
}

static bool takes_signal(const void *state, int signo) {
  const struct state *s = state;
  return signo == s->signo || signo == SIGIO;
}

/* ---- registrations ------------------------------------------------------------------ */

/* FIOASYNC, unlike F_SETFL, touches no other flag, and reports when it cannot set this one. */
static int arm(const struct state *s, int fd) {
  struct f_owner_ex owner = {.type = F_OWNER_TID, .pid = s->thread};
  int off = 0, on = 1;
  if (fcntl(fd, F_SETOWN_EX, &owner) < 0 || fcntl(fd, F_SETSIG, s->signo) < 0 ||
      ioctl(fd, FIOASYNC, &off) < 0 || ioctl(fd, FIOASYNC, &on) < 0)
    return -errno;
  return 0;
}

static void tick_while_armed(const struct state *s) {
  const time_t period = s->armed ? 1 : 0;
  struct itimerspec interval = {.it_interval = {.tv_sec = period}, .it_value = {.tv_sec = period}};
  timerfd_settime(s->clock, 0, &interval, NULL);
}

static void set_announced(struct state *s, struct ioloop__watch *watch, unsigned announced) {
  uint32_t before = s->armed;
  s->armed += (announced != 0) - (uint32_t)(watch->announced != 0);
  watch->announced = (uint8_t)announced;
  if ((before == 0) != (s->armed == 0))
    tick_while_armed(s);
}

static int add(struct state *s, int fd, unsigned mask, struct ioloop__watch *watch) {
  int r = ioloop__check_fd(fd);
  if (!r)
    r = ioloop__pollset_add(&s->set, fd, (short)mask, &watch->place);
  if (r)
    return r;
  if (fd > s->highest)
    s->highest = fd;
  watch->mask = (uint8_t)mask;
  watch->announced = 0;
  unsigned announced = ioloop__announced(fd);
  watch->file = announced ? ioloop__file_of(fd) : 0;
  if (announced && arm(s, fd) == 0)
    set_announced(s, watch, announced);
  ioloop__pollset_change(&s->set, ioloop__watch_events(watch), &watch->place);
  return 0;
}

static void discard(struct state *s, int fd, struct ioloop__watch *watch) {
  ioloop__pollset_remove(&s->set, &watch->place);
  /* A process that shares the file and sets O_ASYNC expects SIGIO, not our signal. */
  if (watch->announced && (ioloop__disarm(fd, watch->file) != 0 || fcntl(fd, F_SETSIG, 0) < 0))
    s->lost = true;
  set_announced(s, watch, 0);
}

static int modify(struct ioloop *loop, void *state, uint64_t token, unsigned old, unsigned now,
                  void *slot) {
  (void)loop;
  struct state *s = state;
  struct ioloop__watch *watch = slot;
  int fd = (int)(uint32_t)token;
  if (!old)
    return add(s, fd, now, watch);
  if (!now) {
    discard(s, fd, watch);
    return 0;
  }
  watch->mask = (uint8_t)now;
  ioloop__pollset_change(&s->set, ioloop__watch_events(watch), &watch->place);
  return 0;
}

/* ---- signals ------------------------------------------------------------------------ */

static void watch_signals(struct state *s, bool on) {
  s->set.fds[SIGNALS].fd = on ? s->signals : -1; /* poll ignores negative numbers */
  s->set.fds[CLOCK].fd = on ? s->clock : -1;
}

static void begin_plain(struct state *s) {
  uint32_t longer = s->plain_length * 2;
  s->plain_length = longer < PLAIN_MIN ? PLAIN_MIN : longer > PLAIN_MAX ? PLAIN_MAX : longer;
  s->plain_left = s->plain_length;
  watch_signals(s, false);
}

static void on_overflow(struct state *s) {
  ioloop__note_overflow(s->set.loop);
  s->set.hot = s->set.count;
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
  ioloop__note_signal(s->set.loop, (int)info->ssi_signo, fd, ours ? (int)info->ssi_band : 0,
                      queued);
  if (info->ssi_signo == SIGIO)
    on_overflow(s);
  if (fd < 0 || fd > s->highest)
    return;
  ioloop__pollset_hint(&s->set, fd);
}

/* Their size, or -errno. */
static ssize_t read_signals(struct state *s, struct signalfd_siginfo queued[BATCH]) {
  uint64_t begun = ioloop__call_begins(s->set.loop);
  ssize_t size = read(s->signals, queued, BATCH * sizeof queued[0]);
  if (size < 0)
    size = -errno;
  ioloop__call_ended(s->set.loop, "read", s->signals, size, begun);
  return size;
}

/* 1: the queue is empty; 0: it is not; -errno. */
static int take_signals(struct state *s) {
  struct signalfd_siginfo queued[BATCH];
  for (int i = 0; i < MAX_BATCHES; i++) {
    ssize_t size = read_signals(s, queued);
    if (size < 0 && size != -EAGAIN)
      return (int)size;
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
  for (uint32_t i = s->set.hot; i < s->set.count; i++)
    if (s->set.fds[i].revents)
      return true;
  return false;
}

static void arm_again(struct state *s) {
  for (uint32_t i = s->set.fixed; i < s->set.count; i++) {
    struct ioloop__watch *watch = ioloop__slot(s->set.loop, s->set.fds[i].fd);
    int fd = s->set.fds[i].fd;
    if (!watch->announced || (ioloop__file_of(fd) == watch->file && arm(s, fd) == 0))
      continue;
    set_announced(s, watch, 0); /* another file by now, perhaps another loop's */
    s->set.fds[i].events = ioloop__watch_events(watch);
    s->lost = true;
  }
  s->set.hot = s->set.count;
}

/* Ready without a signal. */
static void rescue(struct state *s) {
  uint64_t rescued = 0;
  for (uint32_t i = s->set.hot; i < s->set.count;) {
    struct pollfd entry = s->set.fds[i];
    if (entry.revents & POLLNVAL && ioloop__pollset_gone(&s->set, entry.fd))
      continue;
    rescued += entry.revents != 0;
    s->set.fds[i++].revents = 0;
  }
  if (!rescued)
    return;
  ioloop__note_rescue(s->set.loop, rescued);
  arm_again(s);
}

/* Poll the cold descriptors. For one found ready, a signal may be queued or under way: it becomes
 * hot by that signal, and its entry is cleared. */
static void scan(struct state *s) {
  uint64_t ticks;
  (void)!read(s->clock, &ticks, sizeof ticks);
  uint32_t cold = s->set.count - s->set.hot;
  if (!cold || take_signals(s) <= 0)
    return;
  cold = s->set.count - s->set.hot;
  if (ioloop__poll_ns(s->set.loop, s->set.fds + s->set.hot, cold, 0) <= 0)
    return;
  struct pollfd signals = {.fd = s->signals, .events = POLLIN};
  take_signals(s);
  while (cold_one_ready(s) && ioloop__poll_ns(s->set.loop, &signals, 1, GRACE_NS) > 0)
    take_signals(s);
  rescue(s);
}

/* ---- waiting ------------------------------------------------------------------------ */

/* All are hot, and none becomes cold. */
static int wait_plain(struct state *s, uint64_t timeout_ns) {
  if (--s->plain_left == 0) {
    watch_signals(s, true);
    s->waits_since_overflow = 0;
  }
  return ioloop__pollset_poll_all(&s->set, timeout_ns);
}

static int look(struct ioloop__pollset *set, uint64_t timeout_ns) {
  struct state *s = (struct state *)set;
  s->waits_since_overflow++;
  if (s->plain_left)
    return wait_plain(s, timeout_ns);
  int r = ioloop__pollset_poll_hot(&s->set, timeout_ns);
  if (r)
    return r;
  bool signalled = s->set.fds[SIGNALS].revents, ticked = s->set.fds[CLOCK].revents;
  if (signalled && (r = take_signals(s)) < 0)
    return r;
  if (ticked)
    scan(s);
  if ((signalled || ticked) && s->set.left == 0)
    return ioloop__pollset_poll_hot(&s->set, 0); /* those that became hot */
  return 0;
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
    .takes_signal = takes_signal,
};
