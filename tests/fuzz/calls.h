/* SPDX-License-Identifier: MIT */
/*
 * calls.h - the calls of the library that can fail, each with the errors that its manual names.
 *
 * redirect.py makes a copy of the library in which each of these functions has the prefix `fault_`
 * and so is one of layer.c's. Every function that the library takes from elsewhere is in this list,
 * or in redirect.py's list of those that do not fail; else the copy is not made.
 *
 * How it fails: FAILS_ERRNO by -1 and errno; FAILS_NEGATIVE by -errno; FAILS_NUMBER by the errno;
 * FAILS_POINTER by NULL and FAILS_ZERO by 0, and errno. Those of `ring` are not functions but requests to io_uring, whose
 * completion then has the error. A call whose manual names only errors of its arguments, which are
 * constants here (EINVAL of pthread_sigmask and sigwait, EFAULT of sigpending), has none.
 */
#ifndef CALLS_H
#define CALLS_H

#define FAULT_RECEIVE                                                                              \
  "EAGAIN EINTR EBADF ECONNREFUSED ECONNRESET EFAULT EINVAL ENOBUFS ENOMEM ENOTCONN ENOTSOCK "     \
  "ETIMEDOUT"
#define FAULT_SEND                                                                                 \
  "EAGAIN EINTR EACCES EALREADY EBADF ECONNRESET EDESTADDRREQ EFAULT EINVAL EISCONN EMSGSIZE "     \
  "ENETDOWN ENETUNREACH EHOSTUNREACH ENOBUFS ENOMEM ENOTCONN ENOTSOCK EOPNOTSUPP EPERM EPIPE"
#define FAULT_ENTER                                                                                \
  "EAGAIN EINTR EBADF EBADFD EBADR EBUSY EEXIST EFAULT EINVAL ENOMEM ENXIO EOPNOTSUPP"
#define FAULT_ACCEPT                                                                               \
  "EAGAIN EINTR EBADF ECONNABORTED EFAULT EINVAL EMFILE ENFILE ENOBUFS ENOMEM ENOTSOCK "           \
  "EOPNOTSUPP EPERM EPROTO ENETDOWN ETIMEDOUT"
#define FAULT_STAT "EACCES EBADF EFAULT EINVAL ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR EOVERFLOW"

#define FAULT_CALLS(CALL)                                                                          \
  CALL(allocation, FAILS_POINTER, "ENOMEM")                                                        \
  CALL(accept4, FAILS_ERRNO, FAULT_ACCEPT)                                                         \
  CALL(bind, FAILS_ERRNO,                                                                          \
       "EACCES EADDRINUSE EADDRNOTAVAIL EBADF EFAULT EINVAL ELOOP ENAMETOOLONG ENOENT ENOMEM "     \
       "ENOTDIR ENOTSOCK EROFS")                                                                   \
  CALL(close, FAILS_ERRNO, "EBADF EINTR EIO ENOSPC")                                               \
  CALL(connect, FAILS_ERRNO,                                                                       \
       "EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EALREADY EBADF ECONNREFUSED EFAULT "   \
       "EINPROGRESS EINTR EISCONN ENETUNREACH ENOTSOCK EPERM EPROTOTYPE ETIMEDOUT")                \
  CALL(dup3, FAILS_ERRNO, "EBADF EBUSY EINTR EINVAL EMFILE")                                       \
  CALL(epoll_create1, FAILS_ERRNO, "EINVAL EMFILE ENFILE ENOMEM")                                  \
  CALL(epoll_ctl, FAILS_ERRNO, "EBADF EEXIST EINVAL ELOOP ENOENT ENOMEM ENOSPC EPERM")             \
  CALL(epoll_wait, FAILS_ERRNO, "EBADF EFAULT EINTR EINVAL ENOMEM")                                \
  CALL(epoll_pwait2, FAILS_ERRNO, "EBADF EFAULT EINTR EINVAL ENOMEM ENOSYS EPERM")                 \
  CALL(eventfd, FAILS_ERRNO, "EINVAL EMFILE ENFILE ENODEV ENOMEM")                                 \
  CALL(fcntl, FAILS_ERRNO, "EACCES EAGAIN EBADF EBUSY EFAULT EINTR EINVAL EMFILE EPERM ESRCH")     \
  CALL(fstat, FAILS_ERRNO, FAULT_STAT)                                                             \
  CALL(getaddrinfo, FAILS_NUMBER, "")                                                              \
  CALL(getpeername, FAILS_ERRNO, "EBADF EFAULT EINVAL ENOBUFS ENOTCONN ENOTSOCK")                  \
  CALL(getrlimit, FAILS_ERRNO, "EFAULT EINVAL EPERM")                                              \
  CALL(getsockname, FAILS_ERRNO, "EBADF EFAULT EINVAL ENOBUFS ENOTSOCK")                           \
  CALL(getsockopt, FAILS_ERRNO, "EBADF EFAULT EINVAL ENOPROTOOPT ENOTSOCK")                        \
  CALL(ioctl, FAILS_ERRNO, "EBADF EFAULT EINVAL ENOTTY")                                           \
  CALL(io_cancel, FAILS_ERRNO, "EAGAIN EFAULT EINVAL EINPROGRESS ENOSYS")                          \
  CALL(io_destroy, FAILS_ERRNO, "EFAULT EINVAL ENOSYS")                                            \
  CALL(io_getevents, FAILS_ERRNO, "EFAULT EINTR EINVAL ENOSYS")                                    \
  CALL(io_setup, FAILS_ERRNO, "EAGAIN EFAULT EINVAL ENOMEM ENOSYS EPERM")                          \
  CALL(io_submit, FAILS_ERRNO, "EAGAIN EBADF EFAULT EINVAL ENOMEM ENOSYS EPERM")                   \
  CALL(io_uring_queue_init_params, FAILS_NEGATIVE,                                                 \
       "EFAULT EINVAL EMFILE ENFILE ENOMEM ENOSYS EPERM")                                          \
  CALL(io_uring_register, FAILS_ERRNO, "EACCES EBADF EBADFD EINVAL ENOMEM")                        \
  CALL(io_uring_register_buf_ring, FAILS_NEGATIVE,                                                 \
       "EACCES EBADF EBADFD EBUSY EEXIST EFAULT EINVAL ENOMEM ENXIO EOPNOTSUPP")                   \
  CALL(io_uring_register_probe, FAILS_NEGATIVE, "EACCES EBADF EFAULT EINVAL ENOMEM EOPNOTSUPP")    \
  CALL(io_uring_submit, FAILS_NEGATIVE, FAULT_ENTER)                                               \
  CALL(io_uring_submit_and_get_events, FAILS_NEGATIVE, FAULT_ENTER)                                \
  CALL(io_uring_submit_and_wait, FAILS_NEGATIVE, FAULT_ENTER)                                      \
  CALL(io_uring_submit_and_wait_timeout, FAILS_NEGATIVE, FAULT_ENTER " ETIME")                     \
  CALL(isatty, FAILS_ZERO, "EBADF ENOTTY")                                                         \
  CALL(listen, FAILS_ERRNO, "EADDRINUSE EBADF ENOTSOCK EOPNOTSUPP")                                \
  CALL(lstat, FAILS_ERRNO, FAULT_STAT)                                                             \
  CALL(mmap, FAILS_POINTER, "EAGAIN EINVAL ENOMEM EPERM")                                          \
  CALL(munmap, FAILS_ERRNO, "EINVAL ENOMEM")                                                       \
  CALL(nanosleep, FAILS_ERRNO, "EFAULT EINTR EINVAL")                                              \
  CALL(open, FAILS_ERRNO, "EACCES EINTR ELOOP EMFILE ENFILE ENOENT ENOMEM EPERM")                  \
  CALL(pidfd_open, FAILS_ERRNO, "EINVAL EMFILE ENFILE ENODEV ENOMEM ENOSYS EPERM ESRCH")           \
  CALL(pipe, FAILS_ERRNO, "EFAULT EINVAL EMFILE ENFILE")                                           \
  CALL(poll, FAILS_ERRNO, "EFAULT EINTR EINVAL ENOMEM")                                            \
  CALL(ppoll, FAILS_ERRNO, "EFAULT EINTR EINVAL ENOMEM")                                           \
  CALL(pthread_create, FAILS_NUMBER, "EAGAIN EINVAL EPERM")                                        \
  CALL(pthread_mutex_init, FAILS_NUMBER, "EAGAIN ENOMEM EPERM")                                    \
  CALL(pthread_setspecific, FAILS_NUMBER, "EINVAL ENOMEM")                                         \
  CALL(pthread_sigmask, FAILS_NUMBER, "")                                                          \
  CALL(read, FAILS_ERRNO, "EAGAIN EINTR EBADF EFAULT EINVAL EIO EISDIR")                           \
  CALL(readlink, FAILS_ERRNO, "EACCES EFAULT EINVAL EIO ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR") \
  CALL(realpath, FAILS_POINTER, "EACCES EINVAL EIO ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR")      \
  CALL(recv, FAILS_ERRNO, FAULT_RECEIVE)                                                           \
  CALL(recvfrom, FAILS_ERRNO, FAULT_RECEIVE)                                                       \
  CALL(recvmmsg, FAILS_ERRNO, FAULT_RECEIVE)                                                       \
  CALL(recvmsg, FAILS_ERRNO, FAULT_RECEIVE)                                                        \
  CALL(select, FAILS_ERRNO, "EBADF EINTR EINVAL ENOMEM")                                           \
  CALL(send, FAILS_ERRNO, FAULT_SEND)                                                              \
  CALL(sendmmsg, FAILS_ERRNO, FAULT_SEND)                                                          \
  CALL(sendmsg, FAILS_ERRNO, FAULT_SEND)                                                           \
  CALL(sendto, FAILS_ERRNO, FAULT_SEND)                                                            \
  CALL(setrlimit, FAILS_ERRNO, "EFAULT EINVAL EPERM")                                              \
  CALL(setsockopt, FAILS_ERRNO, "EBADF EFAULT EINVAL ENOMEM ENOPROTOOPT ENOTSOCK EPERM")           \
  CALL(shutdown, FAILS_ERRNO, "EBADF EINVAL ENOTCONN ENOTSOCK")                                    \
  CALL(sigaction, FAILS_ERRNO, "EFAULT EINVAL")                                                    \
  CALL(signalfd, FAILS_ERRNO, "EBADF EINVAL EMFILE ENFILE ENODEV ENOMEM")                          \
  CALL(sigpending, FAILS_ERRNO, "")                                                                \
  CALL(sigtimedwait, FAILS_ERRNO, "EAGAIN EINTR EINVAL")                                           \
  CALL(sigwait, FAILS_NUMBER, "")                                                                  \
  CALL(socket, FAILS_ERRNO,                                                                        \
       "EACCES EAFNOSUPPORT EINVAL EMFILE ENFILE ENOBUFS ENOMEM EPROTONOSUPPORT")                  \
  CALL(timerfd_create, FAILS_ERRNO, "EINVAL EMFILE ENFILE ENODEV ENOMEM EPERM")                    \
  CALL(timerfd_settime, FAILS_ERRNO, "EBADF EFAULT EINVAL ECANCELED")                              \
  CALL(unlink, FAILS_ERRNO,                                                                        \
       "EACCES EBUSY EFAULT EIO EISDIR ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR EPERM EROFS")      \
  CALL(waitid, FAILS_ERRNO, "ECHILD EINVAL")                                                       \
  CALL(waitpid, FAILS_ERRNO, "ECHILD EINVAL")                                                      \
  CALL(write, FAILS_ERRNO,                                                                         \
       "EAGAIN EINTR EBADF EDESTADDRREQ EFAULT EFBIG EINVAL EIO ENOSPC EPERM EPIPE")               \
  CALL(writev, FAILS_ERRNO,                                                                        \
       "EAGAIN EINTR EBADF EDESTADDRREQ EFAULT EFBIG EINVAL EIO ENOSPC EPERM EPIPE")               \
  CALL(ring_accept, FAILS_NEGATIVE, FAULT_ACCEPT " ECANCELED")                                     \
  CALL(ring_cancel, FAILS_NEGATIVE, "EALREADY EINVAL ENOENT")                                      \
  CALL(ring_poll, FAILS_NEGATIVE, "EBADF ECANCELED EINVAL ENOMEM")                                 \
  CALL(ring_receive, FAILS_NEGATIVE, FAULT_RECEIVE " ECANCELED")                                   \
  CALL(ring_receive_message, FAILS_NEGATIVE, FAULT_RECEIVE " ECANCELED")                           \
  CALL(ring_send, FAILS_NEGATIVE, FAULT_SEND " ECANCELED")                                         \
  CALL(ring_send_message, FAILS_NEGATIVE, FAULT_SEND " ECANCELED")

#define FAULT_ENUM(name, how, errors) FAULT_##name,
enum fault_call {
  FAULT_CALLS(FAULT_ENUM) FAULT_COUNT
};
#undef FAULT_ENUM

#endif
