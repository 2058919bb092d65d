/* SPDX-License-Identifier: MIT */
/*
 * platform.h - what systems do differently, one small function each.
 *
 * platform_linux.c and platform_bsd.c (macOS, FreeBSD) implement it, and platform_posix.c what is
 * the same on both; nothing else in src/ depends on the system. All return -errno on failure unless
 * said otherwise.
 */
#ifndef IOLOOP_PLATFORM_H
#define IOLOOP_PLATFORM_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* CLOCK_MONOTONIC in nanoseconds. Signal-safe. */
uint64_t ioloop__now(void);

/* A non-blocking, close-on-exec pair that wakes a loop: fds[0] is watched, ioloop__waker_wake
 * writes fds[1]. They are the same descriptor where an eventfd serves; with `signalling` it is a
 * pipe, because an eventfd cannot raise SIGIO. */
int ioloop__waker_open(int fds[2], bool signalling);
bool ioloop__waker_wake(int fd); /* signal-safe; keeps errno; false: the kernel has no memory */
void ioloop__waker_clear(int fd);
void ioloop__waker_close(int fds[2]);

/* socket() and accept() that give non-blocking, close-on-exec, SIGPIPE-free descriptors on which
 * signal-driven I/O is off, whatever the system makes accept() inherit. */
int ioloop__socket(int family, int type, int protocol);
int ioloop__accept(int listener, struct sockaddr *peer, socklen_t *peer_size);
/* FD_CLOEXEC on a descriptor made elsewhere; no SIGPIPE where that is an option; and O_NONBLOCK
 * `nonblocking`, else left as it is. */
int ioloop__adopt(int fd, bool nonblocking);
/* O_NONBLOCK off, or on. Off only on a file that was opened here: others may have it in use. */
int ioloop__set_blocking(int fd, bool on);
/* One of these, as readiness needs a descriptor, or as completion does, which wants blocking ones.
 * `ours`: it was opened here. */
int ioloop__prepare(int fd, bool completion, bool ours);
bool ioloop__is_blocking(int fd);

/* send() on a socket that raises no SIGPIPE and does not wait. As send(2), but -errno. */
ptrdiff_t ioloop__send(int fd, const void *data, size_t size);
ptrdiff_t ioloop__send_pieces(int fd, const struct iovec *pieces, int count); /* as sendmsg(2) */

/* An address of this machine, without a port. AF_UNSPEC: unknown, or left to the system. */
union ioloop__local {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

/* Datagrams: several per call where the system has recvmmsg and sendmmsg, one elsewhere. */
struct ioloop__message {
  void *data;
  size_t size;                   /* in: room, or bytes to send; out: bytes received */
  struct sockaddr_storage *peer; /* NULL: none (a connected socket) */
  socklen_t peer_size;           /* in for send, out for receive */
  union ioloop__local *local;    /* in for send, out for receive: our address; NULL: none */
  bool truncated;                /* out: it was longer than `size` */
};
/* How many were received or sent (>= 1), or -errno if the first one failed. count is 1 to 64.
 * *name: the system call that was made; static. */
int ioloop__receive_messages(int fd, struct ioloop__message *messages, int count,
                             const char **name);
int ioloop__send_messages(int fd, const struct ioloop__message *messages, int count,
                          const char **name);

/* Receive datagrams one by one, even if the program has asked to join them (Linux: UDP_GRO). */
void ioloop__ungroup_datagrams(int fd);

/* Where a UDP socket is bound to all addresses, make each datagram report which of them it was sent
 * to. false: it is not, or the system cannot report it. */
bool ioloop__ask_local(int fd);
/* Find it in the control data of a receive. AF_UNSPEC: it is not there, or no source of an answer:
 * a group or a broadcast (IPv4 on Linux: the address that answers a broadcast instead). */
enum {
  IOLOOP__CONTROL_SIZE = 128 /* with room for a timestamp that the program asked for */
};
void ioloop__read_local(const void *control, size_t size, union ioloop__local *ret);
/* Send from there: fill the control data of `header`, which is in `room` (IOLOOP__CONTROL_SIZE,
 * aligned for a struct cmsghdr). */
void ioloop__put_local(struct msghdr *header, void *room, const union ioloop__local *local);

/* Empty the socket's error queue (Linux: IP_RECVERR, IPV6_RECVERR, timestamps of what was sent,
 * MSG_ZEROCOPY), 64 entries at most: until they are fetched the socket is reported as failed, and
 * they take the room of input. Returns how many of them were errors, the last in *error (-errno)
 * unless that is NULL; 0 where there is no such queue. */
int ioloop__empty_error_queue(int fd, int *error);

/* Datagrams that the kernel dropped on this socket since it was made because its queue was full; 0
 * where the system does not report them. */
uint64_t ioloop__kernel_drops(int fd);

/* What poll() reports for a descriptor now: revents. */
short ioloop__poll_now(int fd, short events);

/* A descriptor that is readable once the child process has ended; -ENOSYS where there is none. */
int ioloop__pidfd(pid_t pid);

/* Does poll() mean anything for this descriptor? 0, -EBADF, -EPERM. See backend.h. */
int ioloop__check_fd(int fd);

/* An option that is a number of 0 or more, or -errno. */
int ioloop__socket_option(int fd, int level, int name);

/* Is it a socket of that type (SOCK_*), and does it listen, or not? 0, -EPROTOTYPE (of another
 * type), -EINVAL (it listens, or does not), -ENOTSOCK, -EBADF. */
int ioloop__check_socket(int fd, int type, bool listening);

/*
 * ---- recognising files, for backends/libevent.c ----
 *
 * A set of (number, open file) that only answers whether a number still means the file with which
 * it was added, as no comparison of inodes can. A descriptor, or -errno: -ENOSYS where there is no
 * such thing, and no set in the kernel in which files outlive their numbers either.
 */
int ioloop__witness_open(void);
enum ioloop__witness_act {
  IOLOOP__WITNESS_ADD, /* -EEXIST: it is there */
  IOLOOP__WITNESS_FIND,
  IOLOOP__WITNESS_REMOVE
};
int ioloop__witness(int witness, enum ioloop__witness_act act, int fd); /* 0 or -errno */

/* ---- what platform_posix.c and the file of the system at hand share ---------------------- */

/* FD_CLOEXEC, and, as asked, O_NONBLOCK. */
int ioloop__set_flags(int fd, bool nonblocking);

/* A waker where there is no eventfd, or where an eventfd will not do. */
int ioloop__pipe_waker_open(int fds[2]);

/* Has this file a poll of its own? 0 or -EPERM. `stored`: of a kind that has none as a rule
 * (regular files, directories, block devices). By system. */
int ioloop__check_file(int fd, bool stored);

/* Control data that names the local address of IPv4, which each system has in a form of its own:
 * ask for it; read it, if this is it; send from it. IPv6's is the same everywhere (RFC 3542). */
int ioloop__ask_v4_local(int fd);
bool ioloop__read_v4_local(const struct cmsghdr *control, struct in_addr *ret);
void ioloop__put_v4_local(struct msghdr *header, struct in_addr local);
/* The only control data of a message, in the room that is set there. */
void ioloop__put_control(struct msghdr *header, int level, int type, const void *data, size_t size);

#endif
