/* SPDX-License-Identifier: MIT */
/*
 * datagram.c - the lifetime of a datagram socket, and what it watches for.
 *
 * Errors are reported to the program when none of its callbacks is under way. Receiving is in
 * datagram_receive.c, sending in datagram_send.c, and both by completion in datagram_completion.c.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend.h"
#include "datagram_internal.h"
#include "version.h"

/* ---- interest and deferred work ----------------------------------------------------------- */

static void on_timeout(struct ioloop *loop, void *arg);

/* Call on_timeout after `delay_ns`, or earlier if it is to be called anyway. */
static int wake_later(struct ioloop_datagram *it, uint64_t delay_ns) {
  return it->timeout ? 0 : ioloop_call_later(it->loop, delay_ns, on_timeout, it, &it->timeout);
}

void ioloop__datagram_wake(struct ioloop_datagram *it) {
  if (!it->timeout)
    (void)ioloop_call_at(it->loop, 0, on_timeout, it, &it->timeout); /* before all that are due */
}

void ioloop__datagram_update_interest(struct ioloop_datagram *it) {
  unsigned mask = 0;
  if (ioloop__inherited(it->loop))
    return;
  if (!ioloop__gate_holds(&it->gate) && !(it->flags & DATAGRAM_REST_READ))
    mask |= IOLOOP_READ;
  if (it->completer) {
    ioloop__datagram_update_receiving(it, mask);
    mask = 0;
  }
  if (ioloop__fifo_size(it->queue) && !(it->flags & DATAGRAM_REST_WRITE))
    mask |= IOLOOP_WRITE;
  if (mask == it->mask)
    return;
  if (ioloop_update_handler(it->loop, it->fd, mask) == 0)
    it->mask = (uint8_t)mask;
  else
    (void)wake_later(it, DATAGRAM_REST_NS); /* no memory: try again then */
}

bool ioloop__datagram_rest(struct ioloop_datagram *it, unsigned flag) {
  if (wake_later(it, DATAGRAM_REST_NS) < 0) {
    ioloop__pause();
    return false;
  }
  it->flags |= (uint8_t)flag;
  ioloop__datagram_update_interest(it);
  return true;
}

void ioloop__datagram_note_error(struct ioloop_datagram *it, int error) {
  it->metrics.errors++;
  it->error = error;
  if (!it->depth)
    (void)wake_later(it, 0); /* no memory: the next wake-up reports it */
}

int ioloop__datagram_report_queued_errors(struct ioloop_datagram *it) {
  int error, count = ioloop__empty_error_queue(it->fd, &error);
  if (count) {
    it->metrics.errors += (uint64_t)count - 1;
    ioloop__datagram_note_error(it, error);
  }
  return count;
}

void ioloop__datagram_note_failure(struct ioloop_datagram *it, int error) {
  if (!ioloop__datagram_report_queued_errors(it))
    ioloop__datagram_note_error(it, error);
}

static void report_error(struct ioloop_datagram *it) {
  int error = it->error;
  it->error = 0;
  if (it->on_error)
    it->on_error(it, error, it->arg);
  /* A program that answers each error by a send that fails must not keep us here. */
  if (it->error && !(it->flags & DATAGRAM_CLOSED))
    ioloop__datagram_wake(it);
}

void ioloop__datagram_leave(struct ioloop_datagram *it) {
  if (it->depth == 1 && it->error && !(it->flags & DATAGRAM_CLOSED))
    report_error(it);
  if (--it->depth == 0 && it->flags & DATAGRAM_CLOSED) {
    free(it->queue);
    free(it->kept);
    free(it);
  }
}

static void on_timeout(struct ioloop *loop, void *arg) {
  struct ioloop_datagram *it = arg;
  (void)loop;
  it->timeout = 0;
  it->flags &= (uint8_t) ~(DATAGRAM_REST_READ | DATAGRAM_REST_WRITE);
  ioloop__datagram_enter(it);
  if (it->kept && !ioloop__datagram_held_by_gate(it))
    ioloop__datagram_deliver_kept(it, SIZE_MAX);
  if (!(it->flags & DATAGRAM_CLOSED))
    ioloop__datagram_flush(it);
  ioloop__datagram_leave(it);
}

/* ---- life --------------------------------------------------------------------------------- */

static void on_ready(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct ioloop_datagram *it = arg;
  (void)loop, (void)fd;
  ioloop__datagram_enter(it);
  if (events & IOLOOP_ERROR)
    ioloop__datagram_report_queued_errors(it);
  if (events & IOLOOP_WRITE)
    ioloop__datagram_ready_to_write(it);
  if (events & it->mask & IOLOOP_READ)
    ioloop__datagram_ready_to_read(it);
  ioloop__datagram_leave(it);
}

static sa_family_t family_of(int fd) {
  struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
  socklen_t size = sizeof address;
  (void)getsockname(fd, (struct sockaddr *)&address, &size);
  return address.ss_family;
}

/* `ours`: nothing else has the file. */
static int new_datagram(struct ioloop *loop, int fd, bool ours, ioloop_datagram_fn *fn,
                        ioloop_datagram_error_fn *on_error, void *arg,
                        struct ioloop_datagram **ret) {
  struct ioloop_datagram *it = malloc(sizeof *it);
  if (!it)
    return -ENOMEM;
  *it = (struct ioloop_datagram){.loop = loop,
                                 .fd = fd,
                                 .family = family_of(fd),
                                 .mask = IOLOOP_READ,
                                 .batch = 1,
                                 .on_datagram = fn,
                                 .on_error = on_error,
                                 .arg = arg};
  ioloop__ungroup_datagrams(fd);
  if (ioloop__ask_local(fd))
    it->flags |= DATAGRAM_ANY;
  ioloop__list_init(&it->sends);
  ioloop__list_init(&it->spares);
  ioloop__datagram_use_completion(it, ours);
  int r = ioloop__prepare(fd, it->completer, ours);
  if (!r)
    r = ioloop_add_handler(loop, fd, it->completer ? 0 : IOLOOP_READ, on_ready, it);
  if (!r && it->completer)
    ioloop__datagram_update_interest(it);
  if (r)
    free(it);
  else
    *ret = it;
  return r;
}

int ioloop_datagram_new(struct ioloop *loop, int fd, ioloop_datagram_fn *fn,
                        ioloop_datagram_error_fn *on_error, void *arg,
                        struct ioloop_datagram **ret) {
  int r = ioloop__inherited(loop) ? -ECHILD : ioloop__check_socket(fd, SOCK_DGRAM, false);
  return r ? r : new_datagram(loop, fd, false, fn, on_error, arg, ret);
}

int ioloop_datagram_bind(struct ioloop *loop, const struct sockaddr *address, socklen_t size,
                         ioloop_datagram_fn *fn, ioloop_datagram_error_fn *on_error, void *arg,
                         struct ioloop_datagram **ret) {
  int fd = ioloop__inherited(loop) ? -ECHILD : ioloop__socket(address->sa_family, SOCK_DGRAM, 0);
  if (fd < 0)
    return fd;
  int one = 1, r = 0;
  if (address->sa_family == AF_INET6 &&
      setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) < 0)
    r = -errno;
  if (!r && bind(fd, address, size) < 0)
    r = -errno;
  struct socket_file *file = r ? NULL : ioloop__note_file(address, size);
  if (!r)
    r = new_datagram(loop, fd, true, fn, on_error, arg, ret);
  if (!r) {
    (*ret)->file = file;
    return 0;
  }
  ioloop__remove_file(file);
  close(fd);
  return r;
}

void ioloop_datagram_set_gate(struct ioloop_datagram *socket, struct ioloop_gate *gate) {
  ioloop__gate_attach(&socket->gate, gate);
}

void ioloop_datagram_get_metrics(const struct ioloop_datagram *socket,
                                 struct ioloop_datagram_metrics *ret, size_t size) {
  struct ioloop_datagram_metrics metrics = socket->metrics;
  metrics.kernel_drops = ioloop__kernel_drops(socket->fd);
  ioloop__copy_result(ret, size, &metrics, sizeof metrics);
}

int ioloop_datagram_fd(const struct ioloop_datagram *socket) {
  return socket->fd;
}

void ioloop_datagram_close(struct ioloop_datagram *socket) {
  if (!socket || socket->flags & DATAGRAM_CLOSED)
    return;
  ioloop__datagram_enter(socket);
  ioloop__datagram_flush(socket);
  ioloop__datagram_drop_queue(socket);
  socket->flags |= DATAGRAM_CLOSED;
  ioloop_remove_timeout(socket->loop, socket->timeout);
  ioloop__gate_detach(&socket->gate);
  ioloop_remove_handler(socket->loop, socket->fd);
  if (socket->completer)
    ioloop__datagram_cancel_operations(socket);
  ioloop__remove_file(socket->file);
  close(socket->fd);
  ioloop__datagram_leave(socket);
}
