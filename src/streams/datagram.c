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

/* ---- interest and deferred work ----------------------------------------------------------- */

static void on_timeout(struct ioloop *loop, void *arg);

/* Call on_timeout after `delay_ns`, or earlier if it is to be called anyway. */
static int wake_later(struct datagram *it, uint64_t delay_ns) {
  return it->timeout ? 0 : ioloop_call_later(it->loop, delay_ns, on_timeout, it, &it->timeout);
}

void datagram__wake(struct datagram *it) {
  if (!it->timeout)
    (void)ioloop_call_at(it->loop, 0, on_timeout, it, &it->timeout); /* before all that are due */
}

void datagram__update_interest(struct datagram *it) {
  unsigned mask = 0;
  if (ioloop__inherited(it->loop))
    return;
  if (!ioloop__gate_holds(&it->gate) && !(it->flags & DATAGRAM_REST_READ))
    mask |= IOLOOP_READ;
  if (it->completer) {
    datagram__update_receiving(it, mask);
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

bool datagram__rest(struct datagram *it, unsigned flag) {
  if (wake_later(it, DATAGRAM_REST_NS) < 0) {
    ioloop__pause();
    return false;
  }
  it->flags |= (uint8_t)flag;
  datagram__update_interest(it);
  return true;
}

void datagram__note_error(struct datagram *it, int error) {
  it->metrics.errors++;
  it->error = error;
  if (!it->depth)
    (void)wake_later(it, 0); /* no memory: the next wake-up reports it */
}

int datagram__report_queued_errors(struct datagram *it) {
  int error, count = ioloop__empty_error_queue(it->fd, &error);
  if (count) {
    it->metrics.errors += (uint64_t)count - 1;
    datagram__note_error(it, error);
  }
  return count;
}

void datagram__note_failure(struct datagram *it, int error) {
  if (!datagram__report_queued_errors(it))
    datagram__note_error(it, error);
}

static void report_error(struct datagram *it) {
  int error = it->error;
  it->error = 0;
  if (it->on_error)
    it->on_error(it, error, it->arg);
  /* A program that answers each error by a send that fails must not keep us here. */
  if (it->error && !(it->flags & DATAGRAM_CLOSED))
    datagram__wake(it);
}

void datagram__leave(struct datagram *it) {
  if (it->depth == 1 && it->error && !(it->flags & DATAGRAM_CLOSED))
    report_error(it);
  if (--it->depth == 0 && it->flags & DATAGRAM_CLOSED) {
    free(it->queue);
    free(it->kept);
    free(it);
  }
}

static void on_timeout(struct ioloop *loop, void *arg) {
  struct datagram *it = arg;
  (void)loop;
  it->timeout = 0;
  it->flags &= (uint8_t) ~(DATAGRAM_REST_READ | DATAGRAM_REST_WRITE);
  datagram__enter(it);
  if (it->kept && !datagram__held_by_gate(it))
    datagram__deliver_kept(it, SIZE_MAX);
  if (!(it->flags & DATAGRAM_CLOSED))
    datagram__flush(it);
  datagram__leave(it);
}

/* ---- life --------------------------------------------------------------------------------- */

static void on_ready(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct datagram *it = arg;
  (void)loop, (void)fd;
  datagram__enter(it);
  if (events & IOLOOP_ERROR)
    datagram__report_queued_errors(it);
  if (events & IOLOOP_WRITE)
    datagram__ready_to_write(it);
  if (events & it->mask & IOLOOP_READ)
    datagram__ready_to_read(it);
  datagram__leave(it);
}

static sa_family_t family_of(int fd) {
  struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
  socklen_t size = sizeof address;
  (void)getsockname(fd, (struct sockaddr *)&address, &size);
  return address.ss_family;
}

/* `ours`: nothing else has the file. */
static int new_datagram(struct ioloop *loop, int fd, bool ours, datagram_callback *fn,
                        datagram_error *on_error, void *arg, struct datagram **ret) {
  struct datagram *it = malloc(sizeof *it);
  if (!it)
    return -ENOMEM;
  *it = (struct datagram){.loop = loop,
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
  datagram__use_completion(it, ours);
  int r = ioloop__prepare(fd, it->completer, ours);
  if (!r)
    r = ioloop_add_handler(loop, fd, it->completer ? 0 : IOLOOP_READ, on_ready, it);
  if (!r && it->completer)
    datagram__update_interest(it);
  if (r)
    free(it);
  else
    *ret = it;
  return r;
}

int datagram_new(struct ioloop *loop, int fd, datagram_callback *fn, datagram_error *on_error,
                 void *arg, struct datagram **ret) {
  int r = ioloop__inherited(loop) ? -ECHILD : ioloop__check_socket(fd, SOCK_DGRAM, false);
  return r ? r : new_datagram(loop, fd, false, fn, on_error, arg, ret);
}

int datagram_bind(struct ioloop *loop, const struct sockaddr *address, socklen_t size,
                  datagram_callback *fn, datagram_error *on_error, void *arg,
                  struct datagram **ret) {
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

void datagram_set_gate(struct datagram *socket, struct iostream_gate *gate) {
  ioloop__gate_attach(&socket->gate, gate);
}

void datagram_get_metrics(const struct datagram *socket, struct datagram_metrics *ret) {
  *ret = socket->metrics;
  ret->kernel_drops = ioloop__kernel_drops(socket->fd);
}

int datagram_fd(const struct datagram *socket) {
  return socket->fd;
}

void datagram_close(struct datagram *socket) {
  if (!socket || socket->flags & DATAGRAM_CLOSED)
    return;
  datagram__enter(socket);
  datagram__flush(socket);
  datagram__drop_queue(socket);
  socket->flags |= DATAGRAM_CLOSED;
  ioloop_remove_timeout(socket->loop, socket->timeout);
  ioloop__gate_detach(&socket->gate);
  ioloop_remove_handler(socket->loop, socket->fd);
  if (socket->completer)
    datagram__cancel_operations(socket);
  ioloop__remove_file(socket->file);
  close(socket->fd);
  datagram__leave(socket);
}
