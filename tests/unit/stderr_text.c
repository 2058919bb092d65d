/* SPDX-License-Identifier: MIT */
/*
 * stderr_text.c - the part of a program's output that shows how it ended.
 */
#include "contestants/child.h"

#include <string.h>

#include "tap.h"

TEST(1, "the last line, however the text ends") {
  static const char *const texts[] = {"one\ntwo", "one\ntwo\n", "two\n\n", "two"};
  size_t size;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    const char *line = stderr_last_line(texts[i], &size);
    CHECK_IS(size, ==, 3);
    CHECK(strncmp(line, "two", 3) == 0);
  }
  stderr_last_line("", &size);
  CHECK_IS(size, ==, 0);
  stderr_last_line("\n\n", &size);
  CHECK_IS(size, ==, 0);
}

TEST(2, "too long a text is cut at its beginning, to whole lines if one fits") {
  char said[12];
  stderr_keep_end("first\nsecond\nlast\n", said, sizeof said);
  CHECK(strcmp(said, "last\n") == 0);
  stderr_keep_end("a single long line\n", said, sizeof said);
  CHECK(strcmp(said, "long line\n") == 0 || strcmp(said, " long line\n") == 0);
  stderr_keep_end("short\n", said, sizeof said);
  CHECK(strcmp(said, "short\n") == 0);
  stderr_keep_end(NULL, said, sizeof said);
  CHECK(strcmp(said, "") == 0);
}

TEST(3, "a line is added on a line of its own, and the beginning gives way to it") {
  char said[12] = "words";
  stderr_add_line(said, sizeof said, "(end)");
  CHECK(strcmp(said, "words\n(end)") == 0);
  stderr_add_line(said, sizeof said, "more");
  CHECK(strcmp(said, "\n(end)\nmore") == 0);
  stderr_add_line(said, sizeof said, "as long as the room");
  CHECK(strcmp(said, "as long as ") == 0);
  strcpy(said, "");
  stderr_add_line(said, sizeof said, "(end)");
  CHECK(strcmp(said, "(end)") == 0);
}

TEST(4, "a counter is one of the summary") {
  uint64_t count = 0;
  CHECK(stderr_counter("overflows=9\nserver: summary tcp=1 overflows=3 rescues=0\n", "overflows",
                       &count));
  CHECK_IS(count, ==, 3);
  CHECK(!stderr_counter("server: summary tcp=1\n", "overflows", &count));
  CHECK(!stderr_counter("server: overflows=3\n", "overflows", &count));
  CHECK(!stderr_counter("", "overflows", &count));
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
