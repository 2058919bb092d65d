/* SPDX-License-Identifier: MIT */
/*
 * time.c - conformance 37 to 47: timeouts. A late timeout means nothing on a busy machine and is
 * not tested; an early, lost or misordered one is a bug anywhere.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "support.h"
#include "wallclock.h"

/* ---- 37: order ---------------------------------------------------------------------------- */

struct ordered {
  struct sequence *sequence;
  uint64_t deadline;
  unsigned added;
};

struct sequence {
  unsigned fired;
  struct ordered *last;
};

static void on_ordered(struct ioloop *loop, void *arg) {
  struct ordered *timeout = arg;
  struct sequence *sequence = timeout->sequence;
  const struct ordered *last = sequence->last;
  CHECK_IS(ioloop_time(loop), >=, timeout->deadline);
  if (last) {
    CHECK_IS(last->deadline, <=, timeout->deadline);
    if (last->deadline == timeout->deadline)
      CHECK_IS(last->added, <, timeout->added);
  }
  sequence->last = timeout;
  sequence->fired++;
}

/* `spread` distinct deadlines, a microsecond apart, from `first` on. */
static void check_order(unsigned count, unsigned spread, uint64_t first) {
  struct ioloop *loop = test_loop_new();
  struct sequence sequence = {0};
  struct ordered *timeouts = calloc(count, sizeof *timeouts);
  CHECK(timeouts);
  for (unsigned i = 0; i < count; i++) {
    timeouts[i] = (struct ordered){
        .sequence = &sequence, .deadline = first + US(tap_random_below(spread)), .added = i};
    CHECK_OK(ioloop_call_at(loop, timeouts[i].deadline, on_ordered, &timeouts[i], NULL));
  }
  RUN_UNTIL(loop, sequence.fired == count);
  test_loop_free(loop);
  free(timeouts);
}

TEST(37, "timeouts fire in order of their deadlines, ties in order of adding") {
  check_order(1000, 20, tap_now() - MS(1)); /* all due at once */
  check_order(1000, 1, tap_now() - MS(1));
  check_order(1000, 1000000, tap_now() - SECONDS(1));
  check_order(1000, 20000, tap_now()); /* over many iterations */
  check_order(1000, 20000, tap_now() + MS(5));
}

/* ---- 38: never early ------------------------------------------------------------------------ */

struct alarm {
  uint64_t earliest;
  unsigned *fired;
};

static void on_alarm(struct ioloop *loop, void *arg) {
  struct alarm *alarm = arg;
  (void)loop;
  CHECK_IS(tap_now(), >=, alarm->earliest);
  ++*alarm->fired;
}

TEST(38, "a timeout is never early, one at a time from 1 ns to 0.3 s") {
  static const uint64_t delays[] = {0,          1,       2,         999,     1000,
                                    1001,       65535,   100000,    999999,  MS(1),
                                    MS(1) + 1,  1500000, MS(2) - 1, 2000001, MS(5) - 1,
                                    MS(10) + 1, MS(16),  33333333,  MS(50),  MS(99) + 999999,
                                    MS(300)};
  struct ioloop *loop = test_loop_new();
  for (size_t i = 0; i < sizeof delays / sizeof delays[0]; i++) {
    unsigned fired = 0;
    struct alarm alarm = {.earliest = tap_now() + delays[i], .fired = &fired};
    uint64_t turns = metrics_of(loop).iterations;
    CHECK_OK(ioloop_call_later(loop, delays[i], on_alarm, &alarm, NULL));
    RUN_UNTIL(loop, fired);
    if (!presumes_readiness())
      CHECK_IS(metrics_of(loop).iterations - turns, <=, 5); /* waited for, not polled for */
  }
  test_loop_free(loop);
}

TEST(38, "a timeout is never early, many at once of random delays") {
  enum {
    MANY = 500
  };
  struct ioloop *loop = test_loop_new();
  static struct alarm alarms[MANY];
  unsigned fired = 0;
  for (int i = 0; i < MANY; i++) {
    uint64_t delay = tap_random() >> (64 - 1 - tap_random_below(26)); /* log-uniform to 67 ms */
    alarms[i] = (struct alarm){.earliest = tap_now() + delay, .fired = &fired};
    CHECK_OK(ioloop_call_later(loop, delay, on_alarm, &alarms[i], NULL));
  }
  RUN_UNTIL(loop, fired == MANY);
  test_loop_free(loop);
}

TEST(38, "long timeouts up to an hour do not fire now") {
  static const uint64_t delays[] = {SECONDS(60), SECONDS(3600), SECONDS(3599) + 999999999};
  struct ioloop *loop = test_loop_new();
  for (size_t i = 0; i < sizeof delays / sizeof delays[0]; i++) {
    ioloop_timeout timeout;
    CHECK_OK(ioloop_call_later(loop, delays[i], on_never_called, NULL, &timeout));
    CHECK_QUIET(loop, MS(20));
    CHECK_OK(ioloop_remove_timeout(loop, timeout));
  }
  test_loop_free(loop);
}

static void keep_timeout(void *longest, uint64_t timeout_ns) {
  if (timeout_ns > *(uint64_t *)longest)
    *(uint64_t *)longest = timeout_ns;
}

TEST(38, "the wait gets the time until the next timeout") {
  struct ioloop *loop = test_loop_new();
  uint64_t longest = 0;
  unsigned count = 0;
  struct ioloop_observer observer = {.size = sizeof observer, .wait_begin = keep_timeout};
  ioloop_set_observer(loop, &observer, &longest);
  CHECK_OK(ioloop_call_later(loop, SECONDS(3600), on_never_called, NULL, NULL));
  CHECK_OK(ioloop_add_callback_threadsafe(loop, on_count, &count)); /* ends the wait */
  CHECK_OK(ioloop_run_once(loop, IOLOOP_FOREVER));
  CHECK_IS(longest, >, SECONDS(3590));
  CHECK_IS(longest, <=, SECONDS(3600));
  ioloop_set_observer(loop, NULL, NULL);
  test_loop_free(loop);
}

/* ---- 39, 40: zero and huge ------------------------------------------------------------------ */

static void on_endless(struct ioloop *loop, void *counter) {
  on_count(loop, counter);
  CHECK_OK(ioloop_call_later(loop, 0, on_endless, counter, NULL));
}

TEST(39, "an endless chain of zero delays does not starve I/O") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  unsigned count = 0, turns;
  int pair[2];
  make_pair(TCP, pair);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
  CHECK_OK(ioloop_call_later(loop, 0, on_endless, &count, NULL));
  run_turns(loop, 10);
  CHECK_IS(count, >=, 9); /* one per iteration: callbacks added during a phase wait */
  CHECK_IS(count, <=, 10);
  for (size_t bytes = 1; bytes <= 50; bytes++) {
    put(pair[1], 1);
    turns = count;
    RUN_UNTIL(loop, record.bytes == bytes);
    CHECK_IS(count - turns, <=, 10);
  }
  test_loop_free(loop);
  close_pair(pair);
}

TEST(40, "a huge delay never fires and shortens no wait") {
  static const uint64_t delays[] = {UINT64_MAX,           UINT64_MAX - 1,
                                    (uint64_t)INT64_MAX,  (uint64_t)INT64_MAX + 1,
                                    1ull << 62,           1ull << 40,
                                    SECONDS(86400) * 365, SECONDS(INT32_MAX),
                                    MS(1) * INT32_MAX,    MS(1) * ((uint64_t)UINT32_MAX + 1)};
  struct ioloop *loop = test_loop_new();
  unsigned count = 0;
  for (size_t i = 0; i < sizeof delays / sizeof delays[0]; i++) {
    ioloop_timeout later_on, at;
    CHECK_OK(ioloop_call_later(loop, delays[i], on_never_called, NULL, &later_on));
    CHECK_OK(ioloop_call_at(loop, delays[i] / 2 + (1ull << 62), on_never_called, NULL, &at));
    CHECK_QUIET(loop, MS(10));
    CHECK_OK(ioloop_call_later(loop, MS(1), on_count, &count, NULL));
    RUN_UNTIL(loop, count == i + 1);
    CHECK_OK(ioloop_remove_timeout(loop, later_on));
    CHECK_OK(ioloop_remove_timeout(loop, at));
  }
  CHECK_OK(ioloop_call_at(loop, UINT64_MAX, on_never_called, NULL, NULL));
  CHECK_QUIET(loop, MS(10));
  test_loop_free(loop);
}

/* ---- 41, 42: cancelling ---------------------------------------------------------------------- */

struct canceller {
  ioloop_timeout own, other;
  unsigned fired;
  int own_result, other_result;
};

static void on_cancel(struct ioloop *loop, void *arg) {
  struct canceller *canceller = arg;
  canceller->fired++;
  canceller->own_result = ioloop_remove_timeout(loop, canceller->own);
  canceller->other_result = ioloop_remove_timeout(loop, canceller->other);
}

TEST(41, "cancel inside its own call, and another that is due in the same phase") {
  struct ioloop *loop = test_loop_new();
  struct canceller canceller = {0};
  uint64_t past = tap_now() - MS(1);
  CHECK_OK(ioloop_call_at(loop, past, on_cancel, &canceller, &canceller.own));
  CHECK_OK(ioloop_call_at(loop, past + 1, on_never_called, NULL, &canceller.other));
  RUN_UNTIL(loop, canceller.fired);
  CHECK_IS(canceller.own_result, ==, -ENOENT);
  CHECK_IS(canceller.other_result, ==, 0);
  CHECK_QUIET(loop, MS(5));
  CHECK_IS(canceller.fired, ==, 1);
  test_loop_free(loop);
}

static void on_periodic_cancel(struct ioloop *loop, void *arg) {
  struct canceller *canceller = arg;
  if (++canceller->fired == 3)
    CHECK_OK(ioloop_remove_timeout(loop, canceller->own));
}

TEST(41, "a periodic callback cancelled inside its own call") {
  struct ioloop *loop = test_loop_new();
  struct canceller canceller = {0};
  CHECK_OK(ioloop_call_every(loop, MS(1), on_periodic_cancel, &canceller, &canceller.own));
  RUN_UNTIL(loop, canceller.fired == 3);
  CHECK_QUIET(loop, MS(10));
  CHECK_IS(canceller.fired, ==, 3);
  CHECK_ERROR(ioloop_remove_timeout(loop, canceller.own), ENOENT);
  test_loop_free(loop);
}

TEST(41, "cancel after it fired, cancel twice, cancel what never was") {
  struct ioloop *loop = test_loop_new();
  ioloop_timeout fired, cancelled, later_one;
  unsigned count = 0;
  CHECK_OK(ioloop_call_later(loop, 0, on_count, &count, &fired));
  CHECK_OK(ioloop_call_later(loop, MS(1), on_never_called, NULL, &cancelled));
  CHECK_OK(ioloop_remove_timeout(loop, cancelled));
  CHECK_ERROR(ioloop_remove_timeout(loop, cancelled), ENOENT);
  RUN_UNTIL(loop, count == 1);
  CHECK_ERROR(ioloop_remove_timeout(loop, fired), ENOENT);
  CHECK_ERROR(ioloop_update_timeout(loop, fired, 0), ENOENT);
  CHECK_ERROR(ioloop_remove_timeout(loop, 0), ENOENT);
  CHECK_ERROR(ioloop_remove_timeout(loop, UINT64_MAX), ENOENT);
  /* Stale handles never affect a later timeout, which has their place by now. */
  CHECK_OK(ioloop_call_later(loop, MS(3), on_count, &count, &later_one));
  CHECK_ERROR(ioloop_remove_timeout(loop, fired), ENOENT);
  CHECK_ERROR(ioloop_remove_timeout(loop, cancelled), ENOENT);
  RUN_UNTIL(loop, count == 2);
  test_loop_free(loop);
}

TEST(41, "update moves a timeout, forward and back") {
  struct ioloop *loop = test_loop_new();
  unsigned count = 0, far_count = 0;
  ioloop_timeout near, far;
  uint64_t moved_to = tap_now() + MS(20);
  struct alarm alarm = {.earliest = moved_to, .fired = &count};
  CHECK_OK(ioloop_call_later(loop, MS(1), on_alarm, &alarm, &near));
  CHECK_OK(ioloop_call_later(loop, SECONDS(3600), on_count, &far_count, &far));
  CHECK_OK(ioloop_update_timeout(loop, near, moved_to));
  CHECK_OK(ioloop_update_timeout(loop, far, tap_now() + MS(1)));
  RUN_UNTIL(loop, far_count == 1);
  RUN_UNTIL(loop, count == 1);
  test_loop_free(loop);
}

TEST(42, "the only timeout removed, then a wait") {
  struct ioloop *loop = test_loop_new();
  ioloop_timeout timeout;
  unsigned count = 0;
  CHECK_OK(ioloop_call_later(loop, MS(20) * tap_scale(), on_never_called, NULL, &timeout));
  run_turns(loop, 1);
  CHECK_OK(ioloop_remove_timeout(loop, timeout));
  uint64_t turns = metrics_of(loop).iterations;
  CHECK_QUIET(loop, MS(30) * tap_scale());
  if (!presumes_readiness())
    CHECK_IS(metrics_of(loop).iterations - turns, <=, 3); /* not woken needlessly */
  CHECK_OK(ioloop_call_later(loop, MS(1), on_count, &count, NULL));
  RUN_UNTIL(loop, count);
  test_loop_free(loop);
}

/* ---- 43: periodic -----------------------------------------------------------------------------
 */

struct periodic {
  unsigned calls;
  uint64_t begun, period;
  uint64_t busy_until; /* the third call blocks until then */
};

static void on_period(struct ioloop *loop, void *arg) {
  struct periodic *periodic = arg;
  uint64_t now = ioloop_time(loop);
  periodic->calls++;
  CHECK_IS(now, >=, periodic->begun + periodic->calls * periodic->period);
  if (periodic->calls == 3) {
    periodic->busy_until = now + 4 * periodic->period + periodic->period / 2;
    while (ioloop_time(loop) < periodic->busy_until)
      continue;
  }
  if (periodic->calls >= 5) /* at most one period falls between the end of the block and this */
    CHECK_IS(now, >=, periodic->busy_until + (periodic->calls - 4) * periodic->period);
}

TEST(43, "a periodic callback skips the turns it missed, and keeps its phase") {
  struct ioloop *loop = test_loop_new();
  struct periodic periodic = {.begun = tap_now(), .period = MS(4)};
  ioloop_timeout timeout;
  CHECK_OK(ioloop_call_every(loop, periodic.period, on_period, &periodic, &timeout));
  RUN_UNTIL(loop, periodic.calls == 10);
  CHECK_OK(ioloop_remove_timeout(loop, timeout));
  CHECK_QUIET(loop, MS(10));
  CHECK_ERROR(ioloop_call_every(loop, 0, on_count, NULL, NULL), EINVAL);
  test_loop_free(loop);
}

/* ---- 44, 45, 46: waiting ------------------------------------------------------------------------
 */

TEST(44, "an empty loop honours a timeout") {
  struct ioloop *loop = test_loop_new();
  uint64_t before = tap_now();
  CHECK_QUIET(loop, MS(20));
  CHECK_IS(ioloop_run_once(loop, 0), ==, 0);
  CHECK_OK(ioloop_call_later(loop, MS(15), on_stop, NULL, NULL));
  CHECK_OK(ioloop_start(loop));
  CHECK_IS(tap_now() - before, >=, MS(35));
  test_loop_free(loop);
}

TEST(44, "run_once waits as long as its argument, and not less") {
  skip_if_readiness_is_presumed();
  struct ioloop *loop = test_loop_new();
  static const uint64_t times[] = {1, US(1), US(50), US(999), MS(1), US(1001), MS(7)};
  for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
    uint64_t before = tap_now();
    CHECK_IS(ioloop_run_once(loop, times[i]), ==, 0);
    CHECK_IS(tap_now() - before, >=, times[i]);
  }
  test_loop_free(loop);
}

TEST(114, "a stop while nothing runs ends one run, and not those after it") {
  skip_if_readiness_is_presumed();
  struct ioloop *loop = test_loop_new();
  for (int round = 0; round < 3; round++) {
    ioloop_stop(loop);
    ioloop_stop(loop);
    uint64_t before = tap_now();
    CHECK_IS(ioloop_run_once(loop, SECONDS(60)), ==, 0);
    CHECK_IS(tap_now() - before, <, tap_scale() * SECONDS(20));
    CHECK_QUIET(loop, MS(20)); /* it waits again */
    ioloop_stop(loop);
    CHECK_OK(ioloop_start(loop));
    CHECK_QUIET(loop, MS(20));
  }
  CHECK_OK(ioloop_add_callback(loop, on_stop, NULL)); /* inside a single turn */
  CHECK_IS(ioloop_run_once(loop, 0), ==, 1);
  CHECK_QUIET(loop, MS(20));
  test_loop_free(loop);
}

TEST(45, "a million timeouts") {
  struct ioloop *loop = test_loop_new();
  unsigned count = (unsigned)tap_count(1000000);
  struct sequence sequence = {0};
  struct ordered *timeouts = calloc(count, sizeof *timeouts);
  ioloop_timeout *handles = calloc(count, sizeof *handles);
  CHECK(timeouts && handles);
  uint64_t now = tap_now();
  for (unsigned i = 0; i < count; i++) {
    timeouts[i] = (struct ordered){
        .sequence = &sequence, .deadline = now + tap_random_below(MS(300)), .added = i};
    CHECK_OK(ioloop_call_at(loop, timeouts[i].deadline, on_ordered, &timeouts[i], &handles[i]));
  }
  unsigned cancelled = 0;
  for (unsigned i = 0; i < count; i += 3, cancelled++)
    CHECK_OK(ioloop_remove_timeout(loop, handles[i]));
  RUN_UNTIL(loop, sequence.fired == count - cancelled);
  CHECK_IS(metrics_of(loop).timeouts, ==, count - cancelled);
  test_loop_free(loop);
  free(timeouts);
  free(handles);
}

static volatile sig_atomic_t interruptions;

static void on_interrupt(int signo) {
  (void)signo;
  interruptions++;
}

/* One signal per millisecond, whose handler does not restart system calls. */
static void interrupt_often(bool often) {
  struct sigaction action = {.sa_handler = on_interrupt};
  struct itimerval interval = {.it_value = {.tv_usec = often ? 1000 : 0},
                               .it_interval = {.tv_usec = often ? 1000 : 0}};
  CHECK_SYS(sigaction(SIGALRM, &action, NULL));
  CHECK_SYS(setitimer(ITIMER_REAL, &interval, NULL));
}

TEST(46, "an interrupted wait shortens no timeout and is no error") {
  struct ioloop *loop = test_loop_new();
  struct record record = {0};
  unsigned fired = 0;
  int pair[2];
  make_pair(UNIX_STREAM, pair);
  CHECK_OK(ioloop_add_handler(loop, pair[0], IOLOOP_READ, on_drain, &record));
  interrupt_often(true);
  struct alarm alarm = {.earliest = tap_now() + MS(60), .fired = &fired};
  CHECK_OK(ioloop_call_later(loop, MS(60), on_alarm, &alarm, NULL));
  RUN_UNTIL(loop, fired);
  CHECK_IS(interruptions, >=, 1);
  CHECK_OK(ioloop_call_later(loop, MS(30), on_stop, NULL, NULL));
  CHECK_OK(ioloop_start(loop));
  put(pair[1], 1);
  RUN_UNTIL(loop, record.bytes == 1);
  interrupt_often(false);
  CHECK_IS(fired, ==, 1);
  test_loop_free(loop);
  close_pair(pair);
}

/* ---- 47: the wall clock -------------------------------------------------------------------------
 */

static void check_step(struct ioloop *loop, int64_t seconds) {
  unsigned fired = 0;
  struct alarm alarm = {.earliest = tap_now() + MS(20), .fired = &fired};
  ioloop_timeout far;
  CHECK_OK(ioloop_call_later(loop, MS(20), on_alarm, &alarm, NULL));
  CHECK_OK(ioloop_call_later(loop, SECONDS(1800), on_never_called, NULL, &far));
  run_turns(loop, 1);
  wallclock_step(seconds);
  RUN_UNTIL(loop, fired);
  CHECK_QUIET(loop, MS(10));
  CHECK_OK(ioloop_remove_timeout(loop, far));
}

TEST(47, "the wall clock steps an hour, a year, forward and back: nothing happens") {
  struct ioloop *loop = test_loop_new();
  time_t before = time(NULL);
  wallclock_step(3600);
  CHECK_IS(time(NULL), >=, before + 3600); /* calls that read that clock see the step */
  check_step(loop, 3600);
  check_step(loop, -7200);
  check_step(loop, 365 * 86400);
  check_step(loop, -2 * 365 * 86400);
  test_loop_free(loop);
}
