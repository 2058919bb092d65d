/* SPDX-License-Identifier: MIT */
/*
 * blocking.c - Stevens' first model: make the call, and sleep until it has a result.
 *
 *      application                         kernel
 *      recvfrom --------------------->     no datagram ready
 *         | sleeps                         wait for it
 *      returns  <---------------------     copy it
 *
 * No call has to report which descriptor is ready, because each thread waits for only one. So there
 * is a thread for each listener, for each connection and for each UDP socket. With --handler=thread
 * only the connections have threads, and a loop accepts.
 *
 * No socket is in any loop here. The main thread does run a loop, for everything but the network:
 * signals, the timers of --stats and --heartbeat, and stdout (records.c). threads.c describes how a
 * sleeping thread is woken at shutdown.
 *
 * A timeout is a property of the socket here (SO_RCVTIMEO); when it expires, the call fails with
 * EAGAIN.
 *
 * On a UDP socket that is bound to all addresses the kernel takes the source of an answer from the
 * route, and a connected peer that sent to another address drops it. On such a socket recvmsg,
 * which reports where a datagram was sent, and sendmsg, which sets the source, replace recvfrom and
 * sendto.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/say.h"
#include "loop/platform.h"
#include "reply.h"
#include "threads.h"
#include "trace/trace.h"

enum {
  READ_SIZE = 16 * 1024,
  DATAGRAM_SIZE = 64 * 1024,
  PAUSE_MS = 100,     /* before a call that failed for lack of resources is retried */
  MOST_FAILURES = 64, /* consecutive failures of accept() that are blamed on single connections */
};

/* Did the call return instead of sleeping? (EAGAIN: the idle timeout expired, or shutdown has
 * begun.) */
static bool would_sleep(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}

/* A shortage on this machine: the peer should notice nothing but a delay. */
static bool lacks_something(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* A call failed for lack of resources: pause. False: shutdown has begun. */
static bool wait_a_moment(struct thread *thread) {
  return threads_wait_for_room(thread->server->threads, PAUSE_MS);
}

static bool may_retry(struct thread *thread, int error) {
  return lacks_something(error) && wait_a_moment(thread);
}

/* thread_print, retried until there is memory. -ECANCELED: shutdown has begun and stdout takes no
 * more; -ENOMEM: shutdown has begun. */
static int print(struct thread *thread, const char *protocol, const struct address *peer,
                 const char *data, size_t size) {
  int error;
  do
    error = thread_print(thread, protocol, peer, data, size);
  while (error && may_retry(thread, -error));
  return error;
}

/* The call has returned `n`: its result, or -errno. */
static ssize_t called(struct thread *thread, const char *name, ssize_t n) {
  ssize_t result = n < 0 ? -errno : n;
  trace_call_end(thread->track, name, thread->fd, result);
  return result;
}

/* ---- a connection --------------------------------------------------------------------- */

static int send_all(struct thread *thread, const char *data, size_t size) {
  while (size > 0) {
    trace_call_begin(thread->track, "send", thread->fd);
    ssize_t n = called(thread, "send", send(thread->fd, data, size, 0)); /* without SIGPIPE */
    if (n < 0 && n != -EINTR && !may_retry(thread, (int)-n))
      return (int)n;
    data += n > 0 ? n : 0;
    size -= n > 0 ? (size_t)n : 0;
  }
  return 0;
}

static int send_reply(void *to, const char *data, size_t size) {
  struct thread *thread = to;
  int error = send_all(thread, data, size);
  if (!error)
    counts_add_shared(thread->server->counts, COUNT_ECHOED, size);
  return error;
}

static int reply(struct thread *thread, struct framing *framing, const char *data, size_t size) {
  const struct server_options *options = &thread->server->options;
  if (options->no_echo)
    return 0;
  return reply_to_stream((enum reply_kind)options->reply, framing, data, size, send_reply, thread);
}

static int serve_connection(struct thread *thread) {
  struct framing framing = {.have = 0};
  char data[READ_SIZE];
  for (;;) {
    trace_call_begin(thread->track, "recv", thread->fd);
    ssize_t n = called(thread, "recv", recv(thread->fd, data, sizeof data, 0));
    if (n == -EINTR || (n < 0 && may_retry(thread, (int)-n)))
      continue;
    if (n <= 0)
      return would_sleep((int)-n) ? 0 : (int)n;
    int error = print(thread, "tcp", &thread->peer, data, (size_t)n);
    if (!error)
      error = reply(thread, &framing, data, (size_t)n);
    if (error)
      return error;
  }
}

/* Rounded up: 0 would mean forever. */
static void set_timeout(int fd, int option, uint64_t ns) {
  uint64_t us = (ns + NS_PER_US - 1) / NS_PER_US;
  struct timeval time = {.tv_sec = (time_t)(us / US_PER_SECOND),
                         .tv_usec = (suseconds_t)(us % US_PER_SECOND)};
  (void)setsockopt(fd, SOL_SOCKET, option, &time, sizeof time);
}

/* A descriptor that the loop accepted is non-blocking, as is one that a BSD accepts from a
 * non-blocking listener. */
static int make_blocking(int fd) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0)
    return -errno;
  return flags & O_NONBLOCK && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0 ? -errno : 0;
}

static void complain_of_thread(struct server *server, const struct address *peer, int error) {
  char text[ADDRESS_TEXT_SIZE];
  if (server_may_complain(server))
    complain("cannot serve %s with a thread: %s; it is closed (raise the limit of threads: ulimit "
             "-u, or allow fewer with --max-connections=N)",
             address_text(peer, text), strerror(-error));
}

/* Counts the connection and gives it a thread. On failure returns -errno, and the descriptor
 * remains the caller's. */
static int admit(struct server *server, int fd, const struct address *peer) {
  uint64_t idle_ns = server->options.idle_timeout_ns;
  counts_add_shared(server->counts, COUNT_ACCEPTED, 1);
  int error = make_blocking(fd);
  if (!error && idle_ns > 0) {
    set_timeout(fd, SO_RCVTIMEO, idle_ns);
    set_timeout(fd, SO_SNDTIMEO, idle_ns);
  }
  if (!error)
    error = threads_start(server->threads, THREAD_CONNECTION, fd, peer, serve_connection);
  if (!error)
    return 0;
  complain_of_thread(server, peer, error);
  counts_add_shared(server->counts, COUNT_FAILED, 1);
  counts_add_shared(server->counts, COUNT_CLOSED, 1);
  close(fd);
  return error;
}

void blocking_on_accepted(struct ioloop_tcpserver *tcp, int fd, const struct sockaddr *peer,
                          socklen_t peer_size, void *arg) {
  struct address from = address_from(peer, peer_size);
  if (admit(arg, fd, &from) < 0)
    ioloop_tcpserver_release(tcp);
}

/* ---- a listener ----------------------------------------------------------------------- */

/* Returns true to go on. `error` has occurred this many times in a row. Errors other than a
 * shortage concern one connection that failed before it was accepted (accept(2)), unless they
 * persist. */
static bool accept_failed(struct thread *thread, int error, unsigned times) {
  if (would_sleep(error) || error == EINVAL || error == EBADF)
    return false;
  if (!lacks_something(error) && times % MOST_FAILURES != 0)
    return true;
  server_complain_of_accept(thread->server, -error);
  return wait_a_moment(thread);
}

static int serve_listener(struct thread *thread) {
  struct server *server = thread->server;
  unsigned failures = 0;
  while (threads_wait_for_limit(server->threads) && !server->threads->abandoned) {
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    trace_call_begin(thread->track, "accept", thread->fd);
    int fd = (int)called(thread, "accept", accept(thread->fd, (struct sockaddr *)&peer, &size));
    if (fd < 0 && !accept_failed(thread, -fd, ++failures))
      break;
    if (fd < 0)
      continue;
    failures = 0;
    struct address from = address_from((struct sockaddr *)&peer, size);
    (void)admit(server, fd, &from); /* has reported its failure */
  }
  return 0;
}

/* ---- a UDP socket --------------------------------------------------------------------- */

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
    return n;
  udp->peer_size = header.msg_namelen;
  ioloop__read_local(header.msg_control, header.msg_controllen, &udp->local);
  return n;
}

static ssize_t receive(struct udp *udp, char *data, size_t size) {
  if (udp->any)
    return receive_with_local(udp, data, size);
  udp->peer_size = sizeof udp->peer;
  return recvfrom(udp->thread->fd, data, size, 0, (struct sockaddr *)&udp->peer, &udp->peer_size);
}

static ssize_t send_from_local(struct udp *udp, const char *data, size_t size) {
  union control control;
  struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
  struct msghdr header = {
      .msg_name = &udp->peer, .msg_namelen = udp->peer_size, .msg_iov = &part, .msg_iovlen = 1};
  if (udp->local.any.sa_family != AF_UNSPEC)
    ioloop__put_local(&header, control.bytes, &udp->local);
  return sendmsg(udp->thread->fd, &header, 0);
}

static ssize_t send_back(struct udp *udp, const char *data, size_t size) {
  if (udp->any)
    return send_from_local(udp, data, size);
  return sendto(udp->thread->fd, data, size, 0, (const struct sockaddr *)&udp->peer,
                udp->peer_size);
}

static void answer(struct udp *udp, struct buffers *buffers, size_t size) {
  struct thread *thread = udp->thread;
  struct counts *counts = thread->server->counts;
  const char *call = udp->any ? "sendmsg" : "sendto";
  const char *data = reply_to_datagram((enum reply_kind)thread->server->options.reply,
                                       buffers->data, size, buffers->reply);
  if (!data)
    return;
  trace_call_begin(thread->track, call, thread->fd);
  if (called(thread, call, send_back(udp, data, size)) >= 0)
    counts_add_shared(counts, COUNT_ECHOED, size);
  else
    counts_add_shared(counts, COUNT_REPLY_DROPS, 1);
}

/* Returns true to go on. A network error caused by an earlier answer (ECONNREFUSED) is not a
 * failure of this socket; an error that persists must not make the thread spin. */
static bool receive_failed(struct thread *thread, int error) {
  if (would_sleep(error) || error == EBADF)
    return false;
  return error == EINTR || error == ECONNREFUSED || wait_a_moment(thread);
}

static int receive_all(struct udp *udp, struct buffers *buffers) {
  struct thread *thread = udp->thread;
  const char *call = udp->any ? "recvmsg" : "recvfrom";
  int error = 0;
  while (!error && !thread->server->threads->abandoned) {
    trace_call_begin(thread->track, call, thread->fd);
    ssize_t n = called(thread, call, receive(udp, buffers->data, DATAGRAM_SIZE));
    if (n < 0 && !receive_failed(thread, (int)-n))
      break;
    if (n < 0)
      continue;
    struct address from = address_from((struct sockaddr *)&udp->peer, udp->peer_size);
    error = print(thread, "udp", &from, buffers->data, (size_t)n);
    if (error || thread->server->options.no_echo)
      continue;
    if (address_leads_back(&from, &udp->bound))
      counts_add_shared(thread->server->counts, COUNT_REPLY_DROPS, 1);
    else
      answer(udp, buffers, (size_t)n);
  }
  return 0;
}

static int serve_datagrams(struct thread *thread) {
  struct udp udp = {.thread = thread,
                    .bound = address_of_socket(thread->fd),
                    .any = ioloop__ask_local(thread->fd)};
  struct buffers *buffers;
  while (!(buffers = malloc(sizeof *buffers)))
    if (!wait_a_moment(thread))
      return -ENOMEM;
  int error = receive_all(&udp, buffers);
  free(buffers);
  return error;
}

/* ---- starting ------------------------------------------------------------------------- */

static int start_one(struct server *server, struct bound_socket *bound) {
  int error = make_blocking(bound->fd); /* a killed worker may have left it non-blocking */
  if (!error && bound->tcp)
    error = threads_start(server->threads, THREAD_LISTENER, bound->fd, NULL, serve_listener);
  else if (!error)
    error = threads_start(server->threads, THREAD_DATAGRAMS, bound->fd, NULL, serve_datagrams);
  if (!error)
    bound->fd = -1;
  return error;
}

int blocking_start(struct server *server, struct sockets *set) {
  int error = 0;
  for (size_t i = 0; i < set->count && !error; i++)
    error = start_one(server, &set->at[i]);
  return error;
}
