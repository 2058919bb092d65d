/* SPDX-License-Identifier: MIT */
/* datagram_internal.h - what a datagram socket is made of: datagram.c is its lifetime,
 * datagram_receive.c receives, datagram_send.c sends, and datagram_completion.c does both where the
 * backend offers completion. */
#ifndef IOLOOP_DATAGRAM_INTERNAL_H
#define IOLOOP_DATAGRAM_INTERNAL_H

#include "completion.h"
#include "fifo.h"
#include "fork.h"
#include "platform.h"
#include "sockets.h"

enum {
  DATAGRAM_REST_READ = 1 << 0,  /* the kernel calls it ready and it is not: not watched for ... */
  DATAGRAM_REST_WRITE = 1 << 1, /* ... a moment */
  DATAGRAM_COLLECTING = 1 << 2, /* a batch is being delivered: replies leave at its end */
  DATAGRAM_CLOSED = 1 << 3,     /* only its memory is left */
  DATAGRAM_DRAINING = 1 << 4,   /* sends at once, and not by completion */
  DATAGRAM_ANY = 1 << 5         /* of all addresses: each datagram reports which it was sent to */
};

enum {
  DATAGRAM_BATCH = 64, /* of ioloop__receive_messages and ioloop__send_messages */
  DATAGRAM_REST_NS = 10 * 1000 * 1000,
  DATAGRAM_QUEUE_MAX = 256 * 1024 /* bytes that may wait for the kernel to take them */
};

struct ioloop_datagram {
  struct ioloop *loop;
  int fd;
  sa_family_t family; /* of its address */
  uint8_t flags;      /* DATAGRAM_* */
  uint8_t mask;       /* events asked of the loop */
  uint8_t batch;      /* how many datagrams to ask for */
  uint8_t vain;       /* wake-ups that found nothing */
  uint8_t streak;     /* wake-ups since it changed that speak for another number */
  uint8_t failures;   /* receives that failed since a datagram came */
  unsigned depth;     /* callbacks under way: the memory must stay */
  unsigned futile;    /* wake-ups in a row in which nothing could be sent */
  int error;          /* to be reported; 0: none */
  ioloop_datagram_fn *on_datagram;
  ioloop_datagram_error_fn *on_error;
  void *arg;
  const struct ioloop__message *delivering; /* NULL: none */
  struct ioloop__gate_member gate;
  struct ioloop__fifo *queue; /* of records, see datagram_send.c */
  ioloop_timeout timeout;
  struct ioloop_datagram_metrics metrics;
  struct socket_file *file; /* to be removed; NULL: none */

  /* datagram_completion.c */
  const struct ioloop__completer *completer; /* NULL: by readiness */
  struct ioloop__op receiving;
  uint8_t operations;        /* what is under way, sends not counted */
  struct ioloop__list sends; /* under way */
  struct ioloop__list spares;
  unsigned spare_count;
  size_t sending;            /* bytes of what is under way */
  struct ioloop__fifo *kept; /* received when it could not be delivered: records, as in `queue` */
};

/* ---- datagram.c ------------------------------------------------------------------------ */

void ioloop__datagram_update_interest(struct ioloop_datagram *it);

/* Arrange for ioloop__datagram_flush to be called soon, when no callback is under way. */
void ioloop__datagram_wake(struct ioloop_datagram *it);

/* Stop watching for reading or writing for a moment. false: there is no memory for a timeout; the
 * whole loop has rested instead, and the socket is still watched. */
bool ioloop__datagram_rest(struct ioloop_datagram *it, unsigned flag);

/* Count an error and report it to the program. */
void ioloop__datagram_note_error(struct ioloop_datagram *it, int error);

/* Around all that calls the program. After the outermost, what could not be done inside is done. */
static inline void ioloop__datagram_enter(struct ioloop_datagram *it) {
  it->depth++;
}
void ioloop__datagram_leave(struct ioloop_datagram *it);

/* A call has failed with an error that is the network's, or what woke us is not there to be
 * received: report what the socket's error queue holds. How many errors were there. */
int ioloop__datagram_report_queued_errors(struct ioloop_datagram *it);

/* Count an error that a call returned, and report it to the program. If the socket's error queue
 * holds the same error, it counts once. */
void ioloop__datagram_note_failure(struct ioloop_datagram *it, int error);

/* ---- datagram_receive.c ---------------------------------------------------------------- */

/* Receive once, and deliver. */
void ioloop__datagram_ready_to_read(struct ioloop_datagram *it);

/* Hand one to the program, or count it if that is not what was sent. */
void ioloop__datagram_deliver(struct ioloop_datagram *it, const struct ioloop__message *message);

/* Receiving failed. */
void ioloop__datagram_receive_failed(struct ioloop_datagram *it, int error);

/* Stop reading if the gate says so. */
bool ioloop__datagram_held_by_gate(struct ioloop_datagram *it);

/* ---- datagram_send.c ------------------------------------------------------------------- */

/* Send what is queued as far as the kernel takes it. */
void ioloop__datagram_flush(struct ioloop_datagram *it);

/* The socket became writable. */
void ioloop__datagram_ready_to_write(struct ioloop_datagram *it);

/* Append a datagram to a queue of records. -ENOMEM. */
int ioloop__datagram_append(struct ioloop__fifo **queue, const struct ioloop__message *message);

/* Describe the first records of a queue, in place, `max` at most. Returns how many; *size is their
 * room. */
int ioloop__datagram_front(struct ioloop__fifo *queue, struct ioloop__message *messages, int max,
                           size_t *size);

/* Drop and count what is queued. */
void ioloop__datagram_drop_queue(struct ioloop_datagram *it);

/* ---- datagram_completion.c ------------------------------------------------------------- */

/* If the loop's backend offers it, and the socket is one of UDP, and ours or blocking. */
void ioloop__datagram_use_completion(struct ioloop_datagram *it, bool ours);

/* Receive, or stop it. */
void ioloop__datagram_update_receiving(struct ioloop_datagram *it, bool wanted);

/* What the kernel has received already is kept when this returns, and no more follows until
 * ioloop__datagram_update_interest. */
void ioloop__datagram_pause_receiving(struct ioloop_datagram *it);

/* Deliver what was kept, `max` at most. Returns how many. */
size_t ioloop__datagram_deliver_kept(struct ioloop_datagram *it, size_t max);

/* Send one; a copy waits. 0, -ENOBUFS, -ENOMEM. */
int ioloop__datagram_start_send(struct ioloop_datagram *it, const struct ioloop__message *message);

/* For close: nothing is under way when this returns. */
void ioloop__datagram_cancel_operations(struct ioloop_datagram *it);

#endif
