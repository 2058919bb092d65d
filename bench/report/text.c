/* SPDX-License-Identifier: MIT */
/*
 * text.c - figures as text, and the lines of a table on the terminal; see report.h.
 */
#include "report.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

/* ---- figures -------------------------------------------------------------------------------- */

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

size_t text_columns(const char *text) {
  size_t columns = 0;
  for (; *text; text++)
    columns += ((unsigned char)*text & 0xc0) != 0x80;
  return columns;
}

/* ---- a line on the terminal ------------------------------------------------------------------- */

char *harmless(const char *text) {
  size_t size = strlen(text);
  char *safe = malloc(ESCAPE_TEXT_ROOM(size) + 1);
  if (!safe)
    return NULL;
  size_t used = escape_text(safe, text, size);
  safe[used > 0 ? used - 1 : 0] = '\0'; /* without its newline */
  return safe;
}

size_t harmless_columns(const char *text) {
  char *safe = harmless(text);
  size_t columns = safe ? text_columns(safe) : 0;
  free(safe);
  return columns;
}

static void pay_blanks(struct text_line *line) {
  fprintf(line->to, "%*s", (int)line->blanks, "");
  line->blanks = 0;
}

void line_put(struct text_line *line, const char *text) {
  char *safe = harmless(text);
  pay_blanks(line);
  fputs(safe ? safe : "?", line->to);
  free(safe);
}

void line_format(struct text_line *line, const char *format, ...) {
  va_list more;
  va_start(more, format);
  char *text;
  if (vasprintf(&text, format, more) < 0)
    text = NULL;
  va_end(more);
  line_put(line, text ? text : "?");
  free(text);
}

void line_left(struct text_line *line, const char *text, size_t columns) {
  char *safe = harmless(text);
  const char *at = safe ? safe : "?";
  size_t all = text_columns(at), shown = all > columns ? columns - 1 : all;
  pay_blanks(line);
  for (size_t left = shown; left > 0; left--) {
    do
      fputc(*at++, line->to);
    while (((unsigned char)*at & 0xc0) == 0x80);
  }
  if (all > columns)
    fputs("…", line->to);
  line->blanks = all > columns ? 0 : columns - all;
  free(safe);
}

void line_right(struct text_line *line, const char *text, size_t columns) {
  size_t used = harmless_columns(text);
  line->blanks += used < columns ? columns - used : 0;
  if (used > 0)
    line_put(line, text);
}

void line_style(struct text_line *line, const char *code) {
  if (line->colours)
    fprintf(line->to, "\x1b[%sm", code);
}

void line_end(struct text_line *line) {
  line->blanks = 0;
  fputc('\n', line->to);
}
