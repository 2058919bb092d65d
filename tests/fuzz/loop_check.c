/* SPDX-License-Identifier: MIT */
/*
 * loop_check.c - the oracle: poll(2) says what is ready. A loop runs for a few iterations in which
 * handlers do nothing. What was ready before and after must have been reported; what was ready
 * neither before nor after must not be reported again and again; and where nothing is ready, the
 * loop must sleep.
 */
#include <poll.h>
#include <string.h>

#include "loop.h"

enum {
  TURNS = 10,        /* within which readiness must be reported */
  TURNS_AT_ONCE = 4, /* of these, that do not wait */
  SPURIOUS = 3,      /* calls of a handler in those iterations that nothing justifies */
  IDLE_TURNS = 10,   /* in QUIET_NS, besides those that called something */
};
#define QUIET_NS UINT64_C(3000000)
#define WAIT_NS  UINT64_C(20000000)
/* "For changes that a wake-up does not name, a kernel thread checks the descriptor before the
 * request ends: the event comes a moment after the change" (linux_aio.c). */
#define MOMENT_NS UINT64_C(2000000000)

/* What may be reported: what poll(2) says. "When a descriptor fails or hangs up, every event asked
 * for is reported" (ioloop.h). */
static unsigned possible_of(const struct registration *r, short *revents) {
  struct pollfd entry = {.fd = r->fd,
                         .events = (short)((r->events & IOLOOP_READ ? POLLIN : 0) |
                                           (r->events & IOLOOP_WRITE ? POLLOUT : 0))};
  unsigned possible = 0;
  *revents = 0;
  if (r->events == 0 || poll(&entry, 1, 0) <= 0)
    return 0;
  *revents = entry.revents;
  if (entry.revents & (POLLIN | POLLERR | POLLHUP))
    possible |= IOLOOP_READ;
  if (entry.revents & (POLLOUT | POLLERR | POLLHUP))
    possible |= IOLOOP_WRITE;
  return possible & r->events;
}

/* What must be reported. */
static unsigned expected_of(const struct registration *r) {
  short revents;
  unsigned expected = possible_of(r, &revents);
  /* "select does not report a hang-up to a descriptor that is watched for WRITE only, unless
   * writing would not block, and reports the end of a pipe whose writers are gone only for READ"
   * (ioloop.h). "While [RLIMIT_NOFILE] is lower, the backend calls select(2) instead"
   * (ioloop-backends(7), poll). */
  if ((traits & SELECT || scarce) && !(revents & (POLLOUT | POLLERR)))
    expected &= ~(unsigned)IOLOOP_WRITE;
  /* "A pty is such a file: it becomes writable without a wake-up when the kernel moves its output
   * on in the background" (ioloop-backends(7), epoll; so io_uring's polls) */
  if (traits & WAKE_UPS && r->kind->flags & PTY && !(revents & (POLLERR | POLLHUP)))
    expected &= ~(unsigned)IOLOOP_WRITE;
  /* Two of these may have been taken for one another: see end_new. */
  if (r->loop->look_alikes && r->kind->flags & LOOK_ALIKE)
    expected = 0;
  return expected;
}

static bool may_be_reported(const struct registration *r) {
  short revents;
  return possible_of(r, &revents) != 0;
}

struct ready {
  struct registration *of;
  unsigned before, after; /* expected */
  bool possible;          /* before or after */
};

static size_t collect(const struct watched_loop *loop, struct ready *list) {
  size_t count = 0;
  for (int fd = 0; fd < MAX_FDS; fd++) {
    struct registration *r = registrations[loop->number][fd];
    if (!r || !r->live || r->dropped)
      continue;
    r->seen = r->calls = 0;
    list[count++] =
        (struct ready){.of = r, .before = expected_of(r), .possible = may_be_reported(r)};
  }
  return count;
}

static bool all_reported(const struct ready *list, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (list[i].before & ~list[i].of->seen)
      return false;
  return true;
}

static bool has_dropped(const struct watched_loop *loop) {
  for (int fd = 0; fd < MAX_FDS; fd++) {
    const struct registration *r = registrations[loop->number][fd];
    if (r && r->live && r->dropped)
      return true;
  }
  return false;
}

static void check_reports(struct ready *list, size_t count, int turns) {
  for (size_t i = 0; i < count; i++) {
    struct registration *r = list[i].of;
    list[i].after = expected_of(r);
    list[i].possible |= may_be_reported(r);
    unsigned missing = list[i].before & list[i].after & ~r->seen;
    FUZZ_CHECK(!(missing & IOLOOP_READ),
               "poll says that %d, %s, is readable: not reported in %d "
               "iterations",
               r->fd, r->kind->name, turns);
    FUZZ_CHECK(!(missing & IOLOOP_WRITE),
               "poll says that %d, %s, is writable: not reported in %d "
               "iterations",
               r->fd, r->kind->name, turns);
    /* A look-alike's true readiness is unknown here, and so is a pty's that moves on. */
    bool unknown = (traits & WAKE_UPS && r->kind->flags & PTY) || r->loop->look_alikes;
    if (!(traits & PRESUMES) && !unknown && !list[i].possible)
      FUZZ_CHECK(r->calls <= SPURIOUS, "%d, %s, is not ready, and was reported %u times", r->fd,
                 r->kind->name, r->calls);
  }
}

static bool is_quiet(const struct ready *list, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (list[i].possible || list[i].of->calls)
      return false;
  return true;
}

/* Nothing is ready: all iterations but a few end because their time is up, or a timeout is due. */
static void check_sleep(struct watched_loop *loop, struct ready *list, size_t count) {
  uint64_t begun = fuzz_now(), now;
  unsigned idle = 0;
  while ((now = fuzz_now()) < begun + QUIET_NS) {
    uint64_t left = begun + QUIET_NS - now;
    int called = run_turn(loop, left);
    if (called > 0 && idle > 0) /* the wait before it ended because a timeout was due */
      idle--;
    else if (called == 0 && fuzz_now() < now + left)
      idle++;
    if (idle > IDLE_TURNS)
      break;
  }
  for (size_t i = 0; i < count; i++)
    if (may_be_reported(list[i].of)) /* it became ready in the meantime */
      return;
  FUZZ_CHECK(idle <= IDLE_TURNS,
             "nothing is ready, and the loop ran %u times without a call in "
             "%llu us",
             idle, (unsigned long long)((fuzz_now() - begun) / 1000));
}

static void check_metrics(const struct watched_loop *loop) {
  struct ioloop_metrics metrics;
  ioloop_get_metrics(loop->loop, &metrics, sizeof metrics);
  FUZZ_CHECK(metrics.rescues == 0 || loop->look_alikes, "rescues: %llu",
             (unsigned long long)metrics.rescues);
  FUZZ_CHECK(metrics.abandoned <= loop->drops, "%llu registrations were abandoned, %llu dropped",
             (unsigned long long)metrics.abandoned, (unsigned long long)loop->drops);
  FUZZ_CHECK(metrics.rebuilds <= loop->drops, "%llu new sets, %llu descriptors dropped",
             (unsigned long long)metrics.rebuilds, (unsigned long long)loop->drops);
}

void check_loop(struct watched_loop *loop) {
  static struct ready list[MAX_FDS];
  int turns = 0;
  if (!loop->loop || loop->running || checking)
    return;
  checking = loop;
  size_t count = collect(loop, list);
  uint64_t enough = fuzz_now() + (traits & AIO ? MOMENT_NS : 0);
  while (turns < TURNS_AT_ONCE ||
         ((turns < TURNS || fuzz_now() < enough) && !all_reported(list, count)))
    run_turn(loop, turns++ < TURNS_AT_ONCE ? 0 : WAIT_NS);
  check_reports(list, count, turns);
  if (!(traits & PRESUMES) && is_quiet(list, count) && !has_dropped(loop))
    check_sleep(loop, list, count);
  checking = NULL;
  check_metrics(loop);
}

void check_one(const uint32_t *args) {
  struct watched_loop *loop = pick_loop(args[0]);
  if (loop)
    check_loop(loop);
}

static const struct end *peer_of(const struct end *end) {
  for (size_t i = 0; i < end_count; i++)
    if (end->pair && ends[i].pair == end->pair && ends[i].fd != end->fd)
      return &ends[i];
  return NULL;
}

/* args: loop, which registration, whether it waits to read or to write. The loop sees it not ready;
 * then its peer acts; what it does must be noticed. */
void exchange(const uint32_t *args) {
  static const short polled[] = {POLLIN, POLLOUT};
  struct watched_loop *loop = pick_loop(args[0]);
  const struct end *end = end_count ? &ends[FUZZ_PICK(args[1], end_count)] : NULL;
  const struct end *peer = end ? peer_of(end) : NULL;
  if (!loop || loop->running || checking || !peer)
    return;
  end_exhaust(end, polled[args[2] % 2]);
  checking = loop;
  for (int i = 0; i < TURNS_AT_ONCE; i++)
    run_turn(loop, 0);
  checking = NULL;
  if (args[2] % 2)
    end_exhaust(peer, POLLIN);
  else
    end_write(peer, args[2]);
  check_loop(loop);
}
