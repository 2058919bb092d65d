/* SPDX-License-Identifier: MIT */
/* platform_posix.h - what platform_posix.c and the file of the system at hand share. */
#ifndef IOLOOP_PLATFORM_POSIX_H
#define IOLOOP_PLATFORM_POSIX_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

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
