/* SPDX-License-Identifier: MIT */
/*
 * reply.c - the reply to a message: its echo, or what sockperf's client expects.
 *
 * sockperf (the benchmark that Debian packages) distinguishes replies from requests. Its messages
 * begin with a header, in network order:
 *
 *      0 sequence number (8)    8 flags (2)    10 length, header included (4)    14 ...
 *
 * Flags: 1 from a client, 2 wants a reply ("pong"), 4 warm-up. A client's message that wants a
 * reply is sent back with flag 1 cleared. All other messages, warm-up messages in particular, get
 * no reply. This is what sockperf's own server does.
 *
 * TCP may cut messages anywhere. sockperf's server collects a message and then replies. Here it is
 * passed on as it arrives, so that a connection stores at most one header, whatever length its peer
 * claims.
 */
#include "reply.h"

#include <errno.h>
#include <string.h>

enum {
  FLAGS_AT = 9, /* the one byte of the flags that is used */
  LENGTH_AT = 10,
  FROM_CLIENT = 1,
  WANTS_ANSWER = 2,
  WARM_UP = 4,
  BATCH_SIZE = 16 * 1024,
};

static uint32_t length_of(const unsigned char *header) {
  const unsigned char *at = header + LENGTH_AT;
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static bool is_answered(const unsigned char *header) {
  return (header[FLAGS_AT] & (FROM_CLIENT | WANTS_ANSWER | WARM_UP)) ==
         (FROM_CLIENT | WANTS_ANSWER);
}

/* ---- datagrams ------------------------------------------------------------------------ */

const char *reply_to_datagram(enum reply_kind how, const char *data, size_t size, char *room) {
  const unsigned char *header = (const unsigned char *)data;
  if (how == REPLY_ECHO)
    return data;
  if (size < REPLY_HEADER_SIZE || length_of(header) != size || !is_answered(header))
    return NULL;
  memcpy(room, data, size);
  room[FLAGS_AT] = (char)(header[FLAGS_AT] & ~FROM_CLIENT);
  return room;
}

/* Replies to data that arrived together leave together: one send for each would double the system
 * calls that are measured. */
struct batch {
  reply_send *send;
  void *to;
  size_t used;
  char bytes[BATCH_SIZE];
};

static int flush(struct batch *batch) {
  size_t size = batch->used;
  batch->used = 0;
  return size > 0 ? batch->send(batch->to, batch->bytes, size) : 0;
}

static int put(struct batch *batch, const void *data, size_t size) {
  const char *next = data;
  int error = 0;
  while (size > 0 && !error) {
    size_t room = BATCH_SIZE - batch->used, n = size < room ? size : room;
    memcpy(batch->bytes + batch->used, next, n);
    batch->used += n;
    next += n;
    size -= n;
    if (batch->used == BATCH_SIZE)
      error = flush(batch);
  }
  return error;
}

static int begin_message(struct framing *framing, struct batch *batch) {
  uint32_t length = length_of(framing->header);
  if (length < REPLY_HEADER_SIZE || length > REPLY_LENGTH_MAX)
    return -EPROTO;
  framing->left = length - REPLY_HEADER_SIZE;
  framing->answered = is_answered(framing->header);
  framing->header[FLAGS_AT] &= (unsigned char)~FROM_CLIENT;
  return framing->answered ? put(batch, framing->header, REPLY_HEADER_SIZE) : 0;
}

static int take_header(struct framing *framing, const char *data, size_t size,
                       struct batch *batch) {
  memcpy(framing->header + framing->have, data, size);
  framing->have = (unsigned char)(framing->have + size);
  return framing->have == REPLY_HEADER_SIZE ? begin_message(framing, batch) : 0;
}

static int take_body(struct framing *framing, const char *data, size_t size, struct batch *batch) {
  framing->left -= (uint32_t)size;
  return framing->answered ? put(batch, data, size) : 0;
}

/* The next part, header or body, as far as it has arrived; returns its size or -errno. */
static ptrdiff_t take(struct framing *framing, const char *data, size_t size, struct batch *batch) {
  bool in_header = framing->have < REPLY_HEADER_SIZE;
  size_t wanted = in_header ? (size_t)(REPLY_HEADER_SIZE - framing->have) : framing->left;
  size_t n = size < wanted ? size : wanted;
  int error = (in_header ? take_header : take_body)(framing, data, n, batch);
  if (framing->have == REPLY_HEADER_SIZE && framing->left == 0)
    framing->have = 0;
  return error ? error : (ptrdiff_t)n;
}

int reply_to_sockperf(struct framing *framing, const char *data, size_t size, reply_send *send,
                      void *to) {
  struct batch batch; /* not initialised: most of it is never used */
  batch.send = send;
  batch.to = to;
  batch.used = 0;
  while (size > 0) {
    ptrdiff_t n = take(framing, data, size, &batch);
    if (n == -EPROTO)
      (void)flush(&batch); /* the replies to the messages before */
    if (n < 0)
      return (int)n;
    data += n;
    size -= (size_t)n;
  }
  return flush(&batch);
}
