/* SPDX-License-Identifier: MIT */
/*
 * message.h - the bytes of a request, and checking that its echo is identical.
 *
 * A message is its number (8 bytes, in this machine's order: only this machine reads it) and a
 * piece of a pattern of random bytes, a different piece for each number. So an echo with bytes
 * lost, duplicated or changed, or of another message, is detected. Any part of any message can be
 * generated again from its number, so that no sent data has to be kept until its echo arrives.
 */
#ifndef BENCH_MESSAGE_H
#define BENCH_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "generator.h"

enum {
  MESSAGE_NUMBER_SIZE = 8,
  MESSAGE_MAX_SIZE = GENERATOR_MAX_SIZE,
  MESSAGE_PIECES = 512, /* this many consecutive numbers have different patterns */
};

struct message_pattern {
  unsigned char bytes[MESSAGE_MAX_SIZE + MESSAGE_PIECES];
};

/* The same seed gives the same pattern. */
void message_pattern_make(struct message_pattern *pattern, uint64_t seed);

/* Message `number` in `to`, `size` bytes (MESSAGE_NUMBER_SIZE to MESSAGE_MAX_SIZE). */
void message_build(const struct message_pattern *pattern, uint64_t number, unsigned char *to,
                   size_t size);

/* Are these bytes `offset` to `offset + size` of message `number`? */
bool message_matches(const struct message_pattern *pattern, uint64_t number, size_t offset,
                     const unsigned char *bytes, size_t size);

/* The offset of the first difference, from the start of the message; and the right byte in
 * `expected`. Only if they do not match. */
size_t message_difference(const struct message_pattern *pattern, uint64_t number, size_t offset,
                          const unsigned char *bytes, size_t size, unsigned char *expected);

/* The number at the start of a message. */
uint64_t message_number(const unsigned char *message);

#endif
