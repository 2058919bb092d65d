/* SPDX-License-Identifier: MIT */
/* observe.c - metrics, timing and the observer: how the loop is watched from outside. */
#include "internal.h"

static void update_watched(struct ioloop *loop) {
  static const struct ioloop_observer none;
  const struct ioloop_observer *o = &loop->observer;
  bool hooked = o->wait_begin || o->wait_end || o->signal_received || o->ready || o->call_begin ||
                o->call_end || (o->slow && o->slow_ns);
  if (!hooked)
    loop->observer = none;
  ioloop__set(loop, IOLOOP__WATCHED, hooked || loop->timing);
}

void ioloop_set_observer(struct ioloop *loop, const struct ioloop_observer *observer, void *arg) {
  static const struct ioloop_observer none;
  loop->observer = observer ? *observer : none;
  loop->observer_arg = arg;
  update_watched(loop);
}

void ioloop_set_timing(struct ioloop *loop, bool on) {
  loop->timing = on;
  update_watched(loop);
}

void ioloop_get_metrics(const struct ioloop *loop, struct ioloop_metrics *ret) {
  *ret = loop->metrics;
}

struct ioloop_metrics *ioloop__metrics(struct ioloop *loop) {
  return &loop->metrics;
}

void ioloop__note_signal(struct ioloop *loop, int signo, int fd, int band) {
  loop->metrics.signals++;
  if (loop->observer.signal_received)
    loop->observer.signal_received(loop->observer_arg, signo, fd, band);
}

uint64_t ioloop__call_begin(struct ioloop *loop, char what, int fd, unsigned events) {
  if (loop->observer.call_begin)
    loop->observer.call_begin(loop->observer_arg, what, fd, events);
  return ioloop__now();
}

void ioloop__call_end(struct ioloop *loop, char what, int fd, uint64_t begun) {
  uint64_t duration = ioloop__now() - begun;
  if (duration > loop->metrics.longest_handler_ns && loop->timing)
    loop->metrics.longest_handler_ns = duration;
  const struct ioloop_observer *o = &loop->observer;
  if (o->call_end)
    o->call_end(loop->observer_arg, what, fd, duration);
  if (o->slow && o->slow_ns && duration > o->slow_ns)
    o->slow(loop->observer_arg, what, fd, duration);
}
