/* SPDX-License-Identifier: MIT */
/* observe.c - metrics, timing and the observer: watching the loop from outside. */
#include "observe.h"
#include "internal.h"
#include "version.h"

static void update_watched(struct ioloop *loop) {
  const struct ioloop_observer *o = &loop->observer;
  bool hooked = o->wait_begin || o->wait_end || o->system_call || o->submitted || o->completed ||
                o->signal_received || o->overflow || o->rescue || o->ready || o->call_begin ||
                o->call_end || (o->slow && o->slow_ns);
  loop->observed = (struct ioloop__observed){.calls = o->system_call,
                                             .operations = o->submitted || o->completed};
  ioloop__set(loop, IOLOOP__WATCHED, hooked || loop->timing);
}

int ioloop_set_observer(struct ioloop *loop, const struct ioloop_observer *observer, void *arg) {
  struct ioloop_observer copy = {.size = sizeof copy};
  int error = observer ? ioloop__copy_options(&copy, sizeof copy, observer) : 0;
  if (error)
    return error;
  loop->observer = copy;
  loop->observer_arg = arg;
  loop->observers++;
  update_watched(loop);
  return 0;
}

void ioloop_set_timing(struct ioloop *loop, bool on) {
  loop->timing = on;
  update_watched(loop);
}

void ioloop_get_metrics(const struct ioloop *loop, struct ioloop_metrics *ret, size_t size) {
  ioloop__copy_result(ret, size, &loop->metrics, sizeof loop->metrics);
}

struct ioloop_metrics *ioloop__metrics(struct ioloop *loop) {
  return &loop->metrics;
}

void ioloop__note_signal(struct ioloop *loop, int signo, int fd, int band, unsigned queued) {
  loop->metrics.signals++;
  if (loop->observer.signal_received)
    loop->observer.signal_received(loop->observer_arg, signo, fd, band, queued);
}

void ioloop__note_overflow(struct ioloop *loop) {
  loop->metrics.overflows++;
  if (loop->observer.overflow)
    loop->observer.overflow(loop->observer_arg);
}

void ioloop__note_rescue(struct ioloop *loop, uint64_t count) {
  loop->metrics.rescues += count;
  if (count && loop->observer.rescue)
    loop->observer.rescue(loop->observer_arg, count);
}

/* The hook may have been removed in the meantime. */
void ioloop__note_call(struct ioloop *loop, const char *name, int fd, ptrdiff_t result,
                       uint64_t begun) {
  if (loop->observer.system_call)
    loop->observer.system_call(loop->observer_arg, name, fd, result, begun, ioloop__now() - begun);
}

uint32_t ioloop__note_submitted(struct ioloop *loop, const char *name, int fd, size_t size) {
  if (loop->observer.submitted)
    loop->observer.submitted(loop->observer_arg, name, fd, size);
  return loop->observers;
}

void ioloop__note_completed(struct ioloop *loop, uint32_t observer, const char *name, int fd,
                            int result, bool more) {
  if (loop->observer.completed && observer == loop->observers)
    loop->observer.completed(loop->observer_arg, name, fd, result, more);
}

struct ioloop__call_span ioloop__call_begin(struct ioloop *loop, enum ioloop_call what, int fd,
                                            unsigned events) {
  unsigned observer = loop->observers;
  if (loop->observer.call_begin)
    loop->observer.call_begin(loop->observer_arg, what, fd, events);
  return (struct ioloop__call_span){.begun = ioloop__now(), .observer = observer};
}

void ioloop__call_end(struct ioloop *loop, enum ioloop_call what, int fd,
                      struct ioloop__call_span span) {
  uint64_t duration = ioloop__now() - span.begun;
  if (duration > loop->metrics.longest_handler_ns && loop->timing)
    loop->metrics.longest_handler_ns = duration;
  if (span.observer != loop->observers)
    return;
  const struct ioloop_observer *o = &loop->observer;
  if (o->call_end)
    o->call_end(loop->observer_arg, what, fd, duration);
  if (o->slow && o->slow_ns && duration > o->slow_ns)
    o->slow(loop->observer_arg, what, fd, duration);
}
