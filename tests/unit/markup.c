/* SPDX-License-Identifier: MIT */
/*
 * markup.c - text in SVG and HTML: no markup, nothing malformed.
 */
#include "common/text.h"

#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define BAD "\xef\xbf\xbd"

static char *marked_up(const char *text) {
  char *to = NULL;
  size_t size;
  FILE *file = open_memstream(&to, &size);
  CHECK(file != NULL);
  markup_put(file, text);
  fclose(file);
  return to;
}

static void check_markup(const char *text, const char *expected) {
  char *got = marked_up(text);
  CHECK(strcmp(got, expected) == 0);
  free(got);
}

TEST(1, "what could be markup becomes entities, other text stays") {
  check_markup("", "");
  check_markup("a <b> & \"c\" 'd'", "a &lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
  check_markup("gr\xc3\xbc\xc3\x9f \xe2\x82\xac\t\n", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac\t\n");
}

TEST(2, "what XML forbids becomes U+FFFD: controls, surrogates, U+FFFE, bytes that are no UTF-8") {
  check_markup("\x01\x1b\x7f", BAD BAD BAD);
  check_markup("\xed\xa0\x80", BAD BAD BAD);
  check_markup("\xef\xbf\xbe\xef\xbf\xbf", BAD BAD);
  check_markup("\xff\xc3", BAD BAD);
  check_markup("cut \xe2\x82", "cut " BAD BAD);
}

TEST(3, "random bytes always give text that is well-formed and has no markup") {
  char text[65];
  for (size_t turn = tap_count(20000); turn > 0; turn--) {
    size_t size = (size_t)tap_random_below(sizeof text);
    for (size_t i = 0; i < size; i++)
      text[i] = (char)(1 + tap_random_below(255));
    text[size] = '\0';
    char *got = marked_up(text);
    CHECK(!strpbrk(got, "<>\"'"));
    uint32_t code;
    for (size_t at = 0, left = strlen(got), length; left > 0; at += length, left -= length) {
      length = utf8_decode(got + at, left, &code);
      CHECK(length > 0 && (utf8_shows(code) || code == '\n' || code == '\t'));
    }
    free(got);
  }
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
