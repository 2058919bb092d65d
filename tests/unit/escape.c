/* SPDX-License-Identifier: MIT */
/*
 * escape.c - how the server prints received data: one harmless line, and nothing lost.
 */
#include "common/text.h"

#include <string.h>

#include "tap.h"

enum {
  ROOM = 512,
  FENCE = 0x5a,
};

static void check_text(const char *data, size_t size, const char *expected) {
  char to[ROOM];
  memset(to, FENCE, sizeof to);
  size_t used = escape_text(to, data, size);
  NOTE("expected: %s", expected);
  CHECK_IS(used, ==, strlen(expected));
  CHECK(memcmp(to, expected, used) == 0);
  CHECK_IS(to[used], ==, FENCE);
  CHECK(used <= ESCAPE_TEXT_ROOM(size));
}

#define TEXT(data, expected) check_text(data, sizeof(data) - 1, expected)

TEST(1, "a newline that ends the data ends the record, one is added where it lacks") {
  TEXT("hello\n", "hello\n");
  TEXT("hello", "hello\n");
  TEXT("", "\n");
  TEXT("\n", "\n");
  TEXT("\n\n", "\\n\n");
}

TEST(2, "newlines and returns inside a record cannot pass one record for two") {
  TEXT("one\ntwo\n", "one\\ntwo\n");
  TEXT("GET /\r\n", "GET /\\r\n");
  TEXT("a\rb", "a\\rb\n");
}

TEST(3, "control bytes become \\xHH, tabs and backslashes stay") {
  TEXT("\x1b[31mred\x07", "\\x1b[31mred\\x07\n");
  TEXT("a\0b", "a\\x00b\n");
  TEXT("\x7f", "\\x7f\n");
  TEXT("\ta\\b\"c\\n", "\ta\\b\"c\\n\n");
}

TEST(4, "well-formed UTF-8 stays as it is") {
  TEXT("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f\n");
  TEXT("\xe2\x82\xac \xf0\x9f\x99\x82", "\xe2\x82\xac \xf0\x9f\x99\x82\n");
  TEXT("\xc2\xa0", "\xc2\xa0\n"); /* the first printable one after C1 */
  TEXT("\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80\n"); /* around the surrogates */
  TEXT("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf\n");                 /* the last code */
}

TEST(5, "ill-formed UTF-8 becomes \\xHH: overlong, surrogates, too large, cut off, stray") {
  TEXT("\xc0\x80", "\\xc0\\x80\n");
  TEXT("\xc1\xbf", "\\xc1\\xbf\n");
  TEXT("\xe0\x9f\xbf", "\\xe0\\x9f\\xbf\n");
  TEXT("\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf\n");
  TEXT("\xed\xa0\x80", "\\xed\\xa0\\x80\n");
  TEXT("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80\n");
  TEXT("\xf5\xff\xfe", "\\xf5\\xff\\xfe\n");
  TEXT("\xe2\x82", "\\xe2\\x82\n");
  TEXT("\xe2\x82x", "\\xe2\\x82x\n");
  TEXT("\x80z", "\\x80z\n");
}

TEST(6, "C1 controls, line separators, bidi overrides and U+FFFE are well-formed and escaped") {
  TEXT("\xef\xbf\xbe|\xef\xbf\xbf|\xef\xbf\xbd", "\\xef\\xbf\\xbe|\\xef\\xbf\\xbf|\xef\xbf\xbd\n");
  TEXT("\xc2\x9b"
       "31m",
       "\\xc2\\x9b31m\n"); /* CSI in one character */
  TEXT("\xc2\x85", "\\xc2\\x85\n");
  TEXT("\xe2\x80\xa8|\xe2\x80\xa9", "\\xe2\\x80\\xa8|\\xe2\\x80\\xa9\n");
  TEXT("\xe2\x80\xae", "\\xe2\\x80\\xae\n");
  TEXT("\xe2\x81\xa6\xe2\x81\xa9", "\\xe2\\x81\\xa6\\xe2\\x81\\xa9\n");
}

TEST(7, "hex is two digits a byte") {
  char to[ROOM];
  size_t used = escape_hex(to,
                           "\x00\x1b"
                           "Az\xff\n",
                           6);
  CHECK_IS(used, ==, ESCAPE_HEX_ROOM(6));
  CHECK(memcmp(to, "001b417aff0a\n", used) == 0);
  CHECK_IS(escape_hex(to, "", 0), ==, 1);
}

static bool harmless(const char *line, size_t size) {
  while (size > 0) {
    uint32_t code;
    size_t length = utf8_decode(line, size, &code);
    if (length == 0 || (!utf8_shows(code) && code != '\t'))
      return false;
    line += length;
    size -= length;
  }
  return true;
}

TEST(8, "random bytes always give one harmless line that fits") {
  char data[64], to[ESCAPE_TEXT_ROOM(64)];
  for (size_t turn = tap_count(200000); turn > 0; turn--) {
    size_t size = (size_t)tap_random_below(sizeof data + 1);
    for (size_t i = 0; i < size; i++)
      data[i] = (char)(tap_random_below(2) ? tap_random() : 0x80 | tap_random_below(0x80));
    size_t used = escape_text(to, data, size);
    CHECK(used >= 1 && used <= ESCAPE_TEXT_ROOM(size));
    CHECK_IS(to[used - 1], ==, '\n');
    CHECK(harmless(to, used - 1));
  }
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
