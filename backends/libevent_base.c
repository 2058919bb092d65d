/* SPDX-License-Identifier: MIT */
/*
 * libevent_base.c - making libevent's bases (event2/event.h: event_base_new_with_config).
 *
 * Surprises
 *   - libevent prints. A failed epoll_ctl, or a closed descriptor under select, writes a line to
 *     stderr unless a log callback is set, which is one for the process and cannot be read back,
 *     only replaced. A library does not print: we set one that drops the message, before our first
 *     base is made. A program that uses libevent as well sets its own after that, or again.
 *   - Its clock is CLOCK_MONOTONIC_COARSE, up to a tick (1 to 10 ms) behind, unless asked to be
 *     precise; with epoll that costs a timerfd_settime in every turn. So epoll keeps the coarse
 *     clock, as every libevent program does: a wait may end a tick early, and the core then waits
 *     for the rest. poll and select get the precise clock, which costs them nothing.
 *   - A library that exits: event_base_new and event_reinit terminate the process if they cannot
 *     open the pair that wakes libevent for signals, which no option turns off. So we check first
 *     whether there is room. Another thread may take it in between; that cannot be prevented.
 */
#include "libevent_base.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void drop_message(int severity, const char *message) {
  (void)severity, (void)message;
}

bool ioloop__libevent_has_room(void) {
  int first[2], second[2];
  if (pipe(first) < 0)
    return false;
  bool room = pipe(second) == 0;
  int error = errno;
  for (int i = 0; i < 2; i++) {
    close(first[i]);
    if (room)
      close(second[i]);
  }
  errno = error;
  return room;
}

/* Not cached: memory may be available the next time. */
struct event_base *ioloop__libevent_new_base(const char *method) {
  static const char *const methods[] = {
      "epoll", "epoll (with changelist)", "poll", "select", "kqueue", "devpoll", "evport", "win32",
      "wepoll"};
  if (!ioloop__libevent_has_room())
    return NULL;
  event_set_log_callback(drop_message);
  struct event_config *config = event_config_new();
  if (!config) {
    errno = ENOMEM;
    return NULL;
  }
  int flags = EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV;
  if (method && strcmp(method, "epoll") != 0)
    flags |= EVENT_BASE_FLAG_PRECISE_TIMER;
  int r = event_config_set_flag(config, flags);
  for (size_t i = 0; method && i < sizeof methods / sizeof methods[0] && !r; i++)
    if (strcmp(methods[i], method) != 0)
      r = event_config_avoid_method(config, methods[i]);
  errno = r ? ENOMEM : 0;
  struct event_base *base = r ? NULL : event_base_new_with_config(config);
  int error = errno;
  event_config_free(config);
  errno = error;
  return base;
}

const char *const ioloop__libevent_variants[] = {"epoll", "poll", "select", NULL};

bool ioloop__libevent_can_reinit(const struct event_base *base) {
  struct event_base *trial = ioloop__libevent_new_base(event_base_get_method(base));
  if (trial)
    event_base_free(trial);
  return trial;
}

int ioloop__libevent_probe(const char *method, char *reason, size_t reason_size) {
  struct event_base *base = ioloop__libevent_new_base(method);
  if (base) {
    event_base_free(base);
    return 0;
  }
  if (errno == 0) {
    snprintf(reason, reason_size, "libevent %s was built without %s", event_get_version(),
             method ? method : "any method");
    return -ENOSYS;
  }
  int error = errno;
  snprintf(reason, reason_size, "libevent%s%s: %s", method ? ":" : "", method ? method : "",
           strerror(error));
  return -error;
}
