/* SPDX-License-Identifier: MIT */
/* message.c - numbers and patterns; see message.h. */
#include "message.h"

#include <string.h>

#include "statistics.h"

void message_pattern_make(struct message_pattern *pattern, uint64_t seed) {
  struct random random;
  random_seed(&random, seed);
  for (size_t i = 0; i < sizeof pattern->bytes; i += sizeof(uint64_t)) {
    size_t left = sizeof pattern->bytes - i;
    uint64_t bytes = random_next(&random);
    memcpy(pattern->bytes + i, &bytes, left < sizeof bytes ? left : sizeof bytes);
  }
}

static inline void put_number(uint64_t number, unsigned char *to) {
  for (size_t i = 0; i < MESSAGE_NUMBER_SIZE; i++)
    to[i] = (unsigned char)(number >> (56 - 8 * i));
}

uint64_t message_number(const unsigned char *message) {
  uint64_t number = 0;
  for (size_t i = 0; i < MESSAGE_NUMBER_SIZE; i++)
    number = number << 8 | message[i];
  return number;
}

/* What follows the number of this message. */
static inline const unsigned char *piece(const struct message_pattern *pattern, uint64_t number) {
  return pattern->bytes + number % MESSAGE_PIECES;
}

void message_build(const struct message_pattern *pattern, uint64_t number, unsigned char *to,
                   size_t size) {
  put_number(number, to);
  memcpy(to + MESSAGE_NUMBER_SIZE, piece(pattern, number), size - MESSAGE_NUMBER_SIZE);
}

bool message_matches(const struct message_pattern *pattern, uint64_t number, size_t offset,
                     const unsigned char *bytes, size_t size) {
  if (offset < MESSAGE_NUMBER_SIZE) {
    unsigned char expected[MESSAGE_NUMBER_SIZE];
    size_t left = MESSAGE_NUMBER_SIZE - offset, count = size < left ? size : left;
    put_number(number, expected);
    if (memcmp(bytes, expected + offset, count) != 0)
      return false;
    bytes += count;
    offset += count;
    size -= count;
  }
  return size == 0 ||
         memcmp(bytes, piece(pattern, number) + offset - MESSAGE_NUMBER_SIZE, size) == 0;
}

size_t message_difference(const struct message_pattern *pattern, uint64_t number, size_t offset,
                          const unsigned char *bytes, size_t size, unsigned char *expected) {
  unsigned char whole[MESSAGE_MAX_SIZE];
  size_t at = 0, end = offset + size;
  message_build(pattern, number, whole, end > MESSAGE_NUMBER_SIZE ? end : MESSAGE_NUMBER_SIZE);
  while (at + 1 < size && bytes[at] == whole[offset + at])
    at++;
  *expected = whole[offset + at];
  return offset + at;
}
