/* SPDX-License-Identifier: MIT */
/*
 * message.h - what is sent, and whether what came back is exactly that.
 *
 * A message is its number (8 bytes, in this machine's order: only we read it) and a piece of a
 * pattern of random bytes, another piece for another number: an echo with bytes lost, doubled,
 * changed, or of another message is told from the right one. Any part of any message can be made
 * again from its number, so that nothing that was sent has to be kept until its echo comes.
 */
#ifndef BENCH_MESSAGE_H
#define BENCH_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  MESSAGE_NUMBER_SIZE = 8,
  MESSAGE_MAX_SIZE = 1 << 20,
  MESSAGE_PIECES = 512, /* so many numbers in a row have different patterns */
  MESSAGE_PATTERN_SIZE = MESSAGE_MAX_SIZE + MESSAGE_PIECES,
};

struct message_pattern {
  unsigned char bytes[MESSAGE_PATTERN_SIZE];
};

/* The same seed gives the same pattern. */
void message_pattern_make(struct message_pattern *pattern, uint64_t seed);

/* Message `number` in `to`, `size` bytes (MESSAGE_NUMBER_SIZE to MESSAGE_MAX_SIZE). */
void message_build(const struct message_pattern *pattern, uint64_t number, unsigned char *to,
                   size_t size);

/* Are these bytes `offset` to `offset + size` of message `number`? */
bool message_matches(const struct message_pattern *pattern, uint64_t number, size_t offset,
                     const unsigned char *bytes, size_t size);

/* Where they first differ, from the message's beginning; and what should be there in `expected`.
 * Only where they do not match. */
size_t message_difference(const struct message_pattern *pattern, uint64_t number, size_t offset,
                          const unsigned char *bytes, size_t size, unsigned char *expected);

/* The number that a message begins with. */
uint64_t message_number(const unsigned char *message);

#endif
