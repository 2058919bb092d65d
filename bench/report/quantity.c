/* SPDX-License-Identifier: MIT */
/* quantity.c - see quantity.h. */
#include "quantity.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct step {
  double at_least, divisor;
  const char *prefix;
};

static const struct step durations[] = {
    {1e9, 1e9, "s"}, {1e6, 1e6, "ms"}, {1e3, 1e3, "µs"}, {0, 1, "ns"}};
/* Thousands begin at 10,000: 1,234 calls are as short as 1.23 k calls. */
static const struct step counts[] = {{1e9, 1e9, "G"}, {1e6, 1e6, "M"}, {1e4, 1e3, "k"}, {0, 1, ""}};

/* The last one, if `typical` is unknown. */
static const struct step *step_for(const struct step *step, double typical) {
  while (step->at_least > 0 && !(fabs(typical) >= step->at_least))
    step++;
  return step;
}

struct scale scale_for(const char *unit, double typical) {
  struct scale scale;
  bool duration = strcmp(unit, "ns") == 0, rate = strcmp(unit, "1/s") == 0;
  const struct step *step = step_for(duration ? durations : counts, typical);
  scale.factor = 1 / step->divisor;
  const char *rest = duration ? "" : rate ? "/s" : unit;
  snprintf(scale.unit, sizeof scale.unit, "%s%s%.*s", step->prefix,
           *step->prefix && *rest && !rate ? " " : "", UNIT_SIZE - 8, rest);
  return scale;
}

/* `to` has room for 1e18 with commas and decimals. */
static void group_thousands(char *to, const char *digits) {
  size_t whole = strspn(digits, "0123456789");
  for (size_t i = 0; i < whole; i++) {
    if (i > 0 && (whole - i) % 3 == 0)
      *to++ = ',';
    *to++ = digits[i];
  }
  strcpy(to, digits + whole);
}

/* The number of decimals that gives a value other than 0 this many significant digits. */
static int decimals_of(double value, int significant) {
  int magnitude = (int)floor(log10(value));
  double unit = pow(10, magnitude - significant + 1);
  if (round(value / unit) >= pow(10, significant)) /* 9.996 is 10.0 */
    magnitude++;
  return magnitude >= significant - 1 ? 0 : magnitude < -9 ? 11 : significant - 1 - magnitude;
}

const char *digits_text(char to[QUANTITY_SIZE], double value, int significant) {
  char digits[QUANTITY_SIZE - 16];
  double size = fabs(value);
  if (!isfinite(value) || size >= 1e18) {
    snprintf(to, QUANTITY_SIZE, isfinite(value) ? "%.3g" : "-", value);
    return to;
  }
  if (size == 0)
    return strcpy(to, "0");
  double step = size >= pow(10, significant) ? pow(10, floor(log10(size)) - significant + 1) : 0;
  snprintf(digits, sizeof digits, "%.*f", decimals_of(size, significant),
           step > 0 ? round(size / step) * step : size);
  to[0] = '-';
  group_thousands(to + (value < 0), digits);
  return to;
}

const char *quantity_text(char to[QUANTITY_SIZE], double value) {
  return digits_text(to, value, 3);
}

const char *ratio_text(char to[QUANTITY_SIZE], double value) {
  if (isfinite(value) && value >= 0.1 && value < 9.995)
    snprintf(to, QUANTITY_SIZE, "%.2f", value);
  else
    quantity_text(to, value);
  return to;
}
