/* SPDX-License-Identifier: MIT */
/*
 * reply.h - what goes back to a peer for what came from it: --reply.
 */
#ifndef SERVER_REPLY_H
#define SERVER_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"

enum {
  REPLY_HEADER_SIZE = 14,          /* of sockperf's messages */
  REPLY_LENGTH_MAX = 0xfffff,      /* the longest that sockperf sends over TCP (-m) */
  REPLY_DATAGRAM_SIZE = 64 * 1024, /* more than a datagram may have */
};

/* How far a connection is in sockperf's messages. Zero at first; of no use to REPLY_ECHO. */
struct framing {
  unsigned char header[REPLY_HEADER_SIZE];
  unsigned char have; /* bytes of the header that have come; all of them: in the body */
  bool answered;      /* this message is */
  uint32_t left;      /* bytes of the body that have not come */
};

/* Where a reply goes. 0, or -errno, which ends it. */
typedef int reply_send(void *to, const char *data, size_t size);

/* As below, for REPLY_SOCKPERF. */
int reply_to_sockperf(struct framing *framing, const char *data, size_t size, reply_send *send,
                      void *to);

/*
 * Reply to the next `size` bytes of a connection, however they are cut, through `send`: in one
 * piece where it has at most 16 KiB. `framing` may be NULL for REPLY_ECHO. 0; -errno of `send`;
 * -EPROTO: this is no message of sockperf's (a length below 14 or above 1,048,575), and the
 * connection cannot be understood from here on. Any thread, one at a time for each connection.
 * Inline, so that an echo is a plain send to the compiler.
 */
static inline int reply_to_stream(enum reply_kind how, struct framing *framing, const char *data,
                                  size_t size, reply_send *send, void *to) {
  return how == REPLY_ECHO ? send(to, data, size)
                           : reply_to_sockperf(framing, data, size, send, to);
}

/*
 * The reply to a datagram, as long as it is: `data` itself, or a changed copy in `room`
 * (REPLY_DATAGRAM_SIZE). NULL: it gets none, because it asks for none or is not one message of
 * sockperf's, neither more nor less.
 */
const char *reply_to_datagram(enum reply_kind how, const char *data, size_t size, char *room);

#endif
