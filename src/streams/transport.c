/* SPDX-License-Identifier: MIT */
/*
 * transport.c - the system calls under a byte stream.
 *
 * Everything above works on bytes received, bytes sent and -errno. This file does that by
 * readiness; stream_completion.c takes its place where the backend offers completion.
 *
 * Each call on a socket has MSG_DONTWAIT: O_NONBLOCK belongs to all that share the file, and
 * another process may have cleared it. Streams are nearly always sockets. Two things differ for
 * pipes and ptys, which share the API:
 *   - write(2) has no MSG_NOSIGNAL. SIGPIPE is sent to the writing thread, so it can be blocked
 *     there, and taken out of the queue again if it is this write that put it there.
 *   - reading a pty whose other side hung up fails with EIO on Linux; BSD returns the end of file.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "observe.h"
#include "platform.h"
#include "stream_internal.h"

static ptrdiff_t result_of(ssize_t n) {
  return n < 0 ? -errno : n;
}

static ptrdiff_t read_file(int fd, void *data, size_t size) {
  ptrdiff_t n = result_of(read(fd, data, size));
  return n == -EIO ? 0 : n;
}

ptrdiff_t ioloop__stream_receive(struct ioloop_stream *stream, void *data, size_t size) {
  bool file = stream->not_socket;
  uint64_t begun = ioloop__call_begins(stream->loop);
  ptrdiff_t n = file ? read_file(stream->fd, data, size)
                     : result_of(recv(stream->fd, data, size, MSG_DONTWAIT));
  ioloop__call_ended(stream->loop, file ? "read" : "recv", stream->fd, n, begun);
  return n;
}

static bool is_pending(int signo) {
  sigset_t pending;
  return sigpending(&pending) == 0 && sigismember(&pending, signo) == 1;
}

static ptrdiff_t write_quietly(int fd, const struct iovec *pieces, int count) {
  sigset_t pipe_signal, old;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &old);
  /* A signal that the program had blocked and that was pending already is the program's. */
  bool keep = sigismember(&old, SIGPIPE) == 1 && is_pending(SIGPIPE);

  ptrdiff_t n = count == 1 ? result_of(write(fd, pieces->iov_base, pieces->iov_len))
                           : result_of(writev(fd, pieces, count));

  int ignored;
  if (n == -EPIPE && !keep && is_pending(SIGPIPE))
    sigwait(&pipe_signal, &ignored);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return n;
}

ptrdiff_t ioloop__stream_send(struct ioloop_stream *stream, const void *data, size_t size) {
  const struct iovec piece = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
  bool file = stream->not_socket;
  uint64_t begun = ioloop__call_begins(stream->loop);
  ptrdiff_t n = file ? write_quietly(stream->fd, &piece, 1) : ioloop__send(stream->fd, data, size);
  ioloop__call_ended(stream->loop, file ? "write" : "send", stream->fd, n, begun);
  return n;
}

enum {
  MOST_PIECES = 64 /* in one call; POSIX has 16 at least, Linux, macOS and FreeBSD 1,024 */
};

ptrdiff_t ioloop__stream_send_pieces(struct ioloop_stream *stream, const struct iovec *pieces,
                                     int count) {
  if (count == 1)
    return ioloop__stream_send(stream, pieces->iov_base, pieces->iov_len);
  bool file = stream->not_socket;
  int some = count < MOST_PIECES ? count : MOST_PIECES;
  uint64_t begun = ioloop__call_begins(stream->loop);
  ptrdiff_t n = file ? write_quietly(stream->fd, pieces, some)
                     : ioloop__send_pieces(stream->fd, pieces, some);
  ioloop__call_ended(stream->loop, file ? "writev" : "sendmsg", stream->fd, n, begun);
  return n;
}

void ioloop__stream_woken_in_vain(struct ioloop_stream *stream) {
  short found = ++stream->vain ? 0 : ioloop__poll_now(stream->fd, POLLOUT);
  if (found & POLLERR)
    (void)ioloop__empty_error_queue(stream->fd, NULL);
  /* A pty whose other side has gone, but may come back: wait. */
  if (stream->queue && found & POLLHUP && !(found & POLLOUT)) {
    stream->vain = 31; /* the next one looks at once */
    ioloop__stream_rest(stream);
  }
}

/* ENOTCONN: the peer was faster; the next read reports it. A socket shut down here becomes ready in
 * other ways than before, and the kernel sends no signal for our own action: notify the models that
 * need one. */
void ioloop__stream_shut_down(struct ioloop_stream *stream, int how) {
  shutdown(stream->fd, how);
  if (stream->registered)
    ioloop_update_handler(stream->loop, stream->fd, stream->mask);
}

/* Nagle's algorithm holds back a small segment while another is unacknowledged, and the peer delays
 * its acknowledgement: a second small write takes 40 ms. EINVAL: the family has no such level, or
 * the connection is gone (BSD), which reading reports. */
int ioloop__stream_nodelay(int fd, bool on) {
  int value = on;
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value) == 0)
    return 0;
  bool other = errno == ENOPROTOOPT || errno == EINVAL || errno == ENOTSOCK;
  return other ? -EOPNOTSUPP : -errno;
}

bool ioloop__stream_lacks_nodelay(int fd) {
  return ioloop__socket_option(fd, IPPROTO_TCP, TCP_NODELAY) == 0;
}

/* If no server has the port to connect to, the kernel may choose it as the socket's own; TCP then
 * connects the socket to itself (RFC 9293, 3.5). */
static bool is_own_address(int fd, const struct sockaddr_storage *peer, socklen_t size) {
  struct sockaddr_storage own = {0};
  socklen_t own_size = sizeof own;
  if (peer->ss_family != AF_INET && peer->ss_family != AF_INET6)
    return false;
  return getsockname(fd, (struct sockaddr *)&own, &own_size) == 0 && own_size == size &&
         memcmp(&own, peer, size) == 0;
}

int ioloop__stream_take_error(int fd) {
  int error = ioloop__socket_option(fd, SOL_SOCKET, SO_ERROR);
  return error < 0 ? error : -error;
}

int ioloop__stream_connect_result(int fd) {
  int error = ioloop__stream_take_error(fd);
  if (error)
    return error;
  /* Readiness may be spurious, and no error does not mean a connection. */
  struct sockaddr_storage peer = {0};
  socklen_t size = sizeof peer;
  if (getpeername(fd, (struct sockaddr *)&peer, &size) == 0)
    return is_own_address(fd, &peer, size) ? -ECONNREFUSED : 0;
  return errno == ENOTCONN ? -EINPROGRESS : -errno;
}
