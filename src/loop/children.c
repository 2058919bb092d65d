/* SPDX-License-Identifier: MIT */
/*
 * children.c - child processes: a function is called when one has ended.
 *
 * Linux has a descriptor for a process since 5.3 (pidfd_open(2)), which is readable once the process
 * has ended: a handler like any other, without a signal, and for this child alone. Elsewhere, and
 * where the backend cannot watch it, SIGCHLD is watched. That does not report which child has ended,
 * and several of them count as one, so each child of this kind is looked at.
 *
 * Either way it is waitpid(2) that decides, for one process id at a time: children of other parts of
 * the program are left to them.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "internal.h"

struct ioloop__child {
  struct ioloop__child *next;
  pid_t pid;
  int fd;   /* a pidfd; -1: by SIGCHLD */
  bool due; /* SIGCHLD has arrived: to be looked at */
  ioloop_child_fn *fn;
  void *arg;
};

static struct ioloop__child **find(struct ioloop *loop, pid_t pid) {
  struct ioloop__child **place = &loop->children;
  while (*place && (*place)->pid != pid)
    place = &(*place)->next;
  return *place ? place : NULL;
}

static bool by_signal(const struct ioloop *loop) {
  for (const struct ioloop__child *it = loop->children; it; it = it->next)
    if (it->fd < 0)
      return true;
  return false;
}

static void remove_child(struct ioloop *loop, struct ioloop__child **place) {
  struct ioloop__child *child = *place;
  *place = child->next;
  if (child->fd >= 0) {
    ioloop_remove_handler(loop, child->fd);
    close(child->fd);
  } else if (!by_signal(loop)) {
    ioloop__signals_unwatch_children(loop);
  }
  free(child);
}

/* -1: something else has reaped it, and its status is unknown. */
static bool has_ended(pid_t pid, int *status) {
  pid_t r = waitpid(pid, status, WNOHANG);
  if (r < 0)
    *status = -1;
  return r != 0;
}

/* Has it ended? Then it is removed, and its function is to be called: that may add another child, even
 * one with the same process id. */
static bool take_if_ended(struct ioloop *loop, pid_t pid, struct ioloop__child *ret, int *status) {
  struct ioloop__child **place = find(loop, pid);
  if (!has_ended(pid, status))
    return false;
  *ret = **place;
  remove_child(loop, place);
  return true;
}

static void on_pidfd(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct ioloop__child *watched = arg, child;
  int status;
  (void)fd, (void)events;
  if (take_if_ended(loop, watched->pid, &child, &status))
    child.fn(loop, child.pid, status, child.arg);
  else
    loop->uncounted++;
}

/* ---- by SIGCHLD ------------------------------------------------------------------------------ */

static void look_at(struct ioloop *loop, pid_t pid) {
  struct ioloop__child child;
  int status;
  if (!take_if_ended(loop, pid, &child, &status))
    return;
  loop->metrics.callbacks++;
  bool watched = ioloop__has(loop, IOLOOP__WATCHED);
  struct ioloop__call_span span = {0};
  if (watched)
    span = ioloop__call_begin(loop, 's', SIGCHLD, 0);
  child.fn(loop, pid, status, child.arg);
  if (watched)
    ioloop__call_end(loop, 's', SIGCHLD, span);
}

static struct ioloop__child *first_due(const struct ioloop *loop) {
  struct ioloop__child *it = loop->children;
  while (it && !it->due)
    it = it->next;
  return it;
}

/* The marks stay if an exception passes through: the rest is looked at in the next iteration. */
void ioloop__children_check(struct ioloop *loop, bool arrived) {
  struct ioloop__child *it;
  for (it = loop->children; it && arrived; it = it->next)
    it->due = it->fd < 0;
  while (!ioloop__inherited(loop) && (it = first_due(loop))) {
    it->due = false;
    look_at(loop, it->pid);
  }
}

/* ---- adding and removing --------------------------------------------------------------------- */

/* If there is no pidfd, for whatever reason, a signal does as well. */
static int watch(struct ioloop *loop, struct ioloop__child *child) {
  child->fd = ioloop__pidfd(child->pid);
  if (child->fd >= 0 && ioloop_add_handler(loop, child->fd, IOLOOP_READ, on_pidfd, child) < 0) {
    close(child->fd);
    child->fd = -1;
  }
  return child->fd >= 0 ? 0 : ioloop__signals_watch_children(loop);
}

static bool is_our_child(pid_t pid) {
  siginfo_t unused;
  return waitid(P_PID, (id_t)pid, &unused, WEXITED | WNOHANG | WNOWAIT) == 0;
}

int ioloop_add_child(struct ioloop *loop, pid_t pid, ioloop_child_fn *fn, void *arg) {
  if (ioloop__inherited(loop))
    return -ECHILD;
  if (!fn || pid <= 0)
    return -EINVAL;
  if (find(loop, pid))
    return -EEXIST;
  if (!is_our_child(pid))
    return -ESRCH;
  struct ioloop__child *child = malloc(sizeof *child);
  if (!child)
    return -ENOMEM;
  *child = (struct ioloop__child){.next = loop->children, .pid = pid, .fn = fn, .arg = arg};
  int r = watch(loop, child);
  if (r)
    free(child);
  else
    loop->children = child;
  return r;
}

int ioloop_remove_child(struct ioloop *loop, pid_t pid) {
  if (ioloop__inherited(loop))
    return -ECHILD;
  struct ioloop__child **place = find(loop, pid);
  if (!place)
    return -ENOENT;
  remove_child(loop, place);
  return 0;
}

void ioloop__children_free(struct ioloop *loop) {
  while (loop->children)
    remove_child(loop, &loop->children);
}
