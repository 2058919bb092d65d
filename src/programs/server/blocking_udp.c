/* SPDX-License-Identifier: MIT */
/*
 * blocking_udp.c - the thread of a UDP socket: receive and sleep, print, answer.
 *
 * On a socket that is bound to all addresses the kernel takes the source of an answer from the
 * route, and a connected peer that sent to another address drops it. On such a socket recvmsg, which
 * reports where a datagram was sent, and sendmsg, which sets the source, replace recvfrom and
 * sendto.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "blocking.h"
#include "loop/platform.h"
#include "reply.h"
#include "threads.h"
#include "trace/trace.h"

enum {
  DATAGRAM_SIZE = 64 * 1024,
};

/* Together half of a thread's stack, so they are allocated. */
struct buffers {
  char data[DATAGRAM_SIZE];
  char reply[REPLY_DATAGRAM_SIZE];
};

union control {
  struct cmsghdr aligned;
  char bytes[IOLOOP__CONTROL_SIZE];
};

struct udp {
  struct thread *thread;
  struct address bound;
  bool any; /* bound to all addresses: each datagram reports which one it was sent to */
  struct sockaddr_storage peer; /* of the latest datagram */
  socklen_t peer_size;
  union ioloop__local local;
};

/* ---- calls ---------------------------------------------------------------------------- */

static ssize_t receive_with_local(struct udp *udp, char *data, size_t size) {
  union control control;
  struct iovec part = {.iov_base = data, .iov_len = size};
  struct msghdr header = {.msg_name = &udp->peer,
                          .msg_namelen = sizeof udp->peer,
                          .msg_iov = &part,
                          .msg_iovlen = 1,
                          .msg_control = control.bytes,
                          .msg_controllen = sizeof control};
  ssize_t n = recvmsg(udp->thread->fd, &header, 0);
  if (n < 0)
    return -errno;
  udp->peer_size = header.msg_namelen;
  ioloop__read_local(header.msg_control, header.msg_controllen, &udp->local);
  return n;
}

static ssize_t receive(struct udp *udp, char *data, size_t size) {
  if (udp->any)
    return receive_with_local(udp, data, size);
  udp->peer_size = sizeof udp->peer;
  ssize_t n =
      recvfrom(udp->thread->fd, data, size, 0, (struct sockaddr *)&udp->peer, &udp->peer_size);
  return n < 0 ? -errno : n;
}

static ssize_t send_from_local(struct udp *udp, const char *data, size_t size) {
  union control control;
  struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
  struct msghdr header = {
      .msg_name = &udp->peer, .msg_namelen = udp->peer_size, .msg_iov = &part, .msg_iovlen = 1};
  if (udp->local.any.sa_family != AF_UNSPEC)
    ioloop__put_local(&header, control.bytes, &udp->local);
  ssize_t n = sendmsg(udp->thread->fd, &header, 0);
  return n < 0 ? -errno : n;
}

static ssize_t send_back(struct udp *udp, const char *data, size_t size) {
  if (udp->any)
    return send_from_local(udp, data, size);
  ssize_t n =
      sendto(udp->thread->fd, data, size, 0, (const struct sockaddr *)&udp->peer, udp->peer_size);
  return n < 0 ? -errno : n;
}

/* ---- the thread ----------------------------------------------------------------------- */

static void answer(struct udp *udp, struct buffers *buffers, size_t size) {
  struct thread *thread = udp->thread;
  struct counts *counts = thread->server->counts;
  const char *call = udp->any ? "sendmsg" : "sendto";
  const char *data = reply_to_datagram((enum reply_kind)thread->server->options.reply,
                                       buffers->data, size, buffers->reply);
  if (!data)
    return;
  trace_call_begin(thread->track, call, thread->fd);
  ssize_t n = send_back(udp, data, size);
  trace_call_end(thread->track, call, thread->fd, n);
  if (n >= 0)
    counts_add_shared(counts, COUNT_ECHOED, size);
  else
    counts_add_shared(counts, COUNT_REPLY_DROPS, 1);
}

/* Returns true to go on. A network error caused by an earlier answer (ECONNREFUSED) is not a
 * failure of this socket; an error that persists must not make the thread spin. */
static bool receive_failed(struct thread *thread, int error) {
  if (blocking_would_sleep(error) || error == EBADF)
    return false;
  return error == EINTR || error == ECONNREFUSED || blocking_pause(thread);
}

static int serve(struct udp *udp, struct buffers *buffers) {
  struct thread *thread = udp->thread;
  struct record_clock clock = {.second = 0};
  const char *call = udp->any ? "recvmsg" : "recvfrom";
  int error = 0;
  while (!error && !threads_abandoned(thread->server->threads)) {
    trace_call_begin(thread->track, call, thread->fd);
    ssize_t n = receive(udp, buffers->data, DATAGRAM_SIZE);
    trace_call_end(thread->track, call, thread->fd, n);
    if (n < 0 && !receive_failed(thread, (int)-n))
      break;
    if (n < 0)
      continue;
    struct address from = address_from((struct sockaddr *)&udp->peer, udp->peer_size);
    error = blocking_put_record(thread, &clock, "udp", &from, buffers->data, (size_t)n);
    if (error || thread->server->options.no_echo)
      continue;
    if (address_leads_back(&from, &udp->bound))
      counts_add_shared(thread->server->counts, COUNT_REPLY_DROPS, 1);
    else
      answer(udp, buffers, (size_t)n);
  }
  return 0;
}

int blocking_serve_datagrams(struct thread *thread) {
  struct udp udp = {.thread = thread, .any = ioloop__ask_local(thread->fd)};
  socklen_t size = sizeof udp.peer;
  struct buffers *buffers;
  while (!(buffers = malloc(sizeof *buffers)))
    if (!blocking_pause(thread))
      return -ENOMEM;
  if (getsockname(thread->fd, (struct sockaddr *)&udp.peer, &size) == 0)
    udp.bound = address_from((struct sockaddr *)&udp.peer, size);
  int error = serve(&udp, buffers);
  free(buffers);
  return error;
}
