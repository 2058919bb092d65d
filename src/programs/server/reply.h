/* SPDX-License-Identifier: MIT */
/* reply.h - the reply to a message: --reply. */
#ifndef SERVER_REPLY_H
#define SERVER_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum reply_kind {
  REPLY_ECHO,
  REPLY_SOCKPERF,
};

enum {
  REPLY_HEADER_SIZE = 14,          /* of sockperf's messages */
  REPLY_LENGTH_MAX = 0xfffff,      /* the longest that sockperf sends over TCP (-m) */
  REPLY_DATAGRAM_SIZE = 64 * 1024, /* larger than any datagram */
};

/* A connection's position in sockperf's messages. Initially zero; unused by REPLY_ECHO. */
struct framing {
  unsigned char header[REPLY_HEADER_SIZE];
  unsigned char have; /* bytes of the header received; if complete: in the body */
  bool answered;      /* this message gets a reply */
  uint32_t left;      /* bytes of the body still to come */
};

/* Sends a reply. 0, or -errno, which ends the connection. */
typedef int reply_send(void *to, const char *data, size_t size);

/* As below, for REPLY_SOCKPERF. */
int reply_to_sockperf(struct framing *framing, const char *data, size_t size, reply_send *send,
                      void *to);

/*
 * Reply to the next `size` bytes of a connection, wherever they are cut, through `send`: in one
 * piece if they have at most 16 KiB. `framing` may be NULL for REPLY_ECHO. 0; -errno of `send`;
 * -EPROTO: not a message of sockperf's (its length is below 14 or above 1,048,575), and the rest of
 * the connection cannot be parsed; the messages before it are answered. Any thread, but one at a time for each connection. Inline, so
 * that the compiler turns an echo into a plain send.
 */
static inline int reply_to_stream(enum reply_kind how, struct framing *framing, const char *data,
                                  size_t size, reply_send *send, void *to) {
  return how == REPLY_ECHO ? send(to, data, size)
                           : reply_to_sockperf(framing, data, size, send, to);
}

/*
 * The reply to a datagram, which has the same size: `data` itself, or a changed copy in `room`
 * (REPLY_DATAGRAM_SIZE). NULL: no reply, because the datagram wants none or is not exactly one
 * message of sockperf's.
 */
const char *reply_to_datagram(enum reply_kind how, const char *data, size_t size, char *room);

#endif
