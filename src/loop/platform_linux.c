/* SPDX-License-Identifier: MIT */
/* platform_linux.c - platform.h on Linux (5.4 and later; glibc and musl). */
#include "platform.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdalign.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/errqueue.h> /* after struct timespec */
#include <linux/udp.h>      /* UDP_GRO */

int ioloop__waker_open(int fds[2], bool signalling) {
  if (signalling)
    return ioloop__pipe_waker_open(fds);
  fds[0] = fds[1] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return fds[0] < 0 ? -errno : 0;
}

/* Only epoll distinguishes a file without poll (/dev/null, nearly all regular files) from one that
 * is ready (/proc/self/mounts): poll(2) calls both ready. Files are rare; three system calls do not
 * matter. */
int ioloop__check_file(int fd, bool stored) {
  int set = epoll_create1(EPOLL_CLOEXEC);
  if (set < 0)
    return stored ? -EPERM : 0;
  struct epoll_event event = {.events = EPOLLIN};
  int r = epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) < 0 && errno == EPERM ? -EPERM : 0;
  close(set);
  return r;
}

/* An epoll set's key is (open file, number). The set asks for no events and is never waited on. */
int ioloop__witness_open(void) {
  int set = epoll_create1(EPOLL_CLOEXEC);
  return set < 0 ? -errno : set;
}

int ioloop__witness(int witness, enum ioloop__witness_act act, int fd) {
  static const int operations[] = {[IOLOOP__WITNESS_ADD] = EPOLL_CTL_ADD,
                                   [IOLOOP__WITNESS_FIND] = EPOLL_CTL_MOD,
                                   [IOLOOP__WITNESS_REMOVE] = EPOLL_CTL_DEL};
  struct epoll_event event = {.events = EPOLLET};
  return epoll_ctl(witness, operations[act], fd, &event) < 0 ? -errno : 0;
}

int ioloop__socket(int family, int type, int protocol) {
  int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  return fd < 0 ? -errno : fd;
}

int ioloop__accept(int listener, struct sockaddr *peer, socklen_t *peer_size) {
  int fd = accept4(listener, peer, peer_size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int ioloop__adopt(int fd, bool nonblocking) {
  return ioloop__set_flags(fd, nonblocking);
}

ptrdiff_t ioloop__send(int fd, const void *data, size_t size) {
  ssize_t n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  return n < 0 ? -errno : n;
}

ptrdiff_t ioloop__send_pieces(int fd, const struct iovec *pieces, int count) {
  const struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces,
                                 .msg_iovlen = (size_t)count};
  ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  return n < 0 ? -errno : n;
}

enum {
  MAX_MESSAGES = 64
};

struct batch {
  struct mmsghdr headers[MAX_MESSAGES];
  struct iovec vectors[MAX_MESSAGES];
  struct {
    alignas(struct cmsghdr) char bytes[IOLOOP__CONTROL_SIZE];
  } controls[MAX_MESSAGES];
};

static void describe(struct batch *batch, const struct ioloop__message *messages, int count) {
  for (int i = 0; i < count; i++) {
    batch->vectors[i] = (struct iovec){.iov_base = messages[i].data, .iov_len = messages[i].size};
    batch->headers[i] = (struct mmsghdr){
        .msg_hdr = {.msg_name = messages[i].peer, .msg_iov = &batch->vectors[i], .msg_iovlen = 1}};
  }
}

/* For a single datagram recvfrom and sendto take an eighth less time than the calls for many. */
static int receive_one(int fd, struct ioloop__message *message) {
  if (message->peer)
    message->peer_size = sizeof *message->peer;
  /* MSG_TRUNC: the result is the datagram's size, however much of it there was room for. */
  ssize_t n =
      recvfrom(fd, message->data, message->size, MSG_DONTWAIT | MSG_TRUNC,
               (struct sockaddr *)message->peer, message->peer ? &message->peer_size : NULL);
  if (n < 0)
    return -errno;
  message->truncated = (size_t)n > message->size;
  if (!message->truncated)
    message->size = (size_t)n;
  return 1;
}

static int send_one(int fd, const struct ioloop__message *message) {
  ssize_t n = sendto(fd, message->data, message->size, MSG_DONTWAIT | MSG_NOSIGNAL,
                     (struct sockaddr *)message->peer, message->peer ? message->peer_size : 0);
  return n < 0 ? -errno : 1;
}

static void take_over(struct ioloop__message *message, const struct msghdr *header, size_t size) {
  message->size = size;
  message->peer_size = header->msg_namelen;
  message->truncated = header->msg_flags & MSG_TRUNC;
  if (message->local)
    ioloop__read_local(header->msg_control, header->msg_controllen, message->local);
}

static int receive_batch(int fd, struct batch *batch, int count) {
  if (count > 1)
    return recvmmsg(fd, batch->headers, (unsigned)count, MSG_DONTWAIT, NULL);
  ssize_t n = recvmsg(fd, &batch->headers[0].msg_hdr, MSG_DONTWAIT);
  batch->headers[0].msg_len = (unsigned)n;
  return n < 0 ? -1 : 1;
}

int ioloop__receive_messages(int fd, struct ioloop__message *messages, int count,
                             const char **name) {
  *name = count > 1 ? "recvmmsg" : messages->local ? "recvmsg" : "recvfrom";
  if (count == 1 && !messages->local)
    return receive_one(fd, messages);
  struct batch batch;
  describe(&batch, messages, count);
  for (int i = 0; i < count; i++) {
    struct msghdr *header = &batch.headers[i].msg_hdr;
    header->msg_namelen = messages[i].peer ? sizeof *messages[i].peer : 0;
    header->msg_control = messages[i].local ? batch.controls[i].bytes : NULL;
    header->msg_controllen = messages[i].local ? sizeof batch.controls[i] : 0;
  }
  int n = receive_batch(fd, &batch, count);
  for (int i = 0; i < n; i++)
    take_over(&messages[i], &batch.headers[i].msg_hdr, batch.headers[i].msg_len);
  return n < 0 ? -errno : n;
}

static int send_batch(int fd, struct batch *batch, int count) {
  const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  if (count > 1)
    return sendmmsg(fd, batch->headers, (unsigned)count, flags);
  return sendmsg(fd, &batch->headers[0].msg_hdr, flags) < 0 ? -1 : 1;
}

int ioloop__send_messages(int fd, const struct ioloop__message *messages, int count,
                          const char **name) {
  *name = count > 1 ? "sendmmsg" : messages->local ? "sendmsg" : "sendto";
  if (count == 1 && !messages->local)
    return send_one(fd, messages);
  struct batch batch;
  describe(&batch, messages, count);
  for (int i = 0; i < count; i++) {
    struct msghdr *header = &batch.headers[i].msg_hdr;
    header->msg_namelen = messages[i].peer ? messages[i].peer_size : 0;
    if (messages[i].local)
      ioloop__put_local(header, batch.controls[i].bytes, messages[i].local);
  }
  int n = send_batch(fd, &batch, count);
  return n < 0 ? -errno : n;
}

void ioloop__ungroup_datagrams(int fd) {
  int zero = 0; /* fails on what is not UDP, and before Linux 5.0, which does not join any */
  (void)setsockopt(fd, IPPROTO_UDP, UDP_GRO, &zero, sizeof zero);
}

int ioloop__ask_v4_local(int fd) {
  int one = 1;
  return setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof one) < 0 ? -errno : 0;
}

/* The address to answer from: of a broadcast the one that this machine has in that network. */
bool ioloop__read_v4_local(const struct cmsghdr *control, struct in_addr *ret) {
  struct in_pktinfo info;
  if (control->cmsg_level != IPPROTO_IP || control->cmsg_type != IP_PKTINFO)
    return false;
  memcpy(&info, CMSG_DATA(control), sizeof info);
  *ret = info.ipi_spec_dst;
  return true;
}

void ioloop__put_v4_local(struct msghdr *header, struct in_addr local) {
  struct in_pktinfo info = {.ipi_spec_dst = local}; /* whichever interface leads to the peer */
  ioloop__put_control(header, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
}

/* Other families take MSG_ERRQUEUE for a plain receive, and would lose data. */
static bool has_error_queue(int fd) {
  int family = ioloop__socket_option(fd, SOL_SOCKET, SO_DOMAIN);
  return family == AF_INET || family == AF_INET6;
}

/* An entry's errno. 0: it is no error, but a report about sent data: a timestamp, or that memory is
 * free again (MSG_ZEROCOPY). */
static int error_of(struct msghdr *header) {
  for (struct cmsghdr *it = CMSG_FIRSTHDR(header); it; it = CMSG_NXTHDR(header, it)) {
    struct sock_extended_err error;
    bool is_error = (it->cmsg_level == IPPROTO_IP && it->cmsg_type == IP_RECVERR) ||
                    (it->cmsg_level == IPPROTO_IPV6 && it->cmsg_type == IPV6_RECVERR);
    if (!is_error)
      continue;
    memcpy(&error, CMSG_DATA(it), sizeof error);
    bool is_report =
        error.ee_origin == SO_EE_ORIGIN_TIMESTAMPING || error.ee_origin == SO_EE_ORIGIN_ZEROCOPY;
    return is_report ? 0 : (int)error.ee_errno;
  }
  return 0;
}

int ioloop__empty_error_queue(int fd, int *error) {
  int errors = 0;
  if (!has_error_queue(fd))
    return 0;
  for (int i = 0; i < MAX_MESSAGES; i++) {
    alignas(struct cmsghdr) char control[512];
    struct msghdr header = {.msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
      break;
    int found = error_of(&header);
    errors += found != 0;
    if (found && error)
      *error = -found;
  }
  return errors;
}

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434 /* the headers are older than 5.3 */
#endif

int ioloop__pidfd(pid_t pid) {
  int fd =
      (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec; glibc has no function until 2.36 */
  return fd < 0 ? -errno : fd;
}

/* SO_MEMINFO (Linux 4.12) is the same counter as SO_RXQ_OVFL's, but can be asked for at any time:
 * the control message only comes with the next datagram that is received. */
uint64_t ioloop__kernel_drops(int fd) {
  uint32_t info[SK_MEMINFO_VARS] = {0};
  socklen_t size = sizeof info;
  if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size) < 0 ||
      size <= SK_MEMINFO_DROPS * sizeof info[0])
    return 0;
  return info[SK_MEMINFO_DROPS];
}
