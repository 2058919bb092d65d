/* SPDX-License-Identifier: MIT */
/* message.c - see message.h. */
#include "message.h"

#include <string.h>

#include "results/statistics.h"

void message_pattern_make(struct message_pattern *pattern, uint64_t seed) {
  struct random random;
  random_seed(&random, seed);
  for (size_t i = 0; i < sizeof pattern->bytes; i += sizeof(uint64_t)) {
    size_t left = sizeof pattern->bytes - i;
    uint64_t bytes = random_next(&random);
    memcpy(pattern->bytes + i, &bytes, left < sizeof bytes ? left : sizeof bytes);
  }
}

uint64_t message_number(const unsigned char *message) {
  uint64_t number;
  memcpy(&number, message, sizeof number);
  return number;
}

/* The bytes after the number of this message. */
static inline const unsigned char *piece(const struct message_pattern *pattern, uint64_t number) {
  return pattern->bytes + number % MESSAGE_PIECES;
}

void message_build(const struct message_pattern *pattern, uint64_t number, unsigned char *to,
                   size_t size) {
  memcpy(to, &number, sizeof number);
  memcpy(to + MESSAGE_NUMBER_SIZE, piece(pattern, number), size - MESSAGE_NUMBER_SIZE);
}

bool message_matches(const struct message_pattern *pattern, uint64_t number, size_t offset,
                     const unsigned char *bytes, size_t size) {
  if (offset < MESSAGE_NUMBER_SIZE) {
    const unsigned char *expected = (const unsigned char *)&number;
    size_t left = MESSAGE_NUMBER_SIZE - offset, count = size < left ? size : left;
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
