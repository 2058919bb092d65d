/* SPDX-License-Identifier: MIT */
/*
 * datagram_send.c - the output side of a datagram socket.
 *
 * Replies to a batch are collected and leave together (sendmmsg). A reply to a single datagram,
 * and whatever is sent outside a batch, leaves at once and uncopied. When the kernel's queue is
 * full 256 KiB of ours may wait for it; what comes then is dropped and counted, as UDP does.
 *
 * An ICMP message about an earlier datagram sits in the socket until the next call of either kind
 * takes it. A send that fails for it has sent nothing, so it is tried once more; failing again, it
 * is this datagram's own fault, and it is given up. (Between the datagrams of one sendmmsg the
 * kernel may take such a message without telling.)
 *
 * Writability is not always what it seems: an AF_UNIX socket is writable while the queue of the
 * peer it wants to send to is full (Linux, unconnected sockets). When being told so twice brought
 * nothing, time must do.
 */
#include <errno.h>
#include <string.h>

#include "datagram_internal.h"
#include "observe.h"
#include "platform.h"

enum {
  LARGEST = 65507, /* 65,535 less the headers of IPv4 and UDP */
  FUTILE_MAX = 2
};

/* ---- the queue: records of a header, the peer's address and the data, each padded to 8 ---- */

struct record {
  uint32_t size;
  uint16_t peer_size; /* 0: none */
  bool truncated;
};

static size_t padded(size_t size) {
  return (size + 7) & ~(size_t)7;
}

static size_t record_size(size_t size, size_t peer_size) {
  return sizeof(struct record) + padded(peer_size) + padded(size);
}

int datagram__append(struct ioloop__fifo **queue, const struct ioloop__message *message) {
  struct record record = {.size = (uint32_t)message->size,
                          .peer_size = message->peer ? (uint16_t)message->peer_size : 0,
                          .truncated = message->truncated};
  char *room = ioloop__fifo_extend(queue, record_size(record.size, record.peer_size));
  if (!room)
    return -ENOMEM;
  memcpy(room, &record, sizeof record);
  room += sizeof record;
  if (record.peer_size)
    memcpy(room, message->peer, record.peer_size);
  if (record.size)
    memcpy(room + padded(record.peer_size), message->data, record.size);
  return 0;
}

int datagram__front(struct ioloop__fifo *queue, struct ioloop__message *messages, int max,
                    size_t *size) {
  char *begin = queue ? ioloop__fifo_data(queue) : NULL, *at = begin;
  char *end = begin + ioloop__fifo_size(queue);
  int count = 0;
  while (at < end && count < max) {
    struct record record;
    memcpy(&record, at, sizeof record);
    char *peer = at + sizeof record;
    messages[count++] = (struct ioloop__message){
        .data = peer + padded(record.peer_size),
        .size = record.size,
        .peer = record.peer_size ? (struct sockaddr_storage *)(void *)peer : NULL,
        .peer_size = record.peer_size,
        .truncated = record.truncated,
    };
    at += record_size(record.size, record.peer_size);
  }
  *size = (size_t)(at - begin);
  return count;
}

/* ---- to the kernel ------------------------------------------------------------------------ */

__attribute__((cold, noinline)) static int
send_observed(struct datagram *it, const struct ioloop__message *messages, int count) {
  uint64_t begun = ioloop__call_clock();
  int n = ioloop__send_messages(it->fd, messages, count);
  ioloop__note_call(it->loop, ioloop__send_name(count), it->fd,
                    count == 1 && n == 1 ? (ptrdiff_t)messages[0].size : n, begun);
  return n;
}

static int send_uninterrupted(struct datagram *it, const struct ioloop__message *messages,
                              int count) {
  int n;
  do
    n = it->flags & DATAGRAM_OBSERVED ? send_observed(it, messages, count)
                                      : ioloop__send_messages(it->fd, messages, count);
  while (n == -EINTR);
  return n;
}

static void count_sent(struct datagram *it, const struct ioloop__message *messages, int count) {
  it->metrics.sent += (uint64_t)count;
  for (int i = 0; i < count; i++)
    it->metrics.sent_bytes += messages[i].size;
}

/* Returns how many of the messages are dealt with, sent or given up; 0: the kernel is full. */
static int transmit(struct datagram *it, const struct ioloop__message *messages, int count) {
  int n = send_uninterrupted(it, messages, count);
  if (n < 0 && n != -EAGAIN) {
    int first = n;
    n = send_uninterrupted(it, messages, count);
    if (n > 0)
      datagram__note_error(it, first);
  }
  if (n > 0) {
    count_sent(it, messages, n);
    return n;
  }
  if (n == -EAGAIN)
    return 0;
  it->metrics.send_dropped++;
  if (n != -ENOBUFS && n != -ENOMEM)
    datagram__note_error(it, n);
  return 1;
}

/* false: nothing could be done. */
static bool flush_queue(struct datagram *it) {
  bool moved = false;
  while (ioloop__fifo_size(it->queue)) {
    struct ioloop__message messages[DATAGRAM_BATCH];
    size_t size;
    int done = transmit(it, messages, datagram__front(it->queue, messages, DATAGRAM_BATCH, &size));
    if (!done)
      break;
    moved = true;
    datagram__front(it->queue, messages, done, &size);
    ioloop__fifo_consume(it->queue, size);
  }
  return moved;
}

void datagram__flush(struct datagram *it) {
  if (ioloop__fifo_size(it->queue))
    flush_queue(it);
  datagram__update_interest(it);
}

void datagram__ready_to_write(struct datagram *it) {
  it->futile = flush_queue(it) || !ioloop__fifo_size(it->queue) ? 0 : it->futile + 1;
  if (it->futile < FUTILE_MAX) {
    datagram__update_interest(it);
    return;
  }
  it->futile = 0;
  datagram__rest(it, DATAGRAM_REST_WRITE);
}

void datagram__drop_queue(struct datagram *it) {
  struct ioloop__message messages[DATAGRAM_BATCH];
  while (ioloop__fifo_size(it->queue)) {
    size_t size;
    int count = datagram__front(it->queue, messages, DATAGRAM_BATCH, &size);
    ioloop__fifo_consume(it->queue, size);
    it->metrics.send_dropped += (uint64_t)count;
  }
}

/* ---- from the program --------------------------------------------------------------------- */

static bool fits(const struct datagram *it, const struct ioloop__message *message) {
  size_t peer_size = message->peer ? message->peer_size : 0;
  return ioloop__fifo_size(it->queue) + record_size(message->size, peer_size) <= DATAGRAM_QUEUE_MAX;
}

static int enqueue(struct datagram *it, const struct ioloop__message *message) {
  if (!fits(it, message) && it->flags & DATAGRAM_COLLECTING)
    datagram__flush(it); /* a batch may bring 4 MiB */
  int r = fits(it, message) ? datagram__append(&it->queue, message) : -ENOBUFS;
  if (r)
    it->metrics.send_dropped++;
  else if (!(it->flags & DATAGRAM_COLLECTING))
    datagram__update_interest(it);
  return r;
}

int datagram_send(struct datagram *socket, const void *data, size_t size,
                  const struct sockaddr *peer, socklen_t peer_size) {
  if (size > LARGEST)
    return -EMSGSIZE;
  if (peer_size > sizeof(struct sockaddr_storage))
    return -EINVAL;
  if (socket->flags & DATAGRAM_CLOSED)
    return -EPIPE;
  struct ioloop__message message = {
      .data = (void *)(uintptr_t)data, /* the kernel only reads it */
      .size = size,
      .peer = peer_size ? (struct sockaddr_storage *)(uintptr_t)peer : NULL,
      .peer_size = peer_size,
  };
  bool waits = ioloop__fifo_size(socket->queue) || socket->flags & DATAGRAM_COLLECTING;
  if (socket->completer && !waits && !(socket->flags & DATAGRAM_DRAINING))
    return datagram__start_send(socket, &message);
  if (!waits && transmit(socket, &message, 1) == 1)
    return 0;
  return enqueue(socket, &message);
}
