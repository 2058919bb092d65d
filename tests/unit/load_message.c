/* SPDX-License-Identifier: MIT */
/*
 * load_message.c - the generator's messages: any wrong byte is noticed.
 */
#include "load/message.h"

#include <string.h>

#include "tap.h"

static struct message_pattern pattern;
static unsigned char bytes[MESSAGE_MAX_SIZE + 1];

TEST(1, "a message begins with its number, and has the requested size") {
  static const uint64_t numbers[] = {0, 1, 255, 256, UINT64_C(0x0102030405060708), UINT64_MAX};
  message_pattern_make(&pattern, 1);
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    for (size_t size = MESSAGE_NUMBER_SIZE; size <= MESSAGE_MAX_SIZE; size = size * 3 + 1) {
      memset(bytes, 0xa5, sizeof bytes);
      message_build(&pattern, numbers[i], bytes, size);
      CHECK(message_number(bytes) == numbers[i]);
      CHECK_IS(bytes[size], ==, 0xa5);
      CHECK(message_matches(&pattern, numbers[i], 0, bytes, size));
    }
}

TEST(2, "each byte is compared, whatever pieces it comes in") {
  enum {
    SIZE = 100
  };
  message_pattern_make(&pattern, 2);
  message_build(&pattern, 77, bytes, SIZE);
  for (size_t from = 0; from < SIZE; from++)
    for (size_t to = from; to <= SIZE; to++) {
      CHECK(message_matches(&pattern, 77, from, bytes + from, to - from));
      for (size_t wrong = from; wrong < to; wrong++) {
        unsigned char expected, right = bytes[wrong];
        bytes[wrong] ^= 0x01;
        CHECK(!message_matches(&pattern, 77, from, bytes + from, to - from));
        CHECK_IS(message_difference(&pattern, 77, from, bytes + from, to - from, &expected), ==,
                 wrong);
        CHECK_IS(expected, ==, right);
        bytes[wrong] = right;
      }
    }
}

TEST(3, "another message's bytes are no echo, not even without its number") {
  message_pattern_make(&pattern, 3);
  for (uint64_t number = 1000; number < 1000 + MESSAGE_PIECES; number++) {
    message_build(&pattern, number, bytes, 64);
    for (uint64_t other = 1000; other < 1000 + MESSAGE_PIECES; other++) {
      bool same = number == other;
      CHECK(message_matches(&pattern, other, 0, bytes, 64) == same);
      CHECK(message_matches(&pattern, other, MESSAGE_NUMBER_SIZE, bytes + MESSAGE_NUMBER_SIZE,
                            56) == same);
    }
  }
}

TEST(4, "bytes that are missing or doubled are noticed by those that follow") {
  message_pattern_make(&pattern, 4);
  message_build(&pattern, 5, bytes, 4096);
  for (size_t at = 0; at < 4000; at++) {
    CHECK(!message_matches(&pattern, 5, at, bytes + at + 1, 64)); /* one is missing */
    if (at > 0)
      CHECK(!message_matches(&pattern, 5, at, bytes + at - 1, 64)); /* one is doubled */
  }
}

TEST(5, "the largest message of the highest piece ends where the pattern does") {
  message_pattern_make(&pattern, 5);
  message_build(&pattern, MESSAGE_PIECES - 1, bytes, MESSAGE_MAX_SIZE);
  CHECK(message_matches(&pattern, MESSAGE_PIECES - 1, 0, bytes, MESSAGE_MAX_SIZE));
  bytes[MESSAGE_MAX_SIZE - 1] ^= 0x80;
  CHECK(!message_matches(&pattern, MESSAGE_PIECES - 1, 0, bytes, MESSAGE_MAX_SIZE));
}

TEST(6, "the seed determines the messages") {
  static struct message_pattern same, other;
  message_pattern_make(&pattern, 6);
  message_pattern_make(&same, 6);
  message_pattern_make(&other, 7);
  CHECK(memcmp(&pattern, &same, sizeof pattern) == 0);
  CHECK(memcmp(&pattern, &other, sizeof pattern) != 0);
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
