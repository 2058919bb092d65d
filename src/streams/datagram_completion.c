/* SPDX-License-Identifier: MIT */
/*
 * datagram_completion.c - a UDP socket whose loop's backend offers completion
 * (backends/completion.h): what it does in place of recvmmsg and sendmmsg.
 *
 * Receiving continues by itself, with one datagram per buffer of the kernel's ring. Once received,
 * a datagram is delivered, as ever: closing a gate stops receiving, and what came before that took
 * effect still arrives. A send is an operation of its own, with its message and a copy of its data
 * in a block that is used again; nothing is called for it, it leaves with the next wait. One for
 * which the kernel has no room waits for readiness, as it does without completion. An error of a
 * send may be an earlier datagram's, reported by the network, as datagram_send.c has it. But here
 * many are under way at once, and each of a batch may meet the error of the one before it, again
 * when it is sent once more: half of them each time. So it is sent up to eight times more.
 *
 * A socket that was made elsewhere and is non-blocking stays with readiness: O_NONBLOCK belongs to
 * all that share the file, and by some kernels it is a reason to fail instead of waiting. AF_UNIX
 * sockets do, too: they are writable while the queue of the peer they want to send to is full, and
 * a kernel that waits for writability would spin.
 */
#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "datagram_internal.h"
#include "platform.h"

enum {
  RECEIVING = 1 << 0,
  STOPPING = 1 << 1, /* asked to stop receiving, not stopped yet */
  PAUSED = 1 << 2    /* not to be received again */
};

enum {
  MOST_FAILURES = 8, /* of a send, before it is given up */
  SMALL = 1536,      /* data of a block that is kept: what an Ethernet frame holds */
  SPARES = 64
};

struct send {
  struct ioloop__list link; /* among those under way, or the spare ones */
  struct ioloop__op op;
  struct ioloop_datagram *socket;
  int error;    /* of the latest try that failed; 0: none has */
  int failures; /* tries that did */
  bool counted; /* as sent, which is taken back if it fails */
  size_t capacity;
  struct msghdr message;
  struct iovec vector;
  struct sockaddr_storage peer;
  alignas(struct cmsghdr) char control[IOLOOP__CONTROL_SIZE];
  char data[];
};

/* ---- receiving ---------------------------------------------------------------------------- */

/* Without memory for it, it is lost, as if the kernel had had no room. */
static void keep(struct ioloop_datagram *it, const struct ioloop__message *message) {
  if (ioloop__datagram_append(&it->kept, message) < 0)
    ioloop__datagram_note_error(it, -ENOMEM);
  else if (!ioloop__gate_holds(&it->gate) && !(it->operations & PAUSED))
    ioloop__datagram_wake(it);
}

static void receive_one(struct ioloop_datagram *it, const struct ioloop__message *message) {
  if (ioloop__datagram_held_by_gate(it) || it->operations & PAUSED || it->kept)
    keep(it, message);
  else
    ioloop__datagram_deliver(it, message);
}

/* Put what is left before what arrived in the meantime. */
static void put_back(struct ioloop_datagram *it, struct ioloop__fifo *left) {
  struct ioloop__fifo *later = it->kept;
  size_t size = ioloop__fifo_size(left);
  if (!size) {
    free(left);
    return;
  }
  it->kept = left;
  if (later && ioloop__fifo_append(&it->kept, ioloop__fifo_data(later), ioloop__fifo_size(later)))
    ioloop__datagram_note_error(it, -ENOMEM);
  free(later);
  if (!(it->flags & DATAGRAM_CLOSED) && !ioloop__gate_holds(&it->gate))
    ioloop__datagram_wake(it);
}

size_t ioloop__datagram_deliver_kept(struct ioloop_datagram *it, size_t max) {
  size_t count = 0;
  /* Taken out while the program is called, because it may drain again. */
  struct ioloop__fifo *kept = it->kept;
  it->kept = NULL;
  while (count < max && ioloop__fifo_size(kept) && !(it->flags & DATAGRAM_CLOSED) &&
         !ioloop__inherited(it->loop)) {
    struct ioloop__message message;
    size_t size;
    ioloop__datagram_front(kept, &message, 1, &size);
    ioloop__datagram_deliver(it, &message);
    ioloop__fifo_consume(kept, size);
    count++;
  }
  put_back(it, kept);
  return count;
}

static void on_received(struct ioloop *loop, struct ioloop__op *op, int result, void *data,
                        bool more) {
  struct ioloop_datagram *it = IOLOOP__LIST_ENTRY(op, struct ioloop_datagram, receiving);
  const struct ioloop__datagram *datagram = data;
  (void)loop;
  if (!more)
    it->operations &= (uint8_t) ~(RECEIVING | STOPPING);
  if (it->flags & DATAGRAM_CLOSED)
    return;
  ioloop__datagram_enter(it);
  if (datagram) {
    union ioloop__local local;
    it->failures = 0;
    if (it->flags & DATAGRAM_ANY)
      ioloop__read_local(datagram->control, datagram->control_size, &local);
    struct ioloop__message message = {
        .data = (char *)(uintptr_t)datagram->data,
        .size = datagram->size,
        .peer = (struct sockaddr_storage *)(uintptr_t)datagram->peer,
        .peer_size = datagram->peer_size,
        .local = it->flags & DATAGRAM_ANY ? &local : NULL,
        .truncated = datagram->truncated,
    };
    receive_one(it, &message);
  } else if (result == -EAGAIN) { /* it has become non-blocking */
    (void)ioloop__datagram_rest(it, DATAGRAM_REST_READ);
  } else if (result != -ECANCELED && result != -ENOBUFS) {
    ioloop__datagram_receive_failed(it, result);
  }
  if (!(it->flags & DATAGRAM_CLOSED) && !ioloop__datagram_held_by_gate(it) && !more)
    ioloop__datagram_update_interest(it);
  ioloop__datagram_leave(it);
}

static void begin_receiving(struct ioloop_datagram *it) {
  const struct ioloop__completer *completer = it->completer;
  int r;
  do
    r = completer->table->receive_datagrams(completer->state, &it->receiving, it->fd);
  while (r && !ioloop__datagram_rest(it, DATAGRAM_REST_READ)); /* no memory: in a moment */
  if (!r)
    it->operations |= RECEIVING;
}

void ioloop__datagram_update_receiving(struct ioloop_datagram *it, bool wanted) {
  const struct ioloop__completer *completer = it->completer;
  if (it->operations & PAUSED)
    return;
  if (wanted && !(it->operations & RECEIVING)) {
    begin_receiving(it);
  } else if (!wanted && (it->operations & (RECEIVING | STOPPING)) == RECEIVING) {
    it->operations |= STOPPING;
    completer->table->stop(completer->state, &it->receiving);
  }
}

/* ---- sending ------------------------------------------------------------------------------ */

static struct send *new_send(struct ioloop_datagram *it, size_t size) {
  struct send *send;
  if (size <= SMALL && it->spare_count) {
    send = IOLOOP__LIST_ENTRY(it->spares.next, struct send, link);
    ioloop__list_remove(&send->link);
    it->spare_count--;
    return send;
  }
  size_t capacity = size > SMALL ? size : SMALL;
  send = malloc(sizeof *send + capacity);
  if (send)
    send->capacity = capacity;
  return send;
}

static void recycle(struct ioloop_datagram *it, struct send *send) {
  it->sending -= send->vector.iov_len;
  ioloop__list_remove(&send->link);
  if (send->capacity > SMALL || it->spare_count == SPARES || it->flags & DATAGRAM_CLOSED) {
    free(send);
    return;
  }
  ioloop__list_insert(&it->spares, &send->link);
  it->spare_count++;
}

static void count_sent(struct ioloop_datagram *it, struct send *send, bool sent) {
  if (send->counted == sent)
    return;
  send->counted = sent;
  it->metrics.sent += sent ? 1 : UINT64_MAX;
  it->metrics.sent_bytes += sent ? send->vector.iov_len : -(uint64_t)send->vector.iov_len;
}

/* A quiet send reports completion late, but once started it can be counted as sent. */
static int start(struct ioloop_datagram *it, struct send *send) {
  const struct ioloop__completer *completer = it->completer;
  int r = completer->table->send_datagram(completer->state, &send->op, it->fd, &send->message);
  count_sent(it, send, !r);
  if (!completer->running)
    completer->table->submit(completer->state);
  return r;
}

static void give_up(struct ioloop_datagram *it, struct send *send, int error) {
  it->metrics.send_dropped++;
  ioloop__datagram_note_failure(it, error);
  recycle(it, send);
}

/* The kernel is full: it goes to those that wait for readiness. */
static int wait_for_room(struct ioloop_datagram *it, struct send *send) {
  union ioloop__local local;
  ioloop__read_local(send->message.msg_control, send->message.msg_controllen, &local);
  struct ioloop__message message = {.data = send->data,
                                    .size = send->vector.iov_len,
                                    .peer = send->message.msg_name,
                                    .peer_size = send->message.msg_namelen,
                                    .local = local.any.sa_family == AF_UNSPEC ? NULL : &local};
  int r = ioloop__datagram_append(&it->queue, &message);
  if (r)
    return r;
  recycle(it, send);
  ioloop__datagram_update_interest(it);
  return 0;
}

/* true: it has not been sent and is tried again. */
static bool try_again(struct ioloop_datagram *it, struct send *send, int error) {
  if (it->flags & DATAGRAM_CLOSED)
    return false;
  if (error == -EAGAIN || error == -EINTR)
    return wait_for_room(it, send) == 0;
  if (error == -EINVAL || send->failures == MOST_FAILURES) /* the network reports no EINVAL */
    return false;
  send->failures++;
  send->error = error;
  return start(it, send) == 0;
}

static void on_sent(struct ioloop *loop, struct ioloop__op *op, int result, void *data, bool more) {
  struct send *send = IOLOOP__LIST_ENTRY(op, struct send, op);
  struct ioloop_datagram *it = send->socket;
  (void)loop, (void)data, (void)more;
  count_sent(it, send, result >= 0);
  if (result < 0 && try_again(it, send, result))
    return;
  ioloop__datagram_enter(it);
  if (result < 0) {
    give_up(it, send, result);
  } else {
    if (send->error)
      ioloop__datagram_note_failure(it, send->error);
    recycle(it, send);
  }
  ioloop__datagram_leave(it);
}

static int fd_of_send(const struct ioloop__op *op) {
  return IOLOOP__LIST_ENTRY(op, const struct send, op)->socket->fd;
}

static const struct ioloop__op_kind sending = {
    .name = "sendmsg", .fd = fd_of_send, .done = on_sent};

static void fill(struct send *send, const struct ioloop__message *message) {
  send->op.kind = &sending;
  send->error = 0;
  send->failures = 0;
  send->counted = false;
  send->vector = (struct iovec){.iov_base = send->data, .iov_len = message->size};
  send->message = (struct msghdr){.msg_iov = &send->vector, .msg_iovlen = 1};
  if (message->size)
    memcpy(send->data, message->data, message->size);
  if (message->local)
    ioloop__put_local(&send->message, send->control, message->local);
  if (!message->peer)
    return;
  memcpy(&send->peer, message->peer, message->peer_size);
  send->message.msg_name = &send->peer;
  send->message.msg_namelen = message->peer_size;
}

int ioloop__datagram_start_send(struct ioloop_datagram *it, const struct ioloop__message *message) {
  bool fits = it->sending + message->size <= DATAGRAM_QUEUE_MAX;
  struct send *send = fits ? new_send(it, message->size) : NULL;
  if (!send) {
    it->metrics.send_dropped++;
    return fits ? -ENOMEM : -ENOBUFS;
  }
  send->socket = it;
  fill(send, message);
  ioloop__list_insert(it->sends.prev, &send->link);
  it->sending += message->size;
  if (start(it, send) == 0)
    return 0;
  it->metrics.send_dropped++;
  recycle(it, send);
  return -ENOMEM;
}

/* ---- beginning and end -------------------------------------------------------------------- */

static int fd_of_receiving(const struct ioloop__op *op) {
  return IOLOOP__LIST_ENTRY(op, const struct ioloop_datagram, receiving)->fd;
}

static const struct ioloop__op_kind receiving = {
    .name = "recvmsg", .fd = fd_of_receiving, .done = on_received};

void ioloop__datagram_use_completion(struct ioloop_datagram *it, bool ours) {
  bool udp = it->family == AF_INET || it->family == AF_INET6;
  it->completer = udp && (ours || ioloop__is_blocking(it->fd)) ? ioloop__completer(it->loop) : NULL;
  it->receiving.kind = &receiving;
}

void ioloop__datagram_pause_receiving(struct ioloop_datagram *it) {
  const struct ioloop__completer *completer = it->completer;
  it->operations |= PAUSED;
  if (it->operations & RECEIVING)
    completer->table->cancel(it->loop, completer->state, &it->receiving);
  it->operations &= (uint8_t)~PAUSED;
}

void ioloop__datagram_cancel_operations(struct ioloop_datagram *it) {
  const struct ioloop__completer *completer = it->completer;
  if (it->operations & RECEIVING)
    completer->table->cancel(it->loop, completer->state, &it->receiving);
  while (!ioloop__list_is_empty(&it->sends)) {
    struct send *send = IOLOOP__LIST_ENTRY(it->sends.next, struct send, link);
    completer->table->cancel(it->loop, completer->state, &send->op);
  }
  while (!ioloop__list_is_empty(&it->spares)) {
    struct send *send = IOLOOP__LIST_ENTRY(it->spares.next, struct send, link);
    ioloop__list_remove(&send->link);
    free(send);
  }
}
