/* SPDX-License-Identifier: MIT */
/*
 * datagram.c - the lifetime of a datagram socket, and its input side.
 *
 * One system call per wake-up, never more: what is left is reported again, and a flood cannot
 * starve TCP or the timers. The number of datagrams that the call may return adapts. It begins at
 * one, so that request and reply cost one plain receive and one plain send. It doubles, up to 64,
 * whenever the call returns as many as were asked for.
 *
 * Each datagram gets room for the largest possible one, in the buffer that everything on the loop
 * shares. That is 4 MiB of addresses, not of memory: a page that no datagram reaches is never
 * touched. The slots are a little more than 64 KiB apart, because slots a power of two apart would
 * compete for the same few cache lines.
 *
 * Once received, a datagram is delivered: closing a gate from a callback stops the next batch, not
 * the rest of this one. Errors are reported to the program when none of its callbacks is under way.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend.h"
#include "datagram_internal.h"
#include "observe.h"
#include "platform.h"
#include "scratch.h"
#include "socket_file.h"

enum {
  SLOT_SIZE = 64 * 1024, /* no UDP datagram has more than 65,527 bytes */
  SLOT_STRIDE = SLOT_SIZE + 512,
  DRAIN_BATCH = 16,
  PROBE_EVERY = 8,   /* wake-ups that brought the one asked for, before two are asked for */
  PATIENCE = 16,     /* wake-ups that brought less than was asked for, before half is asked for */
  MOST_FAILURES = 8, /* of receives in a row, before they come at intervals */
  LOOK_EVERY = 32,   /* wake-ups that brought nothing, into the error queue: not all models tell */
  REST_MS = 10
};

/* ---- interest and deferred work ----------------------------------------------------------- */

static void on_timeout(struct ioloop *loop, void *arg);

/* Call on_timeout after `delay_ns`, or earlier if it is to be called anyway. */
static int wake_later(struct datagram *it, uint64_t delay_ns) {
  if (it->timeout)
    return 0;
  return delay_ns ? ioloop_call_later(it->loop, delay_ns, on_timeout, it, &it->timeout)
                  : ioloop_call_at(it->loop, 0, on_timeout, it, &it->timeout);
}

void datagram__wake(struct datagram *it) {
  (void)wake_later(it, 0);
}

void datagram__update_interest(struct datagram *it) {
  unsigned mask = 0;
  if (ioloop__inherited(it->loop))
    return;
  if (!(it->flags & (DATAGRAM_HELD | DATAGRAM_REST_READ)))
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
    (void)wake_later(it, REST_MS * UINT64_C(1000000)); /* no memory: try again then */
}

bool datagram__rest(struct datagram *it, unsigned flag) {
  if (wake_later(it, REST_MS * UINT64_C(1000000)) < 0) {
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

static void tell_error(struct datagram *it) {
  int error = it->error;
  it->error = 0;
  if (it->on_error)
    it->on_error(it, error, it->arg);
  /* A program that answers each error by a send that fails must not keep us here. */
  if (it->error && !(it->flags & DATAGRAM_CLOSED))
    (void)wake_later(it, 0);
}

/* After the outermost call, do what could not be done inside. */
void datagram__enter(struct datagram *it) {
  it->depth++;
}

void datagram__leave(struct datagram *it) {
  if (it->depth == 1 && it->error && !(it->flags & DATAGRAM_CLOSED))
    tell_error(it);
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
  if (it->kept && !ioloop__gate_stops(&it->gate))
    datagram__deliver_kept(it, SIZE_MAX);
  if (!(it->flags & DATAGRAM_CLOSED))
    datagram__flush(it);
  datagram__leave(it);
}

/* ---- receiving ---------------------------------------------------------------------------- */

void datagram__deliver(struct datagram *it, const struct ioloop__message *message) {
  if (message->truncated) {
    it->metrics.truncated++;
    return;
  }
  it->metrics.received++;
  it->metrics.received_bytes += message->size;
  const struct sockaddr *peer = message->peer_size ? (const struct sockaddr *)message->peer : NULL;
  const struct ioloop__message *outer = it->delivering; /* of a callback that drains */
  it->delivering = message;
  it->on_datagram(it, message->data, message->size, peer, message->peer_size, it->arg);
  it->delivering = outer;
}

/* Replies are collected until the last datagram's turn: its reply leaves at once if nothing is
 * before it, else with the rest. */
static void deliver_all(struct datagram *it, const struct ioloop__message *messages, int count) {
  uint8_t outer = it->flags & DATAGRAM_COLLECTING;
  for (int i = 0; i < count && !(it->flags & DATAGRAM_CLOSED) && !ioloop__inherited(it->loop);
       i++) {
    if (i + 1 < count)
      it->flags |= DATAGRAM_COLLECTING;
    else if (!outer)
      it->flags &= (uint8_t)~DATAGRAM_COLLECTING;
    datagram__deliver(it, &messages[i]);
  }
}

/* Of one datagram the size is reported, as the call returns it; of several their count. */
static int receive_messages(struct datagram *it, struct ioloop__message *messages, int count) {
  uint64_t begun = ioloop__call_begins(it->loop);
  int n = ioloop__receive_messages(it->fd, messages, count);
  if (begun)
    ioloop__note_call(it->loop, ioloop__receive_name(messages, count), it->fd,
                      count == 1 && n == 1 ? (ptrdiff_t)messages[0].size : n, begun);
  return n;
}

static bool would_block(int error) {
  return error == -EAGAIN || error == -EWOULDBLOCK || error == -EINTR;
}

/* Receive at most `count` with one call and deliver them. Returns how many, or -errno. */
static int receive(struct datagram *it, char *buffer, int count) {
  struct ioloop__message messages[DATAGRAM_BATCH];
  struct sockaddr_storage peers[DATAGRAM_BATCH];
  union ioloop__local locals[DATAGRAM_BATCH];
  for (int i = 0; i < count; i++)
    messages[i] = (struct ioloop__message){.data = buffer + (size_t)i * SLOT_STRIDE,
                                           .size = SLOT_SIZE,
                                           .peer = &peers[i],
                                           .local = it->flags & DATAGRAM_ANY ? &locals[i] : NULL};
  int n = receive_messages(it, messages, count);
  if (n > 0) {
    it->failures = 0;
    deliver_all(it, messages, n);
  }
  return n;
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

/* An error of the network's is over once it is reported; one that lasts, whichever it is, would
 * come in every turn. */
void datagram__receive_failed(struct datagram *it, int error) {
  if (would_block(error))
    return;
  if (it->failures < MOST_FAILURES)
    it->failures++;
  if (error == -ENOMEM || error == -ENOBUFS || it->failures == MOST_FAILURES)
    (void)datagram__rest(it, DATAGRAM_REST_READ);
  datagram__note_failure(it, error);
}

/* Find out whether the error queue woke the socket, or whether it stays ready with nothing to
 * receive. A socket whose input was shut down (shutdown(2), of UDP and AF_UNIX) stays ready
 * forever; it is then not watched for a while. */
static void woken_in_vain(struct datagram *it, char *buffer) {
  short found = ++it->vain % LOOK_EVERY ? 0 : ioloop__poll_now(it->fd, POLLIN);
  if (!found || (found & POLLERR && datagram__report_queued_errors(it)))
    return;
  int n = receive(it, buffer, 1); /* it may have come just now */
  if (it->flags & DATAGRAM_CLOSED)
    return;
  if (n < 0 && would_block(n)) {
    it->vain = LOOK_EVERY - 1;
    (void)datagram__rest(it, DATAGRAM_REST_READ);
  } else if (n < 0) {
    datagram__receive_failed(it, n);
  } else if (ioloop__fifo_size(it->queue)) {
    datagram__flush(it);
  }
}

static void set_batch(struct datagram *it, int batch) {
  it->batch = (uint8_t)(batch < DATAGRAM_BATCH ? batch : DATAGRAM_BATCH);
  it->streak = 0;
}

/* Up at once, down with patience: between two bursts come wake-ups for a single datagram, and one
 * that asked for no more than that would leave the burst behind it to another wake-up. */
static void adapt_batch(struct datagram *it, int got) {
  if (got >= it->batch) {
    if (it->batch > 1 || ++it->streak == PROBE_EVERY)
      set_batch(it, it->batch * 2);
  } else if (it->batch > 1 && (it->batch == 2 || ++it->streak == PATIENCE)) {
    set_batch(it, it->batch / 2);
  }
}

bool datagram__held_by_gate(struct datagram *it) {
  if (!ioloop__gate_stops(&it->gate))
    return false;
  if (!(it->flags & DATAGRAM_HELD)) {
    it->flags |= DATAGRAM_HELD;
    ioloop__gate_hold(&it->gate);
  }
  datagram__update_interest(it);
  return true;
}

static void ready_to_read(struct datagram *it) {
  if (datagram__held_by_gate(it))
    return;
  char *buffer = ioloop__scratch(it->loop, (size_t)it->batch * SLOT_STRIDE);
  int n = buffer ? receive(it, buffer, it->batch) : -ENOMEM;
  if (it->flags & DATAGRAM_CLOSED)
    return;
  if (n < 0 && would_block(n))
    woken_in_vain(it, buffer);
  else if (n < 0)
    datagram__receive_failed(it, n);
  else if (ioloop__fifo_size(it->queue))
    datagram__flush(it);
  adapt_batch(it, n);
}

static void on_ready(struct ioloop *loop, int fd, unsigned events, void *arg) {
  struct datagram *it = arg;
  (void)loop, (void)fd;
  datagram__enter(it);
  if (events & IOLOOP_ERROR)
    datagram__report_queued_errors(it);
  if (events & IOLOOP_WRITE)
    datagram__ready_to_write(it);
  if (events & it->mask & IOLOOP_READ)
    ready_to_read(it);
  datagram__leave(it);
}

/* With a buffer of its own: it may be called from a callback whose data is in the shared one. */
size_t datagram_drain(struct datagram *socket, size_t max) {
  if (ioloop__inherited(socket->loop))
    return 0;
  char *buffer = malloc((size_t)DRAIN_BATCH * SLOT_STRIDE);
  if (!buffer)
    return 0;
  datagram__enter(socket);
  size_t delivered = 0;
  int failures = 0; /* bounded: an error that stays would keep us here */
  socket->flags |= DATAGRAM_DRAINING;
  if (socket->completer) {
    datagram__pause_receiving(socket);
    delivered = datagram__deliver_kept(socket, max);
  }
  while (delivered < max && failures < DATAGRAM_BATCH && !(socket->flags & DATAGRAM_CLOSED)) {
    int count = max - delivered < DRAIN_BATCH ? (int)(max - delivered) : DRAIN_BATCH;
    int n = receive(socket, buffer, count);
    if (n > 0)
      delivered += (size_t)n;
    else if (n == -EAGAIN || n == -EWOULDBLOCK || n == -ENOMEM || n == -ENOBUFS)
      break;
    else if (failures++, n != -EINTR)
      datagram__note_error(socket, n);
  }
  socket->flags &= (uint8_t)~DATAGRAM_DRAINING;
  if (!(socket->flags & DATAGRAM_CLOSED))
    datagram__flush(socket);
  datagram__leave(socket);
  free(buffer);
  return delivered;
}

/* ---- life --------------------------------------------------------------------------------- */

static void gate_opened(struct ioloop__gate_member *member) {
  struct datagram *it = IOLOOP__LIST_ENTRY(member, struct datagram, gate);
  if (!(it->flags & DATAGRAM_HELD))
    return;
  it->flags &= (uint8_t)~DATAGRAM_HELD;
  if (it->kept)
    datagram__wake(it);
  datagram__update_interest(it);
}

static sa_family_t family_of(int fd) {
  struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
  socklen_t size = sizeof address;
  (void)getsockname(fd, (struct sockaddr *)&address, &size);
  return address.ss_family;
}

static int set_blocking(struct datagram *it, bool ours) {
  if (!it->completer)
    return ioloop__adopt(it->fd);
  return ours ? ioloop__set_blocking(it->fd, true) : ioloop__adopt_blocking(it->fd);
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
  int r = set_blocking(it, ours);
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
  ioloop__gate_attach(&socket->gate, gate, gate_opened);
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
  if (socket->timeout)
    ioloop_remove_timeout(socket->loop, socket->timeout);
  ioloop__gate_detach(&socket->gate);
  ioloop_remove_handler(socket->loop, socket->fd);
  if (socket->completer)
    datagram__cancel_operations(socket);
  ioloop__remove_file(socket->file);
  close(socket->fd);
  datagram__leave(socket);
}
