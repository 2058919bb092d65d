/* SPDX-License-Identifier: MIT */
/*
 * run.c - running a loop: one iteration after the other, until it is stopped.
 *
 * One iteration (iterate, below) follows the picture in ioloop.h. The code that handles an event is
 * compiled twice, with and without the observer's hooks, so that a loop without an observer pays
 * nothing for them.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "internal.h"

static inline struct ioloop__call_span call_begin(struct ioloop *loop, bool watched,
                                                  enum ioloop_call what, int fd, unsigned events) {
  return watched ? ioloop__call_begin(loop, what, fd, events) : (struct ioloop__call_span){0};
}

static inline void call_end(struct ioloop *loop, bool watched, enum ioloop_call what, int fd,
                            struct ioloop__call_span span) {
  if (watched)
    ioloop__call_end(loop, what, fd, span);
}

static inline void run_callback(struct ioloop *loop, struct ioloop__call call, bool watched) {
  loop->metrics.callbacks++;
  struct ioloop__call_span span = call_begin(loop, watched, IOLOOP_CALL_CALLBACK, -1, 0);
  call.fn(loop, call.arg);
  call_end(loop, watched, IOLOOP_CALL_CALLBACK, -1, span);
}

/* The count is checked as well: in a forked child nothing is left. */
static void run_queue(struct ioloop *loop, struct ioloop__queue *queue) {
  bool watched = ioloop__has(loop, IOLOOP__WATCHED);
  for (uint32_t n = queue->count; n > 0 && queue->count > 0; n--)
    run_callback(loop, ioloop__queue_pop(queue), watched);
}

/* Calls queued by other threads and by signal handlers, and signals. The bit is cleared last, so
 * that calls that an exception leaves here are made in the next iteration. */
__attribute__((noinline)) static void run_calls_of_others(struct ioloop *loop) {
  struct ioloop__signal_queue *from_signals = &loop->callbacks.from_signals;
  bool watched = ioloop__has(loop, IOLOOP__WATCHED);
  unsigned end = atomic_load(&from_signals->tail);
  struct ioloop__call call;
  run_queue(loop, &loop->callbacks.incoming);
  while (ioloop__signal_queue_pop(from_signals, end, &call))
    run_callback(loop, call, watched);
  ioloop__signals_run(loop);
  ioloop__set(loop, IOLOOP__CALLS, false);
}

static void run_callbacks(struct ioloop *loop) {
  run_queue(loop, &loop->callbacks.ready);
  if (ioloop__has(loop, IOLOOP__CALLS))
    run_calls_of_others(loop);
}

static void run_timeout(struct ioloop *loop, struct ioloop__timer_due due) {
  struct ioloop__call call;
  uint64_t period;
  if (!ioloop__timers_take(&loop->timers, due.timeout, &call, &period))
    return;
  loop->metrics.timeouts++;
  bool watched = ioloop__has(loop, IOLOOP__WATCHED);
  struct ioloop__call_span span = call_begin(loop, watched, IOLOOP_CALL_TIMEOUT, -1, 0);
  call.fn(loop, call.arg);
  call_end(loop, watched, IOLOOP_CALL_TIMEOUT, -1, span);
  if (period)
    ioloop__timers_again(&loop->timers, due, ioloop__now());
}

/* Call what is due; return how long the wait may take until the next. */
static uint64_t run_timeouts(struct ioloop *loop) {
  struct ioloop__timers *timers = &loop->timers;
  uint64_t now = ioloop__now();
  uint32_t due = ioloop__timers_collect(timers, now);
  while (timers->called < timers->collected)
    run_timeout(loop, timers->due[timers->called++]);
  timers->collected = 0;
  if (timers->count == 0)
    return IOLOOP_FOREVER;
  if (due)
    now = ioloop__now();
  uint64_t next = timers->heap[0].deadline;
  return next > now ? next - now : 0;
}

static uint64_t calls_made(const struct ioloop *loop) {
  const struct ioloop_metrics *m = &loop->metrics;
  return m->callbacks + m->timeouts + m->events;
}

/* Room for a report of each descriptor. Without memory the old batch serves on, and the backend
 * reports the rest in the next wait. */
__attribute__((cold, noinline)) static void grow_ready(struct ioloop *loop) {
  int capacity = loop->table.registered + loop->table.registered / 4;
  struct ioloop_ready *ready = realloc(loop->ready, (size_t)capacity * sizeof *ready);
  if (ready) {
    loop->ready = ready;
    loop->ready_capacity = capacity;
  }
  ioloop__set(loop, IOLOOP__CROWDED, false);
}

/* The phases before the wait. Returns how long the wait may take: 0 if the caller wants one
 * iteration and something has been called already. */
static uint64_t before_wait(struct ioloop *loop, uint64_t limit_ns, bool once) {
  uint64_t calls = calls_made(loop);
  run_callbacks(loop);
  if (loop->timers.count) {
    uint64_t next_ns = run_timeouts(loop);
    limit_ns = next_ns < limit_ns ? next_ns : limit_ns;
  }
  ioloop__fdtable_flush(loop);
  if (ioloop__has(loop, IOLOOP__CROWDED))
    grow_ready(loop);
  bool do_not_block = loop->callbacks.ready.count || ioloop__has(loop, IOLOOP__STOP) ||
                      (once && calls_made(loop) != calls);
  if (do_not_block)
    return 0;
  /* A change that could not be made yet is tried again. */
  return loop->table.dirty && limit_ns > IOLOOP__PAUSE_NS ? IOLOOP__PAUSE_NS : limit_ns;
}

/* 0: wait again. If the kernel is short of something, a wait that does not block would only ask for
 * it more often. */
__attribute__((cold, noinline)) static int failed_wait(int error, uint64_t timeout_ns) {
  if (!ioloop__is_passing(error))
    return error;
  if (error != -EINTR && timeout_ns)
    ioloop__pause();
  return 0;
}

/* The turn is over. Returns how long the wait may take: not at all if one failed, which a timeout
 * reports. */
__attribute__((noinline)) static uint64_t start_deferred(struct ioloop *loop, uint64_t limit_ns) {
  uint32_t timers = loop->timers.count;
  while (!ioloop__list_is_empty(&loop->deferred.list)) {
    struct ioloop__list *link = loop->deferred.list.next;
    ioloop__list_remove(link);
    link->next = NULL;
    loop->deferred.start(link);
  }
  return loop->timers.count == timers ? limit_ns : 0;
}

static inline int wait_ready(struct ioloop *loop, uint64_t timeout_ns, bool watched) {
  unsigned observer = loop->observers;
  uint64_t begun = 0;
  if (!ioloop__list_is_empty(&loop->deferred.list))
    timeout_ns = start_deferred(loop, timeout_ns);
  if (watched) {
    if (loop->observer.wait_begin)
      loop->observer.wait_begin(loop->observer_arg, timeout_ns);
    begun = loop->timing ? ioloop__now() : 0;
  }
  int n = loop->wait(loop, loop->state, timeout_ns, loop->ready, loop->ready_capacity);
  if (n < 0)
    n = failed_wait(n, timeout_ns);
  if (watched) {
    if (loop->timing)
      loop->metrics.idle_ns += ioloop__now() - begun;
    if (loop->observer.wait_end && observer == loop->observers)
      loop->observer.wait_end(loop->observer_arg, n);
  }
  return n;
}

static inline const struct ioloop__fd *entry_of(const struct ioloop *loop, uint64_t token) {
  return &loop->table.fds[(uint32_t)token];
}

/* A report whose generation is old, or whose events are not wanted, is handled elsewhere. */
static inline __attribute__((always_inline)) void
dispatch_one(struct ioloop *loop, const struct ioloop_ready *ready, bool watched) {
  int fd = (int)(uint32_t)ready->token;
  const struct ioloop__fd *entry = entry_of(loop, ready->token);
  unsigned events = ready->events & entry->wanted;
  if (entry->generation != (uint32_t)(ready->token >> 32) || !events) {
    loop->uncounted++;
    if (!ioloop__inherited(loop)) /* an earlier handler forked, and this is the child */
      ioloop__fdtable_unwanted(loop, ready->token);
    return;
  }
  if (events & IOLOOP_ERROR)
    events |= entry->wanted & (IOLOOP_READ | IOLOOP_WRITE);
  if (watched && loop->observer.ready)
    loop->observer.ready(loop->observer_arg, fd, events);
  struct ioloop__call_span span = call_begin(loop, watched, IOLOOP_CALL_HANDLER, fd, events);
  entry->handler(loop, fd, events, entry->arg);
  call_end(loop, watched, IOLOOP_CALL_HANDLER, fd, span);
}

/* Among thousands of descriptors a registration is seldom in the cache: the next one is on its way
 * while the handler before it runs. */
static inline void dispatch(struct ioloop *loop, int count, bool watched) {
  const struct ioloop_ready *ready = loop->ready;
  for (const struct ioloop_ready *last = ready + count - 1; ready < last; ready++) {
    __builtin_prefetch(entry_of(loop, ready[1].token));
    dispatch_one(loop, ready, watched);
  }
  dispatch_one(loop, ready, watched);
}

/* The phases from the wait on. Returns what the backend's wait returned. */
static inline __attribute__((always_inline)) int
wait_and_dispatch(struct ioloop *loop, uint64_t timeout_ns, bool watched) {
  loop->metrics.iterations++;
  int n = wait_ready(loop, timeout_ns, watched);
  if (n > 0) {
    loop->metrics.wakeups++;
    loop->metrics.events += (unsigned)n;
    dispatch(loop, n, watched);
  }
  return n;
}

static int iterate(struct ioloop *loop, uint64_t limit_ns, bool once) {
  bool watched = ioloop__has(loop, IOLOOP__WATCHED), timing = loop->timing;
  uint64_t begun = timing ? ioloop__now() : 0, idle_before = loop->metrics.idle_ns;
  limit_ns = before_wait(loop, limit_ns, once);
  if (ioloop__inherited(loop)) /* a callback forked, and this is the child */
    return 0;
  int n =
      watched ? wait_and_dispatch(loop, limit_ns, true) : wait_and_dispatch(loop, limit_ns, false);
  if (timing)
    loop->metrics.busy_ns += ioloop__now() - begun - (loop->metrics.idle_ns - idle_before);
  return n;
}

/* Nothing to do but to wait again? One test, because it is made for every wake-up. */
static inline bool only_wait(const struct ioloop *loop) {
  return !(atomic_load_explicit(&loop->attention, memory_order_relaxed) |
           loop->callbacks.ready.count | loop->timers.count | loop->table.dirty);
}

unsigned ioloop__this_thread(void) {
  static atomic_uint threads;
  static _Thread_local unsigned number;
  if (!number)
    number = atomic_fetch_add(&threads, 1) + 1;
  return number;
}

/* The loops that this thread is running: one in a handler of the next. */
static _Thread_local struct ioloop *innermost;

/* Where a backend depends on the thread, it moves what it has in the kernel. */
static int move_here(struct ioloop *loop) {
  unsigned thread = ioloop__this_thread();
  loop->moved = loop->moved || loop->user != thread;
  loop->user = thread;
  if (!loop->moved)
    return 0;
  int r = loop->backend->moved ? loop->backend->moved(loop, loop->state) : 0;
  loop->moved = r != 0;
  return r;
}

/*
 * The exchange lets one thread in. What another did to the loop before it left, or before it handed
 * the loop over, is visible to this one.
 */
static int enter_running(struct ioloop *loop) {
  if (ioloop__inherited(loop))
    return -ECHILD;
  if (atomic_exchange(&loop->running, true))
    return -EBUSY;
  int r = move_here(loop);
  if (r) {
    atomic_store(&loop->running, false);
    return r;
  }
  loop->completer.running = true;
  loop->outer = innermost;
  innermost = loop;
  return 0;
}

/*
 * Operations that streams have started are submitted with the next wait. That may be long in
 * coming, so submit them now. From the store to `running` on, the loop may be another thread's.
 *
 * Called however the run ends: by a return, or by what passes through it, which is a C++ exception
 * or the end of the thread (pthread_cancel). For this the library is compiled with -fexceptions,
 * which costs nothing until it happens.
 */
static void leave_running(struct ioloop **place) {
  struct ioloop *loop = *place;
  innermost = loop->outer;
  bool inherited = ioloop__inherited(loop);
  if (!inherited)
    (void)start_deferred(loop, 0);
  loop->completer.running = false;
  if (ioloop__has(loop, IOLOOP__STOP)) /* it has ended this run */
    ioloop__set(loop, IOLOOP__STOP, false);
  ioloop__timers_put_back(&loop->timers);
  if (!inherited && loop->backend->completion)
    loop->backend->completion->submit(loop->state);
  bool freed = loop->freed;
  atomic_store(&loop->running, false);
  if (freed)
    ioloop__free_copy(loop);
}

#define RUNNING(loop) __attribute__((cleanup(leave_running))) struct ioloop *run = (loop)

/* In the child, our frames continue when the callback that forked returns. They must find nothing
 * to call and nothing to wait for. */
void ioloop__abandon_running(void) {
  for (struct ioloop *loop = innermost; loop; loop = loop->outer) {
    ioloop__set(loop, IOLOOP__STOP, true);
    ioloop__callbacks_abandon(&loop->callbacks);
    loop->signals.due = 0;
    loop->timers.called = loop->timers.collected;
    loop->table.dirty = 0;
    for (int i = 0; i < loop->ready_capacity; i++)
      loop->ready[i].events = 0;
  }
}

int ioloop_start(struct ioloop *loop) {
  int r = enter_running(loop);
  if (r)
    return r;
  RUNNING(loop);
  while (r >= 0) {
    if (only_wait(run))
      r = wait_and_dispatch(run, IOLOOP_FOREVER, false);
    else if (!ioloop__has(run, IOLOOP__STOP))
      r = iterate(run, IOLOOP_FOREVER, false);
    else
      break;
  }
  if (ioloop__inherited(run))
    return -ECHILD;
  return r < 0 ? r : 0;
}

int ioloop_run_once(struct ioloop *loop, uint64_t timeout_ns) {
  int r = enter_running(loop);
  if (r)
    return r;
  RUNNING(loop);
  uint64_t before = calls_made(run);
  run->uncounted = 0;
  r = iterate(run, timeout_ns, true);
  if (ioloop__inherited(run))
    return -ECHILD;
  if (r < 0)
    return r;
  uint64_t calls = calls_made(run) - before - run->uncounted;
  return calls < INT_MAX ? (int)calls : INT_MAX;
}
