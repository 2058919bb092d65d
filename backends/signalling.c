/* SPDX-License-Identifier: MIT */
/*
 * signalling.c - see signalling.h.
 *
 * O_ASYNC on a descriptor means: raise a signal when it becomes ready. That the flag can be set
 * proves little. Linux accepts it on any descriptor and ignores it on most (reading the flags back
 * shows it clear). Many of the others stay silent at some changes that poll sees. A silent change
 * would hang the loop, so this file lists the changes known to be announced, and everything else is
 * polled in every wait. Measured on Linux 6.18:
 *
 *      kind                       announces   silent at
 *      TCP, UDP                   all         the process's own shutdown(); TCP: space, if a send
 *                                             has fitted since poll saw none
 *      pipe, FIFO                 all         F_SETPIPE_SZ
 *      AF_UNIX (all three types)  READ        space, if no send said EAGAIN (stream: poll does not
 *                                             count as asking); a datagram peer's queue, or end
 *      netlink, inotify           READ
 *      terminals                  -           hang-up
 *      other devices, perf, ...   -           not known
 *      eventfd, timerfd, signalfd, epoll, pidfd: cannot signal at all
 *
 * Because of the first line, ioloop_update_handler with an unchanged mask means "poll it again".
 *
 * Which loop armed it? O_ASYNC and its owner belong to the open file, which dups and children
 * share. A file that already signals another owner (a loop in another thread, the parent of a
 * prefork server, a dup registered in this loop) is left alone: that owner would never notice that
 * it lost its signals. It is polled here, and both are served.
 */
#include "signalling.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum {
  BOTH = IOLOOP_READ | IOLOOP_WRITE
};

#ifdef SO_PROTOCOL
/* SCTP and MPTCP are internet streams too, but untested. */
static bool is_tcp_or_udp(int fd) {
  int protocol = ioloop__socket_option(fd, SOL_SOCKET, SO_PROTOCOL);
  return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}
#else
static bool is_tcp_or_udp(int fd) {
  (void)fd;
  return true;
}
#endif

#ifndef AF_NETLINK
#define AF_NETLINK (-1) /* macOS: no socket has it */
#endif

static unsigned of_socket(int fd, int family) {
  if (family == AF_INET || family == AF_INET6)
    return is_tcp_or_udp(fd) ? BOTH : 0;
  return family == AF_UNIX || family == AF_NETLINK ? IOLOOP_READ : 0;
}

static unsigned of_file(int fd) {
  struct stat status;
  if (fstat(fd, &status) < 0)
    return 0;
  if (S_ISFIFO(status.st_mode))
    return BOTH;
  /* Without a type: one of Linux's anonymous inodes. Of those that take O_ASYNC only inotify counts
   * its unread bytes. */
  int unread;
  if ((status.st_mode & S_IFMT) == 0 && ioctl(fd, FIONREAD, &unread) == 0)
    return IOLOOP_READ;
  return 0;
}

/* F_GETOWN returns 0 if there never was an owner, and if the owner is gone. */
static bool has_owner(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && flags & O_ASYNC && fcntl(fd, F_GETOWN) != 0;
}

/*
 * Of READ and WRITE, what an armed descriptor of this kind announces reliably. 0: nothing, or
 * another owner has armed it and it must be left as it is.
 */
static unsigned announced_by(int fd) {
  struct sockaddr_storage address;
  socklen_t size = sizeof address;
  unsigned announced;
  if (getsockname(fd, (struct sockaddr *)&address, &size) == 0)
    announced = of_socket(fd, address.ss_family);
  else
    announced = of_file(fd);
  return announced && !has_owner(fd) ? announced : 0;
}

/* Identifies the open file; 0: closed. A number may be another file's by now, whose O_ASYNC is not
 * ours to change. Two descriptors of one FIFO look alike, and so do two inotify descriptors; a
 * pipe's two ends, which have one inode, do not. */
static uint32_t file_of(int fd) {
  struct stat status;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fstat(fd, &status) < 0)
    return 0;
  uint32_t mixed = (uint32_t)status.st_ino * 4 + (uint32_t)(flags & O_ACCMODE);
  return mixed ? mixed : 1;
}

int ioloop__disarm(int fd) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0)
    return -errno;
  if (!(flags & O_ASYNC))
    return -ENOTTY;
  return fcntl(fd, F_SETFL, flags & ~O_ASYNC) < 0 ? -errno : 0;
}

/* ---- registrations ---------------------------------------------------------------------- */

/* What is asked for and not announced makes the descriptor one that is polled in every wait. */
static bool is_unannounced(const struct ioloop__watch *watch) {
  return watch->mask & ~watch->announced;
}

static void set_watch(struct ioloop__signalling *s, struct ioloop__watch *watch, unsigned mask,
                      unsigned announced) {
  s->armed -= watch->announced != 0;
  s->unannounced -= is_unannounced(watch);
  watch->mask = (uint8_t)mask;
  watch->announced = (uint8_t)announced;
  s->armed += watch->announced != 0;
  s->unannounced += is_unannounced(watch);
}

/* What poll must ask for; pinned if no signal can be relied on for it. */
static short events_of(const struct ioloop__watch *watch) {
  return (short)(watch->mask | (is_unannounced(watch) ? IOLOOP__PINNED : 0));
}

/* Does the calling thread run the loop? It owns what it arms, and that is what it can block. */
static bool runs_here(const struct ioloop__signalling *s) {
  return s->claim.owns && s->claim.thread == ioloop__signal_thread_if_any();
}

static void arm_first(struct ioloop__signalling *s, int fd, struct ioloop__watch *watch) {
  unsigned announced = announced_by(fd);
  watch->file = announced ? file_of(fd) : 0;
  if (announced && s->arm(s, fd) != 0)
    announced = 0;
  set_watch(s, watch, watch->mask, announced);
}

static int add(struct ioloop__signalling *s, int fd, unsigned mask, struct ioloop__watch *watch) {
  int r = ioloop__check_fd(fd);
  if (!r)
    r = ioloop__pollset_add(&s->set, fd, (short)mask, &watch->place);
  if (r)
    return r;
  set_watch(s, watch, mask, 0);
  if (runs_here(s))
    arm_first(s, fd, watch);
  else
    s->late = true;
  ioloop__pollset_change(&s->set, events_of(watch), &watch->place);
  return 0;
}

static void discard(struct ioloop__signalling *s, int fd, struct ioloop__watch *watch) {
  ioloop__pollset_remove(&s->set, &watch->place);
  if (watch->announced && (file_of(fd) != watch->file || s->disarm(fd) != 0))
    s->lost = true;
  set_watch(s, watch, 0, 0);
}

int ioloop__signalling_modify(struct ioloop *loop, void *state, uint64_t token, unsigned old,
                              unsigned now, void *slot) {
  (void)loop;
  struct ioloop__signalling *s = state;
  struct ioloop__watch *watch = slot;
  int fd = (int)(uint32_t)token;
  if (!old)
    return add(s, fd, now, watch);
  if (!now) {
    discard(s, fd, watch);
    return 0;
  }
  set_watch(s, watch, now, watch->announced);
  ioloop__pollset_change(&s->set, events_of(watch), &watch->place);
  return 0;
}

void ioloop__signalling_arm_again(struct ioloop__signalling *s) {
  for (uint32_t i = s->set.fixed; i < s->set.count; i++) {
    int fd = s->set.fds[i].fd;
    struct ioloop__watch *watch = ioloop__slot(s->set.loop, fd);
    if (!watch->announced || (file_of(fd) == watch->file && s->arm(s, fd) == 0))
      continue;
    set_watch(s, watch, watch->mask, 0); /* another file by now, perhaps another loop's */
    s->set.fds[i].events = events_of(watch);
    s->lost = true;
  }
}

/* ---- the thread that runs the loop ------------------------------------------------------ */

/* Armed for a thread that has lost the loop. Another that made itself the owner since then
 * keeps it; there is none if that thread has ended. */
static void arm_anew(struct ioloop__signalling *s, int fd, struct ioloop__watch *watch,
                     pid_t former) {
  int owner = fcntl(fd, F_GETOWN);
  bool same_file = file_of(fd) == watch->file;
  bool ours = same_file && (owner == former || owner == 0);
  if (ours && s->arm(s, fd) == 0)
    return;
  s->lost = s->lost || !same_file || ours;
  set_watch(s, watch, watch->mask, 0);
}

static void arm_all(struct ioloop__signalling *s, const struct ioloop__signal_thread *former) {
  for (uint32_t i = s->set.fixed; i < s->set.count; i++) {
    int fd = s->set.fds[i].fd;
    struct ioloop__watch *watch = ioloop__slot(s->set.loop, fd);
    if (!watch->announced)
      arm_first(s, fd, watch);
    else if (former)
      arm_anew(s, fd, watch, former->id);
    s->set.fds[i].events = events_of(watch);
  }
  s->late = false;
}

int ioloop__signalling_move(struct ioloop__signalling *s, uint32_t signals) {
  struct ioloop__signal_claim before;
  int r = ioloop__claim_move(&s->claim, signals, &before);
  if (r)
    return r;
  bool lost = s->lost;
  s->lost = before.owns ? false : lost;
  arm_all(s, before.owns ? before.thread : NULL);
  s->seen = s->claim.thread->sigios - 1;
  if (before.thread) {
    ioloop__claim_drop(&before, lost || s->lost);
    s->lost = false;
  }
  return 0;
}

void ioloop__signalling_catch_up(struct ioloop__signalling *s) {
  if (s->late)
    arm_all(s, NULL);
  s->seen = s->claim.thread->sigios;
}
