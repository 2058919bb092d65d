/* SPDX-License-Identifier: MIT */
/*
 * loop.c - turns the calls of a loop's observer into records.
 *
 * A loop of the nonblocking model iterates a million times a second while nothing happens, and
 * would fill any trace. So of consecutive iterations in which all calls returned EAGAIN, and
 * nothing else happened, the first few are kept, and the rest are counted and omitted: an event
 * gives their number, begin and end. The iteration that found something is kept whole.
 */
#include <errno.h>

#include "common/clock.h"
#include "recorder.h"

enum {
  IDLE_TURNS_KEPT = 3
};

/* ---- iterations ------------------------------------------------------------------------- */

static void begin_turn(struct trace_track *track, uint64_t now) {
  struct idle_turns *idle = &track->idle;
  idle->turning = true;
  idle->eventful = idle->tried = false;
  idle->chunk = track->last;
  idle->used_in_chunk = track->used_in_last;
  idle->count = atomic_load_explicit(&track->count, memory_order_relaxed);
  idle->used = 0;
  idle->begun_ns = now;
  if (!idle->left_out)
    return;
  /* Removed again if this iteration is omitted too. */
  trace_add(track, (struct record){.kind = RECORD_IDLE,
                                   .at_ns = idle->since_ns,
                                   .duration_ns = idle->until_ns - idle->since_ns,
                                   .value = (int64_t)idle->left_out,
                                   .fd = -1});
}

static void end_turn(struct trace_track *track, uint64_t now) {
  struct idle_turns *idle = &track->idle;
  if (!idle->turning)
    return;
  idle->turning = false;
  if (idle->eventful || !idle->tried) {
    idle->seen = 0;
    idle->left_out = 0;
    return;
  }
  if (++idle->seen <= IDLE_TURNS_KEPT || atomic_load(&track->trace->full))
    return;
  trace_rewind(track);
  if (idle->left_out++ == 0)
    idle->since_ns = idle->begun_ns;
  idle->until_ns = now;
}

/* The iteration is not idle. */
static void note(struct trace_track *track, struct record record) {
  track->idle.eventful = true;
  trace_add(track, record);
}

/* ---- hooks ------------------------------------------------------------------------------ */

static void on_wait_begin(void *arg, uint64_t timeout_ns) {
  int64_t timeout = timeout_ns == IOLOOP_FOREVER ? -1 : (int64_t)timeout_ns;
  uint64_t now = clock_ns(CLOCK_MONOTONIC);
  end_turn(arg, now);
  begin_turn(arg, now);
  trace_add(arg,
            (struct record){.kind = RECORD_WAIT_BEGIN, .at_ns = now, .value = timeout, .fd = -1});
}

static void on_wait_end(void *arg, int ready_count) {
  trace_add(arg, (struct record){.kind = RECORD_WAIT_END, .value = ready_count, .fd = -1});
}

static void on_system_call(void *arg, const char *name, int fd, ptrdiff_t result, uint64_t begun_ns,
                           uint64_t duration_ns) {
  struct trace_track *track = arg;
  if (result == -EAGAIN || result == -EWOULDBLOCK)
    track->idle.tried = true;
  else
    track->idle.eventful = true;
  trace_add(track, (struct record){.kind = RECORD_CALL,
                                   .at_ns = begun_ns,
                                   .duration_ns = duration_ns,
                                   .name = name,
                                   .fd = fd,
                                   .value = result});
}

static void on_submitted(void *arg, const char *operation, int fd, size_t size) {
  const int64_t bytes = (int64_t)size;
  note(arg, (struct record){.kind = RECORD_SUBMITTED, .name = operation, .fd = fd, .value = bytes});
}

static void on_completed(void *arg, const char *operation, int fd, int result, bool more) {
  note(arg,
       (struct record){
           .kind = RECORD_COMPLETED, .name = operation, .fd = fd, .value = result, .extra = more});
}

static void on_signal(void *arg, int signo, int fd, int band, unsigned queued) {
  note(arg,
       (struct record){
           .kind = RECORD_SIGNAL, .value = signo, .fd = fd, .extra = band, .duration_ns = queued});
}

static void on_overflow(void *arg) {
  note(arg, (struct record){.kind = RECORD_OVERFLOW, .fd = -1});
}

static void on_rescue(void *arg, uint64_t count) {
  note(arg, (struct record){.kind = RECORD_RESCUE, .value = (int64_t)count, .fd = -1});
}

static void on_ready(void *arg, int fd, unsigned events) {
  trace_add(arg, (struct record){.kind = RECORD_READY, .value = events, .fd = fd});
}

/* A handler that only tried is not recorded. */
static void on_call_begin(void *arg, enum ioloop_call what, int fd, unsigned events) {
  struct trace_track *track = arg;
  if (what != IOLOOP_CALL_HANDLER)
    track->idle.eventful = true;
  trace_add(track, (struct record){
                       .kind = RECORD_USER_BEGIN, .value = events, .fd = fd, .what = (char)what});
}

static void on_call_end(void *arg, enum ioloop_call what, int fd, uint64_t duration_ns) {
  (void)duration_ns;
  trace_add(arg, (struct record){.kind = RECORD_USER_END, .fd = fd, .what = (char)what});
}

void trace_observe(struct trace_track *track, struct ioloop *loop) {
  static const struct ioloop_observer hooks = {
      .size = sizeof hooks,
      .wait_begin = on_wait_begin,
      .wait_end = on_wait_end,
      .system_call = on_system_call,
      .submitted = on_submitted,
      .completed = on_completed,
      .signal_received = on_signal,
      .overflow = on_overflow,
      .rescue = on_rescue,
      .ready = on_ready,
      .call_begin = on_call_begin,
      .call_end = on_call_end,
  };
  if (track)
    ioloop_set_observer(loop, &hooks, track);
}
