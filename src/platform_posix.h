/* SPDX-License-Identifier: MIT */
/* platform_posix.h - what platform_posix.c and the file of the system at hand share. */
#ifndef IOLOOP_PLATFORM_POSIX_H
#define IOLOOP_PLATFORM_POSIX_H

/* O_NONBLOCK and FD_CLOEXEC. */
int ioloop__set_flags(int fd);

/* A waker where there is no eventfd, or where an eventfd will not do. */
int ioloop__pipe_waker_open(int fds[2]);

/* Has this character device a poll of its own? 0 or -EPERM. By system. */
int ioloop__check_device(int fd);

#endif
