/* SPDX-License-Identifier: MIT */
/*
 * message.c - the client's JSON, for arbitrary bytes.
 */
#include "client/message.h"

#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "tap.h"

enum {
  ROOM = 512,
  FENCE = 0x5a,
};

static void check_string(const char *data, size_t size, const char *expected) {
  char to[ROOM];
  memset(to, FENCE, sizeof to);
  size_t used = message_json_string(to, data, size);
  NOTE("expected: %s", expected);
  CHECK_IS(used, ==, strlen(expected));
  CHECK(memcmp(to, expected, used) == 0);
  CHECK_IS(to[used], ==, FENCE);
  CHECK(used <= JSON_STRING_ROOM(size));
}

#define STRING(data, expected) check_string(data, sizeof(data) - 1, expected)

TEST(1, "plain text stands in quotes") {
  STRING("hello", "\"hello\"");
  STRING("", "\"\"");
  STRING("gr\xc3\xbc\xc3\x9f \xf0\x9f\x99\x82", "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x99\x82\"");
}

TEST(2, "quotes, backslashes and control characters are escaped") {
  STRING("say \"hi\"\\", "\"say \\\"hi\\\"\\\\\"");
  STRING("\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"");
  STRING("a\0b", "\"a\\u0000b\"");
  STRING("\x1b\x1f\x7f", "\"\\u001b\\u001f\\u007f\"");
  STRING("/", "\"/\"");
}

TEST(3, "what would steer a terminal is \\u-escaped although JSON would allow it") {
  STRING("\xc2\x9b\xe2\x80\xae\xe2\x80\xa8", "\"\\u009b\\u202e\\u2028\"");
}

TEST(4, "each byte that is not UTF-8 becomes U+FFFD") {
  STRING("a\xff", "\"a\xef\xbf\xbd\"");
  STRING("\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
  STRING("\xc3", "\"\xef\xbf\xbd\"");
}

TEST(5, "random bytes always give a valid string that fits") {
  char data[64], to[JSON_STRING_ROOM(64)];
  for (size_t turn = tap_count(100000); turn > 0; turn--) {
    size_t size = (size_t)tap_random_below(sizeof data + 1);
    for (size_t i = 0; i < size; i++)
      data[i] = (char)tap_random();
    size_t used = message_json_string(to, data, size);
    CHECK(used >= 2 && used <= JSON_STRING_ROOM(size));
    CHECK(to[0] == '"' && to[used - 1] == '"');
    for (size_t i = 1; i < used - 1;) {
      uint32_t code;
      size_t length = utf8_decode(to + i, used - 1 - i, &code);
      CHECK(length > 0 && utf8_shows(code) && code != '"');
      i += code == '\\' ? 2 : length;
    }
  }
}

TEST(6, "the object of the lectures, to the letter") {
  static const char expected[] = "{\"send_user\": \"an\\\"na\", \"send_time\": \"2025-01-31 "
                                 "12:00:00\", \"send_msg\": \"a\\nb\"}";
  struct message message = {.number = 7};
  CHECK(setenv("TZ", "UTC", 1) == 0);
  CHECK_OK(message_make_json("an\"na", 1738324800, "a\nb", 3, &message));
  CHECK_IS(message.size, ==, sizeof expected - 1);
  CHECK(memcmp(message.data, expected, message.size) == 0);
  CHECK_IS(message.number, ==, 7);
  message_free(&message);
  CHECK(!message.data);
}

TEST(7, "raw messages are the bytes, none of them included") {
  struct message message;
  CHECK_OK(message_make_raw("a\0b", 3, &message));
  CHECK(message.size == 3 && memcmp(message.data, "a\0b", 3) == 0);
  message_free(&message);
  CHECK_OK(message_make_raw("", 0, &message));
  CHECK(message.size == 0 && message.data);
  message_free(&message);
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
