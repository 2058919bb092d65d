/* SPDX-License-Identifier: MIT */
/*
 * cpus.c - lists of processors: valid and invalid ones.
 */
#include "common/cpus.h"

#include <string.h>

#include "tap.h"

static void check_list(const char *text, size_t count, const unsigned short *expected) {
  struct cpus cpus;
  CHECK(cpus_parse(text, &cpus));
  CHECK_IS(cpus.count, ==, count);
  for (size_t i = 0; i < count; i++)
    CHECK_IS(cpus.at[i], ==, expected[i]);
}

TEST(1, "numbers and ranges, in the order they were given") {
  check_list("0", 1, (const unsigned short[]){0});
  check_list("0,2-3", 3, (const unsigned short[]){0, 2, 3});
  check_list("7,1,1", 3, (const unsigned short[]){7, 1, 1});
  check_list("5-5,0-1", 3, (const unsigned short[]){5, 0, 1});
  check_list("1023,007", 2, (const unsigned short[]){1023, 7});
}

TEST(2, "an invalid list is refused, and changes nothing") {
  static const char *const wrong[] = {
      "",
      ",",
      "0,",
      ",0",
      "0,,1",
      "-",
      "-1",
      "0-",
      "3-2",
      "1-2-3",
      "a",
      "0 ",
      " 0",
      "0, 1",
      "0x1",
      "1.5",
      "+1",
      "0;1",
      "1024",
      "0-1024",
      "99999999999999999999",
      "4294967296",
      "0-4294967296",
  };
  struct cpus cpus = {.count = 1, .at = {42}};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    if (cpus_parse(wrong[i], &cpus))
      tap_fail(__FILE__, __LINE__, "'%s' was taken", wrong[i]);
    CHECK_IS(cpus.count, ==, 1);
    CHECK_IS(cpus.at[0], ==, 42);
  }
}

TEST(3, "as many as there is room for, and not one more") {
  struct cpus cpus = {.count = 0};
  CHECK(cpus_parse("0-1023", &cpus));
  CHECK_IS(cpus.count, ==, CPUS_MAX);
  CHECK_IS(cpus.at[CPUS_MAX - 1], ==, CPUS_MAX - 1);
  CHECK(!cpus_parse("0-1023,0", &cpus));
  CHECK(!cpus_parse("0,0-1023", &cpus));
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
