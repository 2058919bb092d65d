/* SPDX-License-Identifier: MIT */
/* platform_bsd.c - platform.h on FreeBSD and macOS. */
#include "platform.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdalign.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int ioloop__waker_open(int fds[2], bool signalling) {
  (void)signalling; /* a pipe serves both */
  return ioloop__pipe_waker_open(fds);
}

int ioloop__check_file(int fd, bool stored) {
  (void)fd; /* /dev/null is always ready here, under kqueue too */
  return stored ? -EPERM : 0;
}

int ioloop__pidfd(pid_t pid) {
  (void)pid;
  return -ENOSYS;
}

int ioloop__witness_open(void) {
  return -ENOSYS;
}

int ioloop__witness(int witness, enum ioloop__witness_act act, int fd) {
  (void)witness, (void)act, (void)fd;
  return -ENOSYS;
}

int ioloop__adopt(int fd, bool nonblocking) {
  int on = 1;
  /* Fails on what is not a socket; only sockets need it. */
  (void)setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
  return ioloop__set_flags(fd, nonblocking);
}

static int adopt_or_close(int fd) {
  int r = ioloop__adopt(fd, true);
  if (r)
    close(fd);
  return r ? r : fd;
}

int ioloop__socket(int family, int type, int protocol) {
  int fd = socket(family, type, protocol);
  return fd < 0 ? -errno : adopt_or_close(fd);
}

/* accept() hands on the listener's O_ASYNC and owner here: the new descriptor would raise SIGIO
 * before anyone is ready for it. */
int ioloop__accept(int listener, struct sockaddr *peer, socklen_t *peer_size) {
  int fd = accept(listener, peer, peer_size);
  if (fd < 0)
    return -errno;
  ioctl(fd, FIOASYNC, &(int){0});
  return adopt_or_close(fd);
}

ptrdiff_t ioloop__send(int fd, const void *data, size_t size) {
  ssize_t n = send(fd, data, size, MSG_DONTWAIT); /* SO_NOSIGPIPE is set */
  return n < 0 ? -errno : n;
}

ptrdiff_t ioloop__send_pieces(int fd, const struct iovec *pieces, int count) {
  const struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces, .msg_iovlen = count};
  ssize_t n = sendmsg(fd, &message, MSG_DONTWAIT);
  return n < 0 ? -errno : n;
}

static struct msghdr describe(const struct ioloop__message *message, struct iovec *vector) {
  *vector = (struct iovec){.iov_base = message->data, .iov_len = message->size};
  return (struct msghdr){.msg_name = message->peer, .msg_iov = vector, .msg_iovlen = 1};
}

int ioloop__receive_messages(int fd, struct ioloop__message *messages, int count,
                             const char **name) {
  (void)count; /* one per call: macOS has no recvmmsg */
  *name = "recvmsg";
  struct iovec vector;
  alignas(struct cmsghdr) char control[IOLOOP__CONTROL_SIZE];
  struct msghdr header = describe(messages, &vector);
  if (messages->peer)
    header.msg_namelen = sizeof *messages->peer;
  header.msg_control = messages->local ? control : NULL;
  header.msg_controllen = messages->local ? sizeof control : 0;
  ssize_t n = recvmsg(fd, &header, MSG_DONTWAIT);
  if (n < 0)
    return -errno;
  messages->size = (size_t)n;
  messages->peer_size = header.msg_namelen;
  messages->truncated = header.msg_flags & MSG_TRUNC;
  if (messages->local)
    ioloop__read_local(control, header.msg_controllen, messages->local);
  return 1;
}

int ioloop__send_messages(int fd, const struct ioloop__message *messages, int count,
                          const char **name) {
  (void)count;
  *name = "sendmsg";
  struct iovec vector;
  alignas(struct cmsghdr) char control[IOLOOP__CONTROL_SIZE];
  struct msghdr header = describe(messages, &vector);
  header.msg_namelen = messages->peer ? messages->peer_size : 0;
  if (messages->local)
    ioloop__put_local(&header, control, messages->local);
  return sendmsg(fd, &header, MSG_DONTWAIT) < 0 ? -errno : 1;
}

void ioloop__ungroup_datagrams(int fd) {
  (void)fd; /* they are never joined */
}

int ioloop__ask_v4_local(int fd) {
  int one = 1;
  return setsockopt(fd, IPPROTO_IP, IP_RECVDSTADDR, &one, sizeof one) < 0 ? -errno : 0;
}

/* The destination as it was in the packet: a network's own broadcast address looks like any other,
 * and an answer from it is refused (EADDRNOTAVAIL). */
bool ioloop__read_v4_local(const struct cmsghdr *control, struct in_addr *ret) {
  if (control->cmsg_level != IPPROTO_IP || control->cmsg_type != IP_RECVDSTADDR)
    return false;
  memcpy(ret, CMSG_DATA(control), sizeof *ret);
  return true;
}

#ifdef IP_SENDSRCADDR /* FreeBSD */
void ioloop__put_v4_local(struct msghdr *header, struct in_addr local) {
  ioloop__put_control(header, IPPROTO_IP, IP_SENDSRCADDR, &local, sizeof local);
}
#else /* macOS */
void ioloop__put_v4_local(struct msghdr *header, struct in_addr local) {
  struct in_pktinfo info = {.ipi_spec_dst = local};
  ioloop__put_control(header, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
}
#endif

int ioloop__empty_error_queue(int fd, int *error) {
  (void)fd, (void)error; /* errors come as results of calls only */
  return 0;
}

uint64_t ioloop__kernel_drops(int fd) {
  (void)fd; /* counted per protocol (netstat -s), not per socket */
  return 0;
}
