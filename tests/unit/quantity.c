/* SPDX-License-Identifier: MIT */
/*
 * quantity.c - figures as text: 3 digits, one unit.
 */
#include "report/quantity.h"

#include <math.h>
#include <string.h>

#include "report/line.h"
#include "tap.h"

static void shows(double value, const char *expected) {
  char text[QUANTITY_SIZE];
  NOTE("%.17g is %s, expected %s", value, quantity_text(text, value), expected);
  CHECK(strcmp(quantity_text(text, value), expected) == 0);
}

static void ratio_shows(double value, const char *expected) {
  char text[QUANTITY_SIZE];
  NOTE("%.17g is %s, expected %s", value, ratio_text(text, value), expected);
  CHECK(strcmp(ratio_text(text, value), expected) == 0);
}

static void scales(const char *unit, double typical, double value, const char *expected,
                   const char *expected_unit) {
  struct scale scale = scale_for(unit, typical);
  NOTE("unit %s, expected %s", scale.unit, expected_unit);
  CHECK(strcmp(scale.unit, expected_unit) == 0);
  shows(value * scale.factor, expected);
}

TEST(1, "3 significant digits, without exponents, thousands apart") {
  shows(0, "0");
  shows(1, "1.00");
  shows(12.34, "12.3");
  shows(123.4, "123");
  shows(1234, "1,230");
  shows(150000, "150,000");
  shows(1234567, "1,230,000");
  shows(0.08414, "0.0841");
  shows(0.0000123, "0.0000123");
  shows(-12.34, "-12.3");
  shows(-1234, "-1,230");
}

TEST(2, "what rounds up to the next power of ten has no digit more") {
  shows(9.994, "9.99");
  shows(9.996, "10.0");
  shows(99.96, "100");
  shows(999.6, "1,000");
  shows(0.9996, "1.00");
  shows(0.09996, "0.100");
}

TEST(2, "the requested number of digits, for figures compared one by one") {
  static const struct {
    double value;
    const char *expected;
  } of_four[] = {{331, "331.0"},    {332.04, "332.0"},   {1003, "1,003"},   {12345, "12,350"},
                 {1.0031, "1.003"}, {0.98768, "0.9877"}, {9.9996, "10.00"}, {-4.5, "-4.500"}};
  for (size_t i = 0; i < sizeof of_four / sizeof *of_four; i++) {
    char text[QUANTITY_SIZE];
    NOTE("%.17g is %s", of_four[i].value, digits_text(text, of_four[i].value, 4));
    CHECK(strcmp(text, of_four[i].expected) == 0);
  }
}

TEST(3, "a missing figure is a dash; extreme figures still fit") {
  shows(NAN, "-");
  shows(INFINITY, "-");
  shows(1e300, "1e+300");
  shows(-1e17, "-100,000,000,000,000,000");
  shows(1e-300, "0.00000000000");
}

TEST(4, "ratios near 1 have 2 decimals, so that 1.00 shows that it was rounded") {
  ratio_shows(1, "1.00");
  ratio_shows(0.987, "0.99");
  ratio_shows(9.994, "9.99");
  ratio_shows(9.996, "10.0");
  ratio_shows(0.0123, "0.0123");
  ratio_shows(NAN, "-");
}

TEST(5, "durations in the unit of their middle") {
  scales("ns", 900, 900, "900", "ns");
  scales("ns", 12345, 12345, "12.3", "µs");
  scales("ns", 12345, 3500000, "3,500", "µs");
  scales("ns", 2.5e6, 2.5e6, "2.50", "ms");
  scales("ns", 3e9, 3e9, "3.00", "s");
  scales("ns", NAN, 5, "5.00", "ns");
}

TEST(6, "rates and counts in thousands and millions, bare numbers too") {
  scales("1/s", 950, 950, "950", "/s");
  scales("1/s", 123456, 123456, "123", "k/s");
  scales("1/s", 2.5e6, 2.5e6, "2.50", "M/s");
  scales("calls", 2.02, 2.02, "2.02", "calls");
  scales("instructions", 1234567, 1234567, "1.23", "M instructions");
  scales("", 50000, 50000, "50.0", "k");
  scales("", 3, 3, "3.00", "");
}

TEST(7, "columns are characters, not bytes") {
  CHECK_IS(text_columns(""), ==, 0u);
  CHECK_IS(text_columns("µs ±3"), ==, 5u);
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
