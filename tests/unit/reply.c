/* SPDX-License-Identifier: MIT */
/*
 * reply.c - sockperf's messages, answered wherever they are cut; and other data.
 */
#include "server/reply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

enum {
  CLIENT = 1,
  PONG = 2,
  WARM_UP = 4,
  LARGEST = REPLY_LENGTH_MAX,
};

/* The data sent, and the number of pieces. */
struct sent {
  char *bytes;
  size_t size, room;
  int sends;
  int error; /* to return instead of sending */
};

static int take(void *to, const char *data, size_t size) {
  struct sent *sent = to;
  if (sent->error)
    return sent->error;
  CHECK_IS(sent->size + size, <=, sent->room);
  memcpy(sent->bytes + sent->size, data, size);
  sent->size += size;
  sent->sends++;
  return 0;
}

static struct sent nothing_sent(size_t room) {
  struct sent sent = {.bytes = malloc(room), .room = room};
  CHECK(sent.bytes);
  return sent;
}

static size_t write_message(char *to, unsigned flags, uint32_t length, size_t size) {
  memset(to, 0, REPLY_HEADER_SIZE);
  for (size_t i = 0; i < size; i++)
    to[i] = (char)(i * 7 + 3);
  to[8] = 0;
  to[9] = (char)flags;
  for (int i = 0; i < 4; i++)
    to[10 + i] = (char)(length >> (24 - 8 * i));
  return size;
}

static int feed(struct framing *framing, const char *data, size_t size, struct sent *sent) {
  return reply_to_stream(REPLY_SOCKPERF, framing, data, size, take, sent);
}

/* A warm-up message, one that wants a reply, one without a body, one that wants none, one of a
 * server's, and another that wants a reply; and the replies. */
struct conversation {
  char said[256], answers[256];
  size_t said_size, answers_size;
};

static void say(struct conversation *all, unsigned flags, size_t size, bool answered) {
  size_t n = write_message(all->said + all->said_size, flags, (uint32_t)size, size);
  all->said_size += n;
  if (answered)
    all->answers_size +=
        write_message(all->answers + all->answers_size, flags & ~1u, (uint32_t)size, size);
}

static struct conversation converse(void) {
  struct conversation all = {.said_size = 0};
  say(&all, CLIENT | PONG | WARM_UP, 20, false);
  say(&all, CLIENT | PONG, 33, true);
  say(&all, CLIENT | PONG, REPLY_HEADER_SIZE, true);
  say(&all, CLIENT, 25, false);
  say(&all, PONG, 14, false);
  say(&all, CLIENT | PONG, 47, true);
  return all;
}

static void check_answers(const struct conversation *all, const struct sent *sent) {
  CHECK_IS(sent->size, ==, all->answers_size);
  CHECK(memcmp(sent->bytes, all->answers, sent->size) == 0);
}

TEST(1, "messages in one read are answered in one piece, and only those that want a reply") {
  struct conversation all = converse();
  struct sent sent = nothing_sent(sizeof all.answers);
  struct framing framing = {.have = 0};
  CHECK_OK(feed(&framing, all.said, all.said_size, &sent));
  check_answers(&all, &sent);
  CHECK_IS(sent.sends, ==, 1);
  free(sent.bytes);
}

TEST(2, "messages cut in three, at every pair of positions, are answered the same") {
  struct conversation all = converse();
  struct sent sent = nothing_sent(sizeof all.answers);
  for (size_t i = 0; i <= all.said_size; i++)
    for (size_t j = i; j <= all.said_size; j++) {
      struct framing framing = {.have = 0};
      sent.size = 0;
      CHECK_OK(feed(&framing, all.said, i, &sent));
      CHECK_OK(feed(&framing, all.said + i, j - i, &sent));
      CHECK_OK(feed(&framing, all.said + j, all.said_size - j, &sent));
      check_answers(&all, &sent);
    }
  free(sent.bytes);
}

TEST(3, "a byte at a time") {
  struct conversation all = converse();
  struct sent sent = nothing_sent(sizeof all.answers);
  struct framing framing = {.have = 0};
  for (size_t i = 0; i < all.said_size; i++)
    CHECK_OK(feed(&framing, all.said + i, 1, &sent));
  check_answers(&all, &sent);
  free(sent.bytes);
}

TEST(4, "the longest message there may be, in one read and in pieces") {
  char *message = malloc(LARGEST), *answer = malloc(LARGEST);
  CHECK(message && answer);
  write_message(message, CLIENT | PONG, LARGEST, LARGEST);
  write_message(answer, PONG, LARGEST, LARGEST);
  struct sent sent = nothing_sent(LARGEST);
  for (size_t step = LARGEST; step > 1000; step = step * 2 / 3) {
    struct framing framing = {.have = 0};
    sent.size = 0;
    for (size_t at = 0; at < LARGEST; at += step)
      CHECK_OK(feed(&framing, message + at, at + step < LARGEST ? step : LARGEST - at, &sent));
    CHECK_IS(sent.size, ==, LARGEST);
    CHECK(memcmp(sent.bytes, answer, LARGEST) == 0);
  }
  free(sent.bytes);
  free(answer);
  free(message);
}

TEST(5, "a length that no message has is -EPROTO, whatever the flags, wherever it is cut") {
  static const uint32_t lengths[] = {0, 1, 13, LARGEST + 1, 0x7fffffff, 0x80000000, 0xffffffff};
  char message[REPLY_HEADER_SIZE];
  struct sent sent = nothing_sent(1);
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
    for (unsigned flags = 0; flags < 8; flags++)
      for (size_t cut = 0; cut < sizeof message; cut++) {
        struct framing framing = {.have = 0};
        write_message(message, flags, lengths[i], sizeof message);
        CHECK_OK(feed(&framing, message, cut, &sent));
        CHECK_ERROR(feed(&framing, message + cut, sizeof message - cut, &sent), EPROTO);
      }
  CHECK_IS(sent.sends, ==, 0);
  free(sent.bytes);
}

TEST(6, "random bytes end in -EPROTO or are taken, and never give more than they were") {
  for (size_t turn = 0; turn < tap_count(2000); turn++) {
    char noise[512];
    struct sent sent = nothing_sent(sizeof noise);
    struct framing framing = {.have = 0};
    size_t at = 0;
    int error = 0;
    for (size_t i = 0; i < sizeof noise; i++)
      noise[i] = (char)(tap_random_below(4) ? 0 : tap_random());
    while (at < sizeof noise && !error) {
      size_t n = 1 + (size_t)tap_random_below(sizeof noise - at);
      error = feed(&framing, noise + at, n, &sent);
      at += n;
    }
    CHECK(error == 0 || error == -EPROTO);
    free(sent.bytes);
  }
}

TEST(7, "an error of the send callback ends it") {
  struct conversation all = converse();
  struct sent sent = {.error = -ENOMEM};
  struct framing framing = {.have = 0};
  CHECK_ERROR(feed(&framing, all.said, all.said_size, &sent), ENOMEM);
}

TEST(8, "an echo is identical, sockperf's message or not, and needs no framing") {
  static const char text[] = "not a message of anybody's";
  struct sent sent = nothing_sent(sizeof text);
  char room[REPLY_DATAGRAM_SIZE];
  CHECK_OK(reply_to_stream(REPLY_ECHO, NULL, text, sizeof text, take, &sent));
  CHECK_IS(sent.size, ==, sizeof text);
  CHECK(memcmp(sent.bytes, text, sizeof text) == 0);
  CHECK(reply_to_datagram(REPLY_ECHO, text, sizeof text, room) == text);
  CHECK(reply_to_datagram(REPLY_ECHO, text, 0, room) == text);
  free(sent.bytes);
}

TEST(9, "a datagram is answered if it is exactly one message that wants a reply") {
  char message[64], answer[64], room[REPLY_DATAGRAM_SIZE];
  for (unsigned flags = 0; flags < 8; flags++)
    for (size_t size = 0; size <= sizeof message; size++) {
      write_message(message, flags, 40, sizeof message);
      write_message(answer, flags & ~1u, 40, sizeof answer);
      const char *reply = reply_to_datagram(REPLY_SOCKPERF, message, size, room);
      CHECK_IS(reply != NULL, ==, size == 40 && flags == (CLIENT | PONG));
      CHECK(!reply || memcmp(reply, answer, size) == 0);
    }
  write_message(message, CLIENT | PONG, 13, sizeof message);
  CHECK(!reply_to_datagram(REPLY_SOCKPERF, message, 13, room));
  CHECK(!reply_to_datagram(REPLY_SOCKPERF, message, 0, room));
}

TEST(10, "the messages before one of a wrong length are answered, wherever they are cut") {
  struct conversation all = converse();
  struct sent sent = nothing_sent(sizeof all.answers);
  size_t size = all.said_size + write_message(all.said + all.said_size, CLIENT | PONG, 13, 14);
  for (size_t cut = 0; cut < size; cut++) {
    struct framing framing = {.have = 0};
    sent.size = 0;
    CHECK_OK(feed(&framing, all.said, cut, &sent));
    CHECK_ERROR(feed(&framing, all.said + cut, size - cut, &sent), EPROTO);
    check_answers(&all, &sent);
  }
  free(sent.bytes);
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
