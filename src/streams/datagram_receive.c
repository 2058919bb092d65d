/* SPDX-License-Identifier: MIT */
/*
 * datagram_receive.c - the input side of a datagram socket.
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
 * the rest of this one.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "datagram_internal.h"
#include "observe.h"

enum {
  SLOT_SIZE = 64 * 1024, /* no UDP datagram has more than 65,527 bytes */
  SLOT_STRIDE = SLOT_SIZE + 512,
  DRAIN_BATCH = 16,
  PROBE_EVERY = 8,   /* wake-ups that brought the one asked for, before two are asked for */
  PATIENCE = 16,     /* wake-ups that brought less than was asked for, before half is asked for */
  MOST_FAILURES = 8, /* of receives in a row, before they come at intervals */
  LOOK_EVERY = 32    /* wake-ups without data, before the error queue is checked */
};

void ioloop__datagram_deliver(struct ioloop_datagram *it, const struct ioloop__message *message) {
  if (message->truncated) {
    it->metrics.truncated++;
    return;
  }
  it->metrics.received++;
  it->metrics.received_bytes += message->size;
  const struct sockaddr *peer = message->peer_size ? (const struct sockaddr *)message->peer : NULL;
  const struct ioloop__message *outer = it->delivering; /* of a callback that drains */
  it->delivering = message;
  if (it->on_datagram)
    it->on_datagram(it, message->data, message->size, peer, message->peer_size, it->arg);
  it->delivering = outer;
}

/* Replies are collected until the last datagram's turn: its reply leaves at once if nothing is
 * before it, else with the rest. */
static void deliver_all(struct ioloop_datagram *it, const struct ioloop__message *messages,
                        int count) {
  uint8_t outer = it->flags & DATAGRAM_COLLECTING;
  for (int i = 0; i < count && !(it->flags & DATAGRAM_CLOSED) && !ioloop__inherited(it->loop);
       i++) {
    if (i + 1 < count)
      it->flags |= DATAGRAM_COLLECTING;
    else if (!outer)
      it->flags &= (uint8_t)~DATAGRAM_COLLECTING;
    ioloop__datagram_deliver(it, &messages[i]);
  }
}

/* Of one datagram the size is reported, as the call returns it; of several their count. */
static int receive_messages(struct ioloop_datagram *it, struct ioloop__message *messages,
                            int count) {
  const char *name;
  uint64_t begun = ioloop__call_begins(it->loop);
  int n = ioloop__receive_messages(it->fd, messages, count, &name);
  ptrdiff_t result = count == 1 && n == 1 ? (ptrdiff_t)messages[0].size : n;
  ioloop__call_ended(it->loop, name, it->fd, result, begun);
  return n;
}

/* Receive at most `count` with one call and deliver them. Returns how many, or -errno. */
static int receive(struct ioloop_datagram *it, char *buffer, int count) {
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

/* An error of the network's is over once it is reported; one that lasts, whichever it is, would
 * come in every turn. */
void ioloop__datagram_receive_failed(struct ioloop_datagram *it, int error) {
  if (ioloop__would_block(error))
    return;
  if (it->failures < MOST_FAILURES)
    it->failures++;
  if (error == -ENOMEM || error == -ENOBUFS || it->failures == MOST_FAILURES)
    (void)ioloop__datagram_rest(it, DATAGRAM_REST_READ);
  ioloop__datagram_note_failure(it, error);
}

/* Find out whether the error queue woke the socket, or whether it stays ready with nothing to
 * receive. A socket whose input was shut down (shutdown(2), of UDP and AF_UNIX) stays ready
 * forever; it is then not watched for a while. */
static void woken_in_vain(struct ioloop_datagram *it, char *buffer) {
  short found = ++it->vain % LOOK_EVERY ? 0 : ioloop__poll_now(it->fd, POLLIN);
  if (!found || (found & POLLERR && ioloop__datagram_report_queued_errors(it)))
    return;
  int n = receive(it, buffer, 1); /* it may have come just now */
  if (it->flags & DATAGRAM_CLOSED)
    return;
  if (n < 0 && ioloop__would_block(n)) {
    it->vain = LOOK_EVERY - 1;
    (void)ioloop__datagram_rest(it, DATAGRAM_REST_READ);
  } else if (n < 0) {
    ioloop__datagram_receive_failed(it, n);
  } else if (ioloop__fifo_size(it->queue)) {
    ioloop__datagram_flush(it);
  }
}

static void set_batch(struct ioloop_datagram *it, int batch) {
  it->batch = (uint8_t)(batch < DATAGRAM_BATCH ? batch : DATAGRAM_BATCH);
  it->streak = 0;
}

/* Up at once, down with patience: between two bursts come wake-ups for a single datagram, and one
 * that asked for no more than that would leave the burst behind it to another wake-up. */
static void adapt_batch(struct ioloop_datagram *it, int got) {
  if (got >= it->batch) {
    if (it->batch > 1 || ++it->streak == PROBE_EVERY)
      set_batch(it, it->batch * 2);
  } else if (it->batch > 1 && (it->batch == 2 || ++it->streak == PATIENCE)) {
    set_batch(it, it->batch / 2);
  }
}

static void gate_opened(struct ioloop__gate_member *member) {
  struct ioloop_datagram *it = IOLOOP__LIST_ENTRY(member, struct ioloop_datagram, gate);
  if (it->kept)
    ioloop__datagram_wake(it);
  ioloop__datagram_update_interest(it);
}

bool ioloop__datagram_held_by_gate(struct ioloop_datagram *it) {
  if (!ioloop__gate_hold(&it->gate, gate_opened))
    return false;
  ioloop__datagram_update_interest(it);
  return true;
}

void ioloop__datagram_ready_to_read(struct ioloop_datagram *it) {
  if (ioloop__datagram_held_by_gate(it))
    return;
  char *buffer = ioloop__scratch(it->loop, (size_t)it->batch * SLOT_STRIDE);
  int n = buffer ? receive(it, buffer, it->batch) : -ENOMEM;
  if (it->flags & DATAGRAM_CLOSED)
    return;
  if (n < 0 && ioloop__would_block(n))
    woken_in_vain(it, buffer);
  else if (n < 0)
    ioloop__datagram_receive_failed(it, n);
  else if (ioloop__fifo_size(it->queue))
    ioloop__datagram_flush(it);
  adapt_batch(it, n);
}

/* With a buffer of its own: it may be called from a callback whose data is in the shared one. */
size_t ioloop_datagram_drain(struct ioloop_datagram *socket, size_t max) {
  if (ioloop__inherited(socket->loop))
    return 0;
  char *buffer = malloc((size_t)DRAIN_BATCH * SLOT_STRIDE);
  if (!buffer)
    return 0;
  ioloop__datagram_enter(socket);
  size_t delivered = 0;
  int failures = 0; /* bounded: an error that stays would keep us here */
  socket->flags |= DATAGRAM_DRAINING;
  if (socket->completer) {
    ioloop__datagram_pause_receiving(socket);
    delivered = ioloop__datagram_deliver_kept(socket, max);
  }
  while (delivered < max && failures < DATAGRAM_BATCH && !(socket->flags & DATAGRAM_CLOSED)) {
    int count = max - delivered < DRAIN_BATCH ? (int)(max - delivered) : DRAIN_BATCH;
    int n = receive(socket, buffer, count);
    if (n > 0)
      delivered += (size_t)n;
    else if (n == -EAGAIN || n == -EWOULDBLOCK || n == -ENOMEM || n == -ENOBUFS)
      break;
    else if (failures++, n != -EINTR)
      ioloop__datagram_note_error(socket, n);
  }
  socket->flags &= (uint8_t)~DATAGRAM_DRAINING;
  if (!(socket->flags & DATAGRAM_CLOSED))
    ioloop__datagram_flush(socket);
  ioloop__datagram_leave(socket);
  free(buffer);
  return delivered;
}
