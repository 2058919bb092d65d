/* SPDX-License-Identifier: MIT */
/*
 * rows.c - the text of each step: one row for a moment, two for a call, which goes to the kernel
 * and returns. The kernel's side is derived from the call's result, and from nothing else.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/say.h"
#include "ladder.h"

#define SAY(to, ...) snprintf(to, sizeof(to), __VA_ARGS__)

/* ---- words -------------------------------------------------------------------------------- */

static const char *plural(int64_t count) {
  return count == 1 ? "" : "s";
}

static const char *signal_name(int64_t signo, char to[32]) {
  if (signo == SIGIO)
    snprintf(to, 32, "SIGIO");
#ifdef SIGRTMIN
  else if (signo >= SIGRTMIN && signo <= SIGRTMAX)
    snprintf(to, 32, "SIGRTMIN+%d", (int)signo - SIGRTMIN);
#endif
  else
    snprintf(to, 32, "signal %lld", (long long)signo);
  return to;
}

/* ---- calls -------------------------------------------------------------------------------- */

static bool is_named(const struct event *event, const char *name) {
  return strcmp(event->name, name) == 0;
}

/* It returned nothing but EAGAIN or "none ready". */
static bool found_nothing(const struct event *begin, const struct event *end) {
  int64_t result = event_number(end, "result", 0);
  bool waits_for_readiness = is_wait(begin->name) && !is_named(begin, "io_uring_enter");
  return strcmp(event_text(end, "error", ""), "EAGAIN") == 0 ||
         (waits_for_readiness && result == 0);
}

static void say_result(const struct event *begin, const struct event *end, struct row *row) {
  char text[32];
  int64_t result = event_number(end, "result", 0);
  const char *error = event_text(end, "error", NULL);
  if (event_says(end, "under way"))
    SAY(row->label, "(not back when the trace ends)");
  else if (error)
    SAY(row->label, "%s", error);
  else if (result < 0)
    SAY(row->label, "error %llu", 0 - (unsigned long long)result); /* of INT64_MIN, too */
  else if (is_named(begin, "accept"))
    SAY(row->label, "fd %lld", (long long)result);
  else if (is_named(begin, "sigtimedwait"))
    SAY(row->label, "%s", signal_name(result, text));
  else if (is_named(begin, "io_uring_enter"))
    SAY(row->label, "%lld submitted", (long long)result);
  else if (is_wait(begin->name))
    SAY(row->label, "%lld ready", (long long)result);
  else if (is_named(begin, "recvmmsg") || is_named(begin, "sendmmsg"))
    SAY(row->label, "%lld datagram%s", (long long)result, plural(result));
  else
    SAY(row->label, "%lld byte%s", (long long)result, plural(result));
}

/* During the call. Whether it slept cannot be seen from its result, only from its duration. */
static void say_what_kernel_does(const struct event *begin, const struct event *end,
                                 struct row *row) {
  int64_t result = event_number(end, "result", 0);
  bool blocking = event_says(begin, "blocking");
  if (event_says(end, "under way") || result < 0 || found_nothing(begin, end))
    return;
  if (is_named(begin, "io_uring_enter"))
    SAY(row->kernel, "%s",
        result > 1 ? "starts them; anything done?"
        : result   ? "starts it; anything done?"
                   : "anything done?");
  else if (is_named(begin, "sigtimedwait"))
    SAY(row->kernel, "is a signal pending?");
  else if (is_wait(begin->name))
    SAY(row->kernel, "is any ready?");
  else if (is_receive(begin->name) && result > 0)
    SAY(row->kernel, "%s", blocking ? "waits for data if need be" : "copies data to the user");
  else if (is_named(begin, "read"))
    SAY(row->kernel, "takes signals off the queue");
  else if (is_send(begin->name))
    SAY(row->kernel, "copies data from the user");
  else if (is_named(begin, "accept") && blocking)
    SAY(row->kernel, "waits for one if need be");
}

/* On return. */
static void say_what_kernel_had(const struct event *begin, const struct event *end,
                                struct row *row) {
  int64_t result = event_number(end, "result", 0);
  if (event_says(end, "under way"))
    return;
  if (found_nothing(begin, end)) {
    SAY(row->kernel, "%s",
        is_named(begin, "accept")         ? "no connection waits"
        : is_receive(begin->name)         ? "no data ready"
        : is_send(begin->name)            ? "no room in its buffer"
        : is_named(begin, "sigtimedwait") ? "no signal pending"
                                          : "nothing ready");
  } else if (is_receive(begin->name) && result == 0) {
    SAY(row->kernel, "end of input");
  } else if (is_named(begin, "accept") && result >= 0) {
    SAY(row->kernel, "a connection was ready");
  } else if (is_named(begin, "sigtimedwait") && result > 0) {
    SAY(row->kernel, "of which descriptor?");
  } else if (is_wait(begin->name) && !is_named(begin, "io_uring_enter") && result > 0) {
    SAY(row->kernel, "ready");
  } else if (is_receive(begin->name) && result > 0) {
    SAY(row->kernel, "copy complete");
  }
}

static enum tone tone_of_call(const struct event *begin, const struct event *end) {
  int64_t result = event_number(end, "result", 0);
  if (found_nothing(begin, end))
    return TONE_NOTHING;
  if (result < 0)
    return TONE_ERROR;
  return (is_receive(begin->name) || is_send(begin->name)) && result > 0 ? TONE_DATA : TONE_CALL;
}

static void make_call(const struct events *events, const struct step *step, struct row rows[2]) {
  const struct event *begin = &events->at[step->begin], *end = &events->at[step->end];
  bool blocking = event_says(begin, "blocking");
  int64_t fd = event_number(begin, "fd", -1);
  enum tone tone = tone_of_call(begin, end);
  rows[0] = (struct row){.at_us = begin->at_us,
                         .event = step->begin,
                         .direction = TO_KERNEL,
                         .tone = tone,
                         .waits = blocking || is_wait(begin->name),
                         .duration_us = end->at_us - begin->at_us};
  rows[1] = (struct row){
      .at_us = end->at_us, .event = step->end, .direction = TO_APPLICATION, .tone = tone};
  if (fd >= 0)
    SAY(rows[0].label, "%s(fd %lld)", begin->name, (long long)fd);
  else
    SAY(rows[0].label, "%s()", begin->name);
  say_what_kernel_does(begin, end, &rows[0]);
  say_result(begin, end, &rows[1]);
  say_what_kernel_had(begin, end, &rows[1]);
}

/* ---- moments ------------------------------------------------------------------------------ */

static void say_signal(const struct event *event, struct row *row) {
  char text[32];
  int64_t fd = event_number(event, "fd", -1), band = event_number(event, "band", 0);
  row->direction = TO_APPLICATION;
  row->tone = TONE_SIGNAL;
  const char *name = signal_name(event_number(event, "signal", 0), text);
  if (fd < 0) {
    SAY(row->label, "%s", name);
    SAY(row->kernel, "of which descriptor?");
    return;
  }
  SAY(row->label, "%s: fd %lld", name, (long long)fd);
  SAY(row->kernel, "%s%lld in the queue", band & 1 ? "input; " : "",
      (long long)event_number(event, "queued", 1));
}

static void say_operation(const struct event *event, bool submitted, struct row *row) {
  const char *operation = event_text(event, "operation", "?");
  const char *error = event_text(event, "error", NULL);
  int64_t result = event_number(event, "result", 0), size = event_number(event, "size", 0);
  row->direction = submitted ? TO_KERNEL : TO_APPLICATION;
  row->tone = TONE_OPERATION;
  if (submitted && size)
    SAY(row->label, "submit %s, %lld byte%s", operation, (long long)size, plural(size));
  else if (submitted)
    SAY(row->label, "submit %s", operation);
  else if (error)
    SAY(row->label, "%s done: %s", operation, error);
  else if (strcmp(operation, "accept") == 0)
    SAY(row->label, "accept done: fd %lld", (long long)result);
  else
    SAY(row->label, "%s done: %lld byte%s", operation, (long long)result, plural(result));
  if (submitted)
    SAY(row->kernel, "in the ring: no call yet");
  else if (is_receive(operation) && result > 0)
    SAY(row->kernel, "the data is in our buffer");
  else if (is_send(operation) && result > 0)
    SAY(row->kernel, "taken");
}

static void say_remark(const struct event *event, struct row *row) {
  row->direction = NO_ARROW;
  row->tone = TONE_ERROR;
  if (is_named(event, "rescue"))
    SAY(row->label, "rescue: %lld found without a signal",
        (long long)event_number(event, "descriptors", 0));
  else if (is_named(event, "overflow"))
    SAY(row->label, "overflow: the queue was full");
  else
    SAY(row->label, "the trace's limit: no more is recorded");
}

static void make_moment(const struct events *events, const struct step *step, struct row *row) {
  const struct event *event = &events->at[step->begin];
  *row = (struct row){.at_us = event->at_us, .event = step->begin};
  if (step->kind == STEP_SIGNAL) {
    say_signal(event, row);
  } else if (step->kind == STEP_LEFT_OUT) {
    row->direction = NO_ARROW;
    row->tone = TONE_NOTHING;
    row->duration_us = events->at[step->end].at_us - event->at_us;
    SAY(row->label, "%lld more turns: EAGAIN", (long long)event_number(event, "turns", 0));
    SAY(row->kernel, "no data for %.1f \xc2\xb5s", row->duration_us);
  } else if (step->kind == STEP_REMARK) {
    say_remark(event, row);
  } else {
    say_operation(event, step->kind == STEP_SUBMIT, row);
  }
}

/* ---- the excerpt -------------------------------------------------------------------------- */

static int complain_of_nothing(const struct excerpt *excerpt, const char *path) {
  if (excerpt->connection)
    return complain(
        "%s: nothing to draw of connection %llu in this excerpt (see what there is with "
        "--connection=0, or choose another --connection, --request, --from or --to)",
        path, (unsigned long long)excerpt->connection);
  return complain("%s: nothing to draw in this excerpt (choose another --request, --from or --to)",
                  path);
}

int rows_choose(const struct events *events, const struct excerpt *excerpt, const char *path,
                struct rows *ret) {
  struct steps steps;
  struct rows rows = {.count = 0};
  if (!steps_choose(events, excerpt, &steps))
    return complain("%s: not enough memory", path);
  size_t count = steps.count < excerpt->max_steps ? steps.count : (size_t)excerpt->max_steps;
  rows.left_out = steps.count - count;
  rows.at = calloc(2 * count + 1, sizeof *rows.at);
  for (size_t i = 0; rows.at && i < count; i++) {
    bool call = steps.at[i].kind == STEP_CALL;
    if (call)
      make_call(events, &steps.at[i], &rows.at[rows.count]);
    else
      make_moment(events, &steps.at[i], &rows.at[rows.count]);
    rows.count += call ? 2 : 1;
  }
  free(steps.at);
  if (!rows.count) {
    free(rows.at);
    return complain_of_nothing(excerpt, path);
  }
  *ret = rows;
  return 0;
}

void rows_free(struct rows *rows) {
  free(rows->at);
  *rows = (struct rows){.count = 0};
}
