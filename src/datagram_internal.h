/* SPDX-License-Identifier: MIT */
/* datagram_internal.h - what a datagram socket is made of: datagram.c receives and lives,
 * datagram_send.c sends. */
#ifndef IOLOOP_DATAGRAM_INTERNAL_H
#define IOLOOP_DATAGRAM_INTERNAL_H

#include "fifo.h"
#include "gate.h"
#include "iostream.h"

enum {
  DATAGRAM_HELD = 1 << 0,       /* stopped by its gate: does not read */
  DATAGRAM_REST_READ = 1 << 1,  /* the kernel calls it ready and it is not: not watched for ... */
  DATAGRAM_REST_WRITE = 1 << 2, /* ... a moment */
  DATAGRAM_COLLECTING = 1 << 3, /* a batch is being delivered: replies leave at its end */
  DATAGRAM_CLOSED = 1 << 4      /* only its memory is left */
};

enum {
  DATAGRAM_BATCH = 64 /* of ioloop__receive_messages and ioloop__send_messages */
};

struct datagram {
  struct ioloop *loop;
  int fd;
  uint8_t flags;   /* DATAGRAM_* */
  uint8_t mask;    /* events asked of the loop */
  uint8_t batch;   /* how many datagrams to ask for */
  uint8_t singles; /* wake-ups in a row that brought the one that was asked for */
  unsigned depth;  /* callbacks under way: the memory must stay */
  unsigned futile; /* wake-ups in a row in which nothing could be sent */
  int error;       /* to tell the program; 0: none */
  datagram_callback *on_datagram;
  datagram_error *on_error;
  void *arg;
  struct ioloop__gate_member gate;
  struct ioloop__fifo *queue; /* of records, see datagram_send.c */
  ioloop_timeout timeout;
  struct datagram_metrics metrics;
};

/* ---- datagram.c ------------------------------------------------------------------------ */

void datagram__update_interest(struct datagram *it);

/* Stop watching for reading or writing for a moment. */
void datagram__rest(struct datagram *it, unsigned flag);

/* Count an error and have the program told. */
void datagram__note_error(struct datagram *it, int error);

/* ---- datagram_send.c ------------------------------------------------------------------- */

/* Send what is queued as far as the kernel takes it. */
void datagram__flush(struct datagram *it);

/* The socket became writable. */
void datagram__ready_to_write(struct datagram *it);

/* Drop and count what is queued. */
void datagram__drop_queue(struct datagram *it);

#endif
