/* SPDX-License-Identifier: MIT */
/*
 * datagram_send.c - the output side of a datagram socket.
 *
 * Replies to a batch are collected and leave together (sendmmsg). A reply to a single datagram, and
 * whatever is sent outside a batch, leaves at once and is not copied. When the kernel's queue is
 * full, up to 256 KiB wait in a queue of the socket; after that, datagrams are dropped and counted,
 * as UDP does.
 *
 * An ICMP message about an earlier datagram stays in the socket until the next call, of either
 * kind, takes it. A send that fails for this reason has sent nothing, so it is tried once more. If
 * it fails again, the error is this datagram's own, and the datagram is given up. (Between the
 * datagrams of one sendmmsg the kernel may take such a message without reporting it.)
 *
 * Writability can be misleading: an AF_UNIX socket is writable while the queue of the peer it wants
 * to send to is full (Linux, unconnected sockets). After two reports of writability without
 * progress, the socket is not watched for a while.
 */
#include <errno.h>
#include <string.h>

#include "datagram_internal.h"
#include "observe.h"
#include "platform.h"

enum {
  LARGEST = 65535,
  LARGEST_UDP6 = LARGEST - 8,       /* less UDP's header */
  LARGEST_UDP4 = LARGEST_UDP6 - 20, /* ... and IPv4's, which IPv6's length does not count */
  FUTILE_MAX = 2,
  MOST_TRIES = 4 /* of a call that signals interrupt */
};

/* ---- the queue: records of a header, both addresses and the data, each padded to 8 -------- */

struct record {
  uint32_t size;
  uint16_t peer_size; /* 0: none */
  bool truncated;
  bool has_local;
};

static size_t padded(size_t size) {
  return (size + 7) & ~(size_t)7;
}

static size_t local_size(bool has_local) {
  return has_local ? padded(sizeof(union ioloop__local)) : 0;
}

static size_t record_size(const struct record *record) {
  return sizeof *record + local_size(record->has_local) + padded(record->peer_size) +
         padded(record->size);
}

static struct record record_of(const struct ioloop__message *message) {
  return (struct record){.size = (uint32_t)message->size,
                         .peer_size = message->peer ? (uint16_t)message->peer_size : 0,
                         .truncated = message->truncated,
                         .has_local = message->local};
}

int ioloop__datagram_append(struct ioloop__fifo **queue, const struct ioloop__message *message) {
  struct record record = record_of(message);
  char *room = ioloop__fifo_extend(queue, record_size(&record));
  if (!room)
    return -ENOMEM;
  memcpy(room, &record, sizeof record);
  room += sizeof record;
  if (record.has_local)
    memcpy(room, message->local, sizeof *message->local);
  room += local_size(record.has_local);
  if (record.peer_size)
    memcpy(room, message->peer, record.peer_size);
  if (record.size)
    memcpy(room + padded(record.peer_size), message->data, record.size);
  return 0;
}

int ioloop__datagram_front(struct ioloop__fifo *queue, struct ioloop__message *messages, int max,
                           size_t *size) {
  char *begin = queue ? ioloop__fifo_data(queue) : NULL, *at = begin;
  char *end = begin + ioloop__fifo_size(queue);
  int count = 0;
  while (at < end && count < max) {
    struct record record;
    memcpy(&record, at, sizeof record);
    char *local = at + sizeof record, *peer = local + local_size(record.has_local);
    messages[count++] = (struct ioloop__message){
        .data = peer + padded(record.peer_size),
        .size = record.size,
        .peer = record.peer_size ? (struct sockaddr_storage *)(void *)peer : NULL,
        .peer_size = record.peer_size,
        .local = record.has_local ? (union ioloop__local *)(void *)local : NULL,
        .truncated = record.truncated,
    };
    at += record_size(&record);
  }
  *size = (size_t)(at - begin);
  return count;
}

/* ---- to the kernel ------------------------------------------------------------------------ */

static int send_messages(struct ioloop_datagram *it, const struct ioloop__message *messages,
                         int count) {
  const char *name;
  uint64_t begun = ioloop__call_begins(it->loop);
  int n = ioloop__send_messages(it->fd, messages, count, &name);
  ptrdiff_t result = count == 1 && n == 1 ? (ptrdiff_t)messages[0].size : n;
  ioloop__call_ended(it->loop, name, it->fd, result, begun);
  return n;
}

/* One that is interrupted again and again is made later, as if the kernel were full. */
static int send_uninterrupted(struct ioloop_datagram *it, const struct ioloop__message *messages,
                              int count) {
  int n = -EINTR;
  for (int i = 0; n == -EINTR && i < MOST_TRIES; i++)
    n = send_messages(it, messages, count);
  return n == -EINTR ? -EAGAIN : n;
}

static void count_sent(struct ioloop_datagram *it, const struct ioloop__message *messages,
                       int count) {
  it->metrics.sent += (uint64_t)count;
  for (int i = 0; i < count; i++)
    it->metrics.sent_bytes += messages[i].size;
}

/* Returns how many of the messages are dealt with, sent or given up; 0: the kernel is full. */
static int transmit(struct ioloop_datagram *it, const struct ioloop__message *messages, int count) {
  int n = send_uninterrupted(it, messages, count);
  if (n < 0 && n != -EAGAIN) {
    int first = n;
    n = send_uninterrupted(it, messages, count);
    if (n != first)
      ioloop__datagram_note_failure(it, first);
  }
  if (n > 0) {
    count_sent(it, messages, n);
    return n;
  }
  if (n == -EAGAIN)
    return 0;
  it->metrics.send_dropped++;
  ioloop__datagram_note_failure(it, n);
  return 1;
}

/* false: nothing could be done. */
static bool flush_queue(struct ioloop_datagram *it) {
  bool moved = false;
  while (ioloop__fifo_size(it->queue)) {
    struct ioloop__message messages[DATAGRAM_BATCH];
    size_t size;
    int done =
        transmit(it, messages, ioloop__datagram_front(it->queue, messages, DATAGRAM_BATCH, &size));
    if (!done)
      break;
    moved = true;
    ioloop__datagram_front(it->queue, messages, done, &size);
    ioloop__fifo_consume(it->queue, size);
  }
  return moved;
}

void ioloop__datagram_flush(struct ioloop_datagram *it) {
  if (ioloop__fifo_size(it->queue) && !ioloop__inherited(it->loop))
    flush_queue(it);
  ioloop__datagram_update_interest(it);
}

void ioloop__datagram_ready_to_write(struct ioloop_datagram *it) {
  it->futile = flush_queue(it) || !ioloop__fifo_size(it->queue) ? 0 : it->futile + 1;
  if (it->futile < FUTILE_MAX) {
    ioloop__datagram_update_interest(it);
    return;
  }
  it->futile = 0;
  (void)ioloop__datagram_rest(it, DATAGRAM_REST_WRITE);
}

void ioloop__datagram_drop_queue(struct ioloop_datagram *it) {
  struct ioloop__message messages[DATAGRAM_BATCH];
  while (ioloop__fifo_size(it->queue)) {
    size_t size;
    int count = ioloop__datagram_front(it->queue, messages, DATAGRAM_BATCH, &size);
    ioloop__fifo_consume(it->queue, size);
    it->metrics.send_dropped += (uint64_t)count;
  }
}

/* ---- from the program --------------------------------------------------------------------- */

static bool fits(const struct ioloop_datagram *it, const struct ioloop__message *message) {
  struct record record = record_of(message);
  return ioloop__fifo_size(it->queue) + record_size(&record) <= DATAGRAM_QUEUE_MAX;
}

static int enqueue(struct ioloop_datagram *it, const struct ioloop__message *message) {
  if (!fits(it, message) && it->flags & DATAGRAM_COLLECTING)
    ioloop__datagram_flush(it); /* a batch may bring 4 MiB */
  int r = fits(it, message) ? ioloop__datagram_append(&it->queue, message) : -ENOBUFS;
  if (r)
    it->metrics.send_dropped++;
  else if (!(it->flags & DATAGRAM_COLLECTING))
    ioloop__datagram_update_interest(it);
  return r;
}

/* An IPv6 socket that sends to a mapped address has less room; the kernel checks that. */
static size_t largest(sa_family_t family) {
  if (family != AF_INET && family != AF_INET6)
    return LARGEST;
  return family == AF_INET ? LARGEST_UDP4 : LARGEST_UDP6;
}

static int send_message(struct ioloop_datagram *it, const struct ioloop__message *message) {
  bool waits = ioloop__fifo_size(it->queue) || it->flags & DATAGRAM_COLLECTING;
  if (it->completer && !waits && !(it->flags & DATAGRAM_DRAINING))
    return ioloop__datagram_start_send(it, message);
  if (!waits && transmit(it, message, 1) == 1)
    return 0;
  return enqueue(it, message);
}

/* `local` NULL: the kernel chooses. */
static int send_from(struct ioloop_datagram *it, const void *data, size_t size,
                     const struct sockaddr *peer, socklen_t peer_size, union ioloop__local *local) {
  if (peer_size > sizeof(struct sockaddr_storage))
    return -EINVAL;
  if (size > largest(it->family))
    return -EMSGSIZE;
  if (ioloop__inherited(it->loop))
    return -ECHILD;
  if (it->flags & DATAGRAM_CLOSED)
    return -EPIPE;
  struct ioloop__message message = {
      .data = (void *)(uintptr_t)data, /* the kernel only reads it */
      .size = size,
      .peer = peer_size ? (struct sockaddr_storage *)(uintptr_t)peer : NULL,
      .peer_size = peer_size,
      .local = local,
  };
  return send_message(it, &message);
}

int ioloop_datagram_local_address(const struct ioloop_datagram *socket,
                                  struct sockaddr_storage *ret, socklen_t *ret_size) {
  const struct ioloop__message *message = socket->delivering;
  struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
  socklen_t size = sizeof address;
  if (!message || socket->flags & DATAGRAM_CLOSED)
    return -ENOENT;
  if (getsockname(socket->fd, (struct sockaddr *)&address, &size) < 0)
    return -errno;
  if (socket->flags & DATAGRAM_ANY) {
    union ioloop__local bound, local = *message->local;
    memcpy(&bound, &address, sizeof bound);
    if (local.any.sa_family != bound.any.sa_family)
      return -ENOENT;
    if (local.any.sa_family == AF_INET)
      local.v4.sin_port = bound.v4.sin_port;
    else
      local.v6.sin6_port = bound.v6.sin6_port;
    memcpy(&address, &local, sizeof local);
  }
  *ret = address;
  *ret_size = size;
  return 0;
}

/* Where the datagram that is being delivered was sent to, if this is an answer to it. */
static union ioloop__local *source_of_answer(const struct ioloop_datagram *it,
                                             const struct sockaddr *peer, socklen_t peer_size) {
  const struct ioloop__message *asked = it->delivering;
  if (!asked || !asked->local || asked->local->any.sa_family == AF_UNSPEC)
    return NULL;
  bool answer = asked->peer_size == peer_size && memcmp(asked->peer, peer, peer_size) == 0;
  return answer ? asked->local : NULL;
}

int ioloop_datagram_send(struct ioloop_datagram *socket, const void *data, size_t size,
                         const struct sockaddr *peer, socklen_t peer_size) {
  union ioloop__local *local = source_of_answer(socket, peer, peer_size);
  return send_from(socket, data, size, peer, peer_size, local);
}

int ioloop_datagram_send_from(struct ioloop_datagram *socket, const void *data, size_t size,
                              const struct sockaddr *peer, socklen_t peer_size,
                              const struct sockaddr *local, socklen_t local_size) {
  union ioloop__local copy;
  bool v4 = local->sa_family == AF_INET && local_size == sizeof copy.v4;
  bool v6 = local->sa_family == AF_INET6 && local_size == sizeof copy.v6;
  if (!v4 && !v6)
    return -EINVAL;
  memcpy(&copy, local, local_size);
  return send_from(socket, data, size, peer, peer_size, &copy);
}
