/* SPDX-License-Identifier: MIT */
/*
 * loop_calls.c - callbacks from everywhere: each is called exactly once, in the order of its
 * source, and in the iteration that follows. Signals: each watcher is called for what has arrived
 * since it was added, and not otherwise.
 *
 * Callbacks of threads and signal handlers, and signals, reach the loop through its waker, which is
 * a descriptor like others: one iteration notices them, perhaps not the first one if it does not
 * wait, and the next calls.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "loop.h"

enum {
  MAX_THREADS = 3,
  MOST_FROM_SIGNALS = 256, /* of one loop: ioloop.h */
  LATEST = 5,              /* iterations within which a call from outside of the loop is made */
};

/* What is added by one thread or signal handler for one loop: called in order. */
struct source {
  struct watched_loop *loop;
  bool exact; /* called in the very iteration, not in that of the adding already */
  bool gone;  /* its loop was freed */
  uint64_t added, called;
  uint64_t due; /* the iteration in which the last one must be called, unless `open` */
  bool open;    /* its thread still adds */
  struct source *next;
};

struct call {
  struct source *source;
  uint64_t number, turn;
  unsigned stop; /* 1: it stops the loop; more: it adds another callback that does */
  struct call *next;
};

static struct source plain[MAX_LOOPS], own_threadsafe[MAX_LOOPS], from_signal[MAX_LOOPS];
static struct source *every_source;
static _Atomic(struct call *) every_call; /* so that none is leaked */

/* ---- callbacks ---------------------------------------------------------------------------- */

static struct call *make(struct source *source) {
  struct call *call = calloc(1, sizeof *call);
  if (!call)
    abort();
  *call = (struct call){.source = source, .number = source->added};
  call->next = atomic_load(&every_call);
  while (!atomic_compare_exchange_weak(&every_call, &call->next, call))
    continue;
  return call;
}

static void add_stop(struct watched_loop *loop, unsigned stop);

static void on_callback(struct ioloop *loop, void *arg) {
  struct call *call = arg;
  struct source *source = call->source;
  uint64_t turn = enter_phase(source->loop, loop, CALLBACKS);
  FUZZ_CHECK(!source->gone, "a callback of a loop that was freed was called");
  FUZZ_CHECK(call->number == source->called, "callback %llu of its source was called, not %llu",
             (unsigned long long)call->number, (unsigned long long)source->called);
  FUZZ_CHECK(!source->exact || call->turn == turn,
             "a callback was called in iteration %llu, not %llu", (unsigned long long)turn,
             (unsigned long long)call->turn);
  source->called++;
  if (call->stop > 1)
    add_stop(source->loop, call->stop - 1);
  else if (call->stop)
    ioloop_stop(loop);
  if (call->stop)
    return;
  if (!checking)
    run_inside(CALLBACKS);
}

static void added(struct source *source, int result) {
  FUZZ_CHECK(result == 0, "adding a callback returned %d", result);
  source->added++;
  source->due = turn_of(source->loop) + (source->exact ? 1 : LATEST);
}

static void add_stop(struct watched_loop *loop, unsigned stop) {
  struct call *call = make(&plain[loop->number]);
  call->turn = turn_of(loop) + 1;
  call->stop = stop;
  added(&plain[loop->number], ioloop_add_callback(loop->loop, on_callback, call));
}

/* args: loop, by which function */
void add_callback(const uint32_t *args) {
  struct watched_loop *loop = pick_loop(args[0]);
  if (!loop)
    return;
  struct source *source = args[1] % 3 ? &plain[loop->number] : &own_threadsafe[loop->number];
  struct call *call = make(source);
  call->turn = turn_of(loop) + 1;
  int result = source == &plain[loop->number]
                   ? ioloop_add_callback(loop->loop, on_callback, call)
                   : ioloop_add_callback_threadsafe(loop->loop, on_callback, call);
  added(source, result);
}

static struct source *new_source(struct watched_loop *loop) {
  struct source *source = calloc(1, sizeof *source);
  if (!source)
    abort();
  *source = (struct source){.loop = loop, .open = true, .next = every_source};
  return every_source = source;
}

struct adding {
  pthread_t thread;
  struct source *source;
  struct ioloop *loop;
  unsigned count;
};

static void *add_from_thread(void *arg) {
  struct adding *adding = arg;
  for (unsigned i = 0; i < adding->count; i++) {
    struct call *call = make(adding->source);
    adding->source->added++;
    int result = ioloop_add_callback_threadsafe(adding->loop, on_callback, call);
    FUZZ_CHECK(result == 0, "add_callback_threadsafe returned %d", result);
    if (i % 4 == 3) /* the loop may have taken them by then, and be about to wait again */
      sched_yield();
  }
  return NULL;
}

/* Signals go to the loop's thread: what it does in them is the fuzzer's. */
static void create_thread(pthread_t *thread, void *(*run)(void *), void *arg) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  if (pthread_create(thread, NULL, run, arg) != 0)
    fuzz_fail("the fuzzer cannot make a thread");
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static uint64_t total_called(const struct adding *adding, unsigned threads) {
  uint64_t total = 0;
  for (unsigned i = 0; i < threads; i++)
    total += adding[i].source->called;
  return total;
}

/* args: loop, threads, callbacks of each, whether the loop runs in the meantime. It waits without a
 * limit then: a wake-up that is lost is a hang. */
void add_from_threads(const uint32_t *args) {
  struct watched_loop *loop = pick_loop(args[0]);
  struct adding adding[MAX_THREADS];
  unsigned threads = args[1] % MAX_THREADS + 1, count = args[2] % 200 + 1;
  if (!loop)
    return;
  for (unsigned i = 0; i < threads; i++) {
    adding[i] = (struct adding){.source = new_source(loop), .loop = loop->loop, .count = count};
    create_thread(&adding[i].thread, add_from_thread, &adding[i]);
  }
  if (args[3] % 2 && !loop->running && !checking) {
    checking = loop; /* no operation frees it */
    while (total_called(adding, threads) < threads * count)
      run_turn(loop, IOLOOP_FOREVER);
    checking = NULL;
  }
  for (unsigned i = 0; i < threads; i++) {
    pthread_join(adding[i].thread, NULL);
    adding[i].source->open = false;
    adding[i].source->due = turn_of(loop) + LATEST;
  }
}

/* ---- from signal handlers ------------------------------------------------------------------ */

static struct ioloop *signalled_loop;
static struct call *signalled_call;
static volatile sig_atomic_t signalled_result;

static void on_own_signal(int signo) {
  (void)signo;
  signalled_result = ioloop_add_callback_from_signal(signalled_loop, on_callback, signalled_call);
}

/* args: loop, how many */
void add_from_signal(const uint32_t *args) {
  struct watched_loop *loop = pick_loop(args[0]);
  if (!loop)
    return;
  struct source *source = &from_signal[loop->number];
  unsigned count = args[1] % 16 == 15 ? 300 : args[1] % 16 + 1;
  for (unsigned i = 0; i < count; i++) {
    uint64_t queued = source->added - source->called;
    signalled_loop = loop->loop;
    signalled_call = make(source);
    raise(SIGUSR1);
    if (queued >= MOST_FROM_SIGNALS) {
      FUZZ_CHECK(signalled_result == -EAGAIN || (signalled_result == 0 && queued == 256),
                 "the callback from a signal after %llu queued returned %d",
                 (unsigned long long)queued, (int)signalled_result);
    }
    if (signalled_result == -EAGAIN && queued + 1 >= MOST_FROM_SIGNALS)
      return;
    added(source, signalled_result);
  }
}

/* ---- signals that loops watch ------------------------------------------------------------- */

static const int signals[] = {SIGUSR2, SIGHUP, SIGALRM};
enum {
  SIGNALS_WATCHED = sizeof signals / sizeof signals[0],
};

static struct watcher {
  struct watched_loop *loop;
  bool live, arrived; /* since it was called */
  uint64_t arrivals, calls, due;
  struct watcher *next;
} * watchers[MAX_LOOPS][SIGNALS_WATCHED], *every_watcher;

static void on_signal(struct ioloop *loop, int signo, void *arg) {
  struct watcher *watcher = arg;
  enter_phase(watcher->loop, loop, SIGNALS);
  FUZZ_CHECK(watcher->live, "a watcher of signal %d was called after its removal", signo);
  watcher->calls++;
  FUZZ_CHECK(watcher->calls <= watcher->arrivals, "a watcher was called without signal %d", signo);
  watcher->arrived = false;
  if (!checking)
    run_inside(CALLBACKS);
}

/* args: loop, signal */
void watch_signal(const uint32_t *args) {
  struct watched_loop *loop = pick_loop(args[0]);
  size_t which = args[1] % SIGNALS_WATCHED;
  if (!loop)
    return;
  struct watcher *watcher = calloc(1, sizeof *watcher);
  if (!watcher)
    abort();
  *watcher = (struct watcher){.loop = loop, .live = true, .next = every_watcher};
  every_watcher = watcher;
  struct watcher **at = &watchers[loop->number][which];
  int result = ioloop_add_signal(loop->loop, signals[which], on_signal, watcher);
  FUZZ_CHECK(result == (*at ? -EEXIST : 0), "watching a signal that is %s returned %d",
             *at ? "watched" : "not watched", result);
  if (result == 0)
    *at = watcher;
}

void raise_signal(const uint32_t *args) {
  size_t which = args[0] % SIGNALS_WATCHED;
  struct sigaction action;
  unsigned watching = 0;
  for (unsigned i = 0; i < MAX_LOOPS; i++) {
    struct watcher *watcher = watchers[i][which];
    if (!watcher)
      continue;
    watching++;
    watcher->arrived = true;
    watcher->arrivals++;
    watcher->due = turn_of(watcher->loop) + LATEST;
  }
  sigaction(signals[which], NULL, &action);
  FUZZ_CHECK((action.sa_handler == SIG_IGN) == (watching == 0),
             "%u loops watch signal %d, whose disposition is %s", watching, signals[which],
             action.sa_handler == SIG_IGN ? "the old one" : "the library's");
  raise(signals[which]);
}

/* args: loop, signal. Half of those that are watched get the signal before, and are watched again after:
 * by one that must not be called for it. */
void unwatch_signal(const uint32_t *args) {
  struct watched_loop *loop = pick_loop(args[0]);
  size_t which = args[1] % SIGNALS_WATCHED;
  if (!loop)
    return;
  struct watcher **at = &watchers[loop->number][which];
  bool again = *at && args[1] / SIGNALS_WATCHED % 2;
  if (again)
    raise_signal(&args[1]);
  int result = ioloop_remove_signal(loop->loop, signals[which]);
  FUZZ_CHECK(result == (*at ? 0 : -ENOENT), "removing a watcher that is %s returned %d",
             *at ? "there" : "not there", result);
  if (*at)
    (*at)->live = false;
  *at = NULL;
  if (again)
    watch_signal(args);
}

/* ---- stop --------------------------------------------------------------------------------- */

static void *stop_from_thread(void *loop) {
  ioloop_stop(loop);
  return NULL;
}

static void on_stop(struct ioloop *loop, void *arg) {
  struct watched_loop *watched = arg;
  enter_phase(watched, loop, TIMEOUTS);
  add_stop(watched, 2); /* nothing but these callbacks ends the wait */
}

/* "A stop before the start is not lost: ioloop_start then returns at once and runs nothing"
 * (ioloop.h). */
static void start_stopped(struct watched_loop *loop) {
  uint64_t calls = loop->calls;
  loop->running = true;
  int result = ioloop_start(loop->loop);
  loop->running = loop->stop_pending = loop->stop_certain = false;
  FUZZ_CHECK(result == 0 && loop->calls == calls,
             "ioloop_start after a stop returned %d after %llu calls", result,
             (unsigned long long)(loop->calls - calls));
}

/* args: loop, what stops it, after which time */
void start_and_stop(const uint32_t *args) {
  struct watched_loop *loop = pick_loop(args[0]);
  pthread_t thread;
  if (!loop || loop->running || checking)
    return;
  if (loop->stop_certain)
    start_stopped(loop);
  if (loop->stop_pending)
    return;
  if (args[1] % 3 == 0) {
    add_stop(loop, args[2] % 3 + 1);
  } else if (args[1] % 3 == 1) {
    int result = ioloop_call_later(loop->loop, args[2] % 100 * 1000, on_stop, loop, NULL);
    FUZZ_CHECK(result == 0, "call_later returned %d", result);
  } else {
    create_thread(&thread, stop_from_thread, loop->loop);
  }
  uint64_t begun = fuzz_now();
  loop->running = true;
  int result = ioloop_start(loop->loop);
  loop->running = false;
  loop->phase = OUTSIDE;
  FUZZ_CHECK(result == 0, "ioloop_start returned %d", result);
  if (args[1] % 3 != 2) {
    timeouts_check(loop, begun);
  } else {
    pthread_join(thread, NULL);
    loop->stop_pending = true; /* if something else has ended the run: the next may end at once */
  }
  calls_check(loop);
}

/* ---- for the others ----------------------------------------------------------------------- */

void calls_set_up(void) {
  sigset_t blocked; /* read by signalfds */
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGWINCH);
  pthread_sigmask(SIG_BLOCK, &blocked, NULL);
  signal(SIGPIPE, SIG_IGN);
  for (size_t i = 0; i < SIGNALS_WATCHED; i++)
    signal(signals[i], SIG_IGN);
  struct sigaction own = {.sa_handler = on_own_signal, .sa_flags = SA_RESTART};
  sigaction(SIGUSR1, &own, NULL);
  for (unsigned i = 0; i < MAX_LOOPS; i++) {
    plain[i] = (struct source){.loop = &loops[i], .exact = true};
    own_threadsafe[i] = from_signal[i] = (struct source){.loop = &loops[i]};
  }
}

static void check_source(const struct source *source, const struct watched_loop *loop) {
  if (source->loop != loop || source->gone || source->open || source->due > turn_of(loop))
    return;
  FUZZ_CHECK(source->called == source->added, "%llu callbacks were added, and %llu called",
             (unsigned long long)source->added, (unsigned long long)source->called);
}

void calls_check(struct watched_loop *loop) {
  check_source(&plain[loop->number], loop);
  check_source(&own_threadsafe[loop->number], loop);
  check_source(&from_signal[loop->number], loop);
  for (const struct source *source = every_source; source; source = source->next)
    check_source(source, loop);
  for (size_t i = 0; i < SIGNALS_WATCHED; i++) {
    const struct watcher *watcher = watchers[loop->number][i];
    FUZZ_CHECK(!watcher || !watcher->arrived || watcher->due > turn_of(loop),
               "signal %d arrived, and its watcher was not called", signals[i]);
  }
}

/* The callbacks that were not called never are: the next loop of that number has new sources. */
void calls_end(struct watched_loop *loop) {
  struct source *mine[] = {&plain[loop->number], &own_threadsafe[loop->number],
                           &from_signal[loop->number]};
  for (size_t i = 0; i < 3; i++) {
    mine[i]->called = mine[i]->added;
    mine[i]->due = 0;
  }
  for (struct source *source = every_source; source; source = source->next)
    source->gone |= source->loop == loop;
  for (size_t i = 0; i < SIGNALS_WATCHED; i++) {
    if (watchers[loop->number][i])
      watchers[loop->number][i]->live = false;
    watchers[loop->number][i] = NULL;
  }
}
