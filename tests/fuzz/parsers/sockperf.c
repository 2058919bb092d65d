/* SPDX-License-Identifier: MIT */
/*
 * sockperf.c - the server's answers to sockperf's messages, compared with a parser that has all
 * bytes at once. The first byte of an input is the size of the pieces in which the rest arrives.
 */
#include "parser.h"

#include <errno.h>
#include <string.h>

#include "server/reply.h"

enum {
  MOST = 1 << 20,
  HEADER = 14,
  LONGEST = 1048575,
};

struct sent {
  uint8_t bytes[MOST];
  size_t size;
};

static int take(void *to, const char *data, size_t size) {
  struct sent *sent = to;
  ALWAYS(size > 0 && size <= MOST - sent->size);
  memcpy(sent->bytes + sent->size, data, size);
  sent->size += size;
  return 0;
}

static bool wants_answer(const uint8_t *message) {
  return (message[9] & 7) == 3;
}

static uint32_t length_of(const uint8_t *message) {
  uint32_t length = 0;
  for (size_t i = 10; i < HEADER; i++)
    length = length << 8 | message[i];
  return length;
}

static int expect(const uint8_t *data, size_t size, struct sent *sent) {
  sent->size = 0;
  while (size >= HEADER) {
    size_t length = length_of(data), there = length < size ? length : size;
    if (length < HEADER || length > LONGEST)
      return -EPROTO;
    if (wants_answer(data)) {
      memcpy(sent->bytes + sent->size, data, there);
      sent->bytes[sent->size + 9] &= 0xfe;
      sent->size += there;
    }
    data += there;
    size -= there;
  }
  return 0;
}

/* A connection ends with -EPROTO. */
static int reply_in_pieces(const uint8_t *data, size_t size, size_t piece, struct sent *sent) {
  struct framing framing = {.have = 0};
  int error = 0;
  sent->size = 0;
  for (size_t at = 0; at < size && !error; at += piece)
    error = reply_to_stream(REPLY_SOCKPERF, &framing, (const char *)data + at,
                            piece < size - at ? piece : size - at, take, sent);
  return error;
}

static bool is_sent(const struct sent *sent, const struct sent *expected) {
  return sent->size == expected->size && memcmp(sent->bytes, expected->bytes, sent->size) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct sent sent, expected;
  static char room[REPLY_DATAGRAM_SIZE];
  if (size < 2 || size > MOST)
    return 0;
  size_t piece = 1U + *data++;
  size--;
  int error = expect(data, size, &expected);
  ALWAYS(reply_in_pieces(data, size, piece, &sent) == error && is_sent(&sent, &expected));
  ALWAYS(reply_in_pieces(data, size, size, &sent) == error && is_sent(&sent, &expected));
  if (size > REPLY_DATAGRAM_SIZE)
    return 0;
  const char *answer = reply_to_datagram(REPLY_SOCKPERF, (const char *)data, size, room);
  bool answered = size >= HEADER && length_of(data) == size && wants_answer(data);
  ALWAYS(answered == (answer != NULL));
  ALWAYS(!answer || memcmp(answer, expected.bytes, size) == 0);
  return 0;
}
