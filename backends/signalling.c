/* SPDX-License-Identifier: MIT */
/*
 * signalling.c - see signalling.h.
 *
 * O_ASYNC on a descriptor means: raise a signal when you become ready. That it can be switched on
 * says little. Linux takes the flag on any descriptor and ignores it on most (it then does not
 * stick); and of those on which it sticks, many stay silent at some changes that poll sees. A
 * silent change is a loop that hangs, so this file lists what is known to be announced, and
 * everything else is polled in every wait. Measured on Linux 6.18:
 *
 *      kind                       announces   silent at
 *      TCP, UDP                   all         the process's own shutdown()
 *      pipe, FIFO                 all         F_SETPIPE_SZ
 *      AF_UNIX (all three types)  READ        space, if no send said EAGAIN (stream: poll does not
 *                                             count as asking); a datagram peer's queue, or end
 *      netlink, inotify           READ
 *      terminals                  -           hang-up
 *      other devices, perf, ...   -           not known
 *      eventfd, timerfd, signalfd, epoll, pidfd: cannot signal at all
 *
 * The own shutdown() is why ioloop_update_handler with an unchanged mask means "look again".
 *
 * Who armed it? O_ASYNC and its owner belong to the open file, which dups and children share. A
 * file that signals to somebody already - a loop in another thread, the parent of a prefork
 * server, a registration in this loop through a dup - is therefore not taken from him: nobody
 * would notice that he lost it. It is polled here, and both are right.
 */
#include "signalling.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform.h"

enum {
  BOTH = IOLOOP_READ | IOLOOP_WRITE
};

#ifdef SO_PROTOCOL
/* SCTP and MPTCP are internet streams too, and have not been looked at. */
static bool is_tcp_or_udp(int fd) {
  int protocol;
  socklen_t size = sizeof protocol;
  return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
         (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP);
}
#else
static bool is_tcp_or_udp(int fd) {
  (void)fd;
  return true;
}
#endif

#ifdef AF_NETLINK
static bool is_netlink(int family) {
  return family == AF_NETLINK;
}
#else
static bool is_netlink(int family) {
  (void)family;
  return false;
}
#endif

static unsigned of_socket(int fd, int family) {
  if (family == AF_INET || family == AF_INET6)
    return is_tcp_or_udp(fd) ? BOTH : 0;
  return family == AF_UNIX || is_netlink(family) ? IOLOOP_READ : 0;
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

/* F_GETOWN gives 0 if nobody ever was the owner, and where the owner is gone. */
static bool belongs_to_somebody(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && flags & O_ASYNC && fcntl(fd, F_GETOWN) != 0;
}

unsigned ioloop__announced(int fd) {
  struct sockaddr_storage address;
  socklen_t size = sizeof address;
  unsigned announced;
  if (getsockname(fd, (struct sockaddr *)&address, &size) == 0)
    announced = of_socket(fd, address.ss_family);
  else
    announced = of_file(fd);
  return announced && !belongs_to_somebody(fd) ? announced : 0;
}

short ioloop__watch_events(const struct ioloop__watch *watch) {
  return (short)(watch->mask | (watch->mask & ~watch->announced ? IOLOOP__PINNED : 0));
}

int ioloop__disarm(int fd) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0)
    return -errno;
  if (!(flags & O_ASYNC))
    return -ENOTTY;
  return fcntl(fd, F_SETFL, flags & ~O_ASYNC) < 0 ? -errno : 0;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct ioloop__claim *of_process;
static _Thread_local struct ioloop__claim *of_thread;

static int enter(struct ioloop__claim *claim, struct ioloop__claim **holder) {
  if (*holder && (*holder)->fork_count == ioloop__fork_count())
    return -EBUSY;
  if (*holder) /* our parent's: what he blocked is ours to unblock */
    claim->unblock = (*holder)->unblock;
  *holder = claim;
  return 0;
}

int ioloop__claim_take(struct ioloop__claim *claim, const sigset_t *signals, bool whole_process) {
  sigemptyset(&claim->unblock);
  claim->fork_count = ioloop__fork_count();
  pthread_mutex_lock(&lock);
  int r = enter(claim, whole_process ? &of_process : &of_thread);
  pthread_mutex_unlock(&lock);
  if (r)
    return r;

  sigset_t before;
  pthread_sigmask(SIG_BLOCK, signals, &before);
  for (int signo = 1; signo < NSIG; signo++)
    if (sigismember(signals, signo) == 1 && sigismember(&before, signo) == 0)
      sigaddset(&claim->unblock, signo);
  return 0;
}

bool ioloop__claim_drop(struct ioloop__claim *claim, bool restore) {
  pthread_mutex_lock(&lock);
  bool ours = of_thread == claim || of_process == claim;
  if (of_thread == claim)
    of_thread = NULL;
  if (of_process == claim)
    of_process = NULL;
  pthread_mutex_unlock(&lock);
  if (ours && restore)
    pthread_sigmask(SIG_UNBLOCK, &claim->unblock, NULL);
  return ours;
}
