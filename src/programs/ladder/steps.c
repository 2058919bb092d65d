/* SPDX-License-Identifier: MIT */
/*
 * steps.c - which events make up the excerpt.
 *
 * A connection lives on one thread: the loop, or its own. The connection's steps are that thread's
 * calls and operations on its descriptor, and those on no descriptor: waits, signals that name
 * none. A request is everything between two replies: waiting for it, reading it, answering it.
 */
#include <stdlib.h>
#include <string.h>

#include "ladder.h"

enum {
  DEEPEST = 64
};

static bool is_one_of(const char *name, const char *const *names) {
  while (*names && strcmp(*names, name) != 0)
    names++;
  return *names;
}

bool is_wait(const char *name) {
  static const char *const names[] = {
      "epoll_wait",      "epoll_pwait2",   "poll",         "ppoll",   "select", "kevent",
      "event_base_loop", "io_uring_enter", "sigtimedwait", "pselect", NULL};
  return is_one_of(name, names);
}

bool is_receive(const char *name) {
  static const char *const names[] = {"recv", "recvfrom", "recvmsg", "recvmmsg", NULL};
  return is_one_of(name, names);
}

bool is_send(const char *name) {
  static const char *const names[] = {"send", "sendto", "sendmsg", "sendmmsg", NULL};
  return is_one_of(name, names);
}

/* ---- events as steps ---------------------------------------------------------------------- */

static bool append(struct steps *steps, struct step step) {
  if (steps->count == steps->capacity) {
    size_t capacity = steps->capacity * 2 + 64;
    struct step *larger = realloc(steps->at, capacity * sizeof *larger);
    if (!larger)
      return false;
    steps->at = larger;
    steps->capacity = capacity;
  }
  steps->at[steps->count++] = step;
  return true;
}

static bool is_call(const struct event *event) {
  return strcmp(event->category, "system call") == 0;
}

static bool is_left_out(const struct event *event) {
  return strcmp(event->name, "left out") == 0;
}

/* -1: not drawn. */
static int kind_of_moment(const struct event *event) {
  static const struct {
    const char *name;
    enum step_kind kind;
  } kinds[] = {
      {"signal", STEP_SIGNAL},   {"submit", STEP_SUBMIT}, {"complete", STEP_COMPLETE},
      {"overflow", STEP_REMARK}, {"rescue", STEP_REMARK}, {"limit reached", STEP_REMARK},
  };
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (strcmp(kinds[i].name, event->name) == 0)
      return (int)kinds[i].kind;
  return -1;
}

/* A thread's calls and omitted iterations as pairs, and its moments, in the order in which they
 * began. A place is reserved when one begins, and filled in when it ends. */
static bool collect(const struct events *events, int tid, struct steps *all) {
  size_t open[DEEPEST];
  int depth = 0;
  for (size_t i = 0; i < events->count; i++) {
    const struct event *event = &events->at[i];
    if (event->tid != tid || !event->phase)
      continue;
    bool drawn = is_call(event) || is_left_out(event);
    int kind = event->phase == 'i' ? kind_of_moment(event)
                                   : (int)(is_left_out(event) ? STEP_LEFT_OUT : STEP_CALL);
    if (event->phase == 'E' && depth > 0 && --depth < DEEPEST && open[depth] != SIZE_MAX)
      all->at[open[depth]].end = i;
    if (event->phase == 'B' && depth < DEEPEST)
      open[depth] = drawn ? all->count : SIZE_MAX;
    if (event->phase == 'B')
      depth++;
    bool begins = (event->phase == 'B' && drawn) || (event->phase == 'i' && kind >= 0);
    if (begins && !append(all, (struct step){.kind = (enum step_kind)kind, .begin = i, .end = i}))
      return false;
  }
  return true;
}

/* The thread that handles most of the connection's events; if none does, the busiest. -1: none.
 * Threads are numbered from 1, and each has an event with its name. false: no memory. */
static bool find_thread(const struct events *events, uint64_t connection, int *ret) {
  size_t *times = calloc(events->count + 1, sizeof *times);
  int best = -1;
  if (!times)
    return false;
  for (size_t i = 0; i < events->count; i++) {
    const struct event *event = &events->at[i];
    int tid = event->tid;
    bool counts =
        connection ? event_number(event, "connection", 0) == (int64_t)connection : is_call(event);
    if (!counts || tid < 0 || (size_t)tid > events->count || !event->phase)
      continue;
    times[tid]++;
    if (best < 0 || times[tid] > times[best])
      best = tid;
  }
  free(times);
  *ret = best;
  return true;
}

static bool concerns(const struct events *events, const struct step *step, uint64_t connection) {
  const struct event *begin = &events->at[step->begin], *end = &events->at[step->end];
  if (begin == end && begin->phase == 'B')
    return false; /* cut off: not a trace of ours */
  if (!connection)
    return true;
  int64_t whose = event_number(begin, "connection", event_number(end, "connection", 0));
  if (whose)
    return whose == (int64_t)connection;
  if (step->kind == STEP_CALL)
    return is_wait(begin->name) || strcmp(begin->name, "read") == 0; /* of a signalfd */
  if (step->kind == STEP_SIGNAL)
    return event_number(begin, "fd", -1) < 0;
  return step->kind == STEP_LEFT_OUT || step->kind == STEP_REMARK;
}

/* The row of the call that took the signal shows it already. */
static bool already_shown(const struct events *events, const struct step *step,
                          const struct step *before) {
  return step->kind == STEP_SIGNAL && before && before->kind == STEP_CALL &&
         strcmp(events->at[before->begin].name, "sigtimedwait") == 0 &&
         event_number(&events->at[before->end], "result", 0) ==
             event_number(&events->at[step->begin], "signal", 0);
}

/* ---- requests ------------------------------------------------------------------------------ */

static bool is_operation(const struct event *event, bool (*kind)(const char *name)) {
  return kind(event_text(event, "operation", ""));
}

static bool received(const struct events *events, const struct step *step) {
  const struct event *begin = &events->at[step->begin], *end = &events->at[step->end];
  bool receives = step->kind == STEP_CALL
                      ? is_receive(begin->name)
                      : step->kind == STEP_COMPLETE && is_operation(begin, is_receive);
  return receives && event_number(end, "result", 0) > 0;
}

static bool answered(const struct events *events, const struct step *step) {
  const struct event *begin = &events->at[step->begin];
  return step->kind == STEP_CALL ? is_send(begin->name)
                                 : step->kind == STEP_SUBMIT && is_operation(begin, is_send);
}

/* From after the previous reply up to this one. An operation that is only submitted then is started
 * by the next call, and belongs to it. */
static void keep_request(const struct events *events, uint64_t request, struct steps *steps) {
  size_t first = 0, end = 0, i = 0;
  uint64_t seen = 0;
  for (; i < steps->count && seen < request; i++) {
    seen += received(events, &steps->at[i]);
    if (answered(events, &steps->at[i]))
      first = i + 1;
  }
  if (seen < request) {
    steps->count = 0;
    return;
  }
  for (end = i; i < steps->count && !received(events, &steps->at[i]); i++)
    if (answered(events, &steps->at[i]))
      end = i + 1;
  if (end > 0 && end < steps->count && steps->at[end - 1].kind == STEP_SUBMIT &&
      steps->at[end].kind == STEP_CALL)
    end++;
  steps->count = end - first;
  memmove(steps->at, steps->at + first, steps->count * sizeof steps->at[0]);
}

bool steps_choose(const struct events *events, const struct excerpt *excerpt, struct steps *ret) {
  struct steps steps = {.count = 0};
  int thread;
  if (!find_thread(events, excerpt->connection, &thread) || !collect(events, thread, &steps))
    return false;
  size_t kept = 0;
  for (size_t i = 0; i < steps.count; i++) {
    const struct step step = steps.at[i], *before = kept ? &steps.at[kept - 1] : NULL;
    if (concerns(events, &step, excerpt->connection) && !already_shown(events, &step, before))
      steps.at[kept++] = step;
  }
  steps.count = kept;
  if (excerpt->request)
    keep_request(events, excerpt->request, &steps);
  kept = 0;
  for (size_t i = 0; i < steps.count; i++) {
    double begin_us = events->at[steps.at[i].begin].at_us,
           end_us = events->at[steps.at[i].end].at_us;
    if (end_us >= excerpt->from_us && begin_us <= excerpt->to_us)
      steps.at[kept++] = steps.at[i];
  }
  steps.count = kept;
  *ret = steps;
  return true;
}
