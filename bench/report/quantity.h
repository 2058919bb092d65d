/* SPDX-License-Identifier: MIT */
/*
 * quantity.h - figures as text, with 3 significant digits.
 *
 * A table has one unit, not one per cell: figures are compared by reading down a column.
 */
#ifndef BENCH_QUANTITY_H
#define BENCH_QUANTITY_H

enum {
  QUANTITY_SIZE = 48,
  UNIT_SIZE = 48
};

struct scale {
  double factor;        /* figure * factor is in `unit` */
  char unit[UNIT_SIZE]; /* "µs", "k/s"; empty: the figure is a bare number */
};

/* The scale for figures around `typical` (NaN: unknown) in a metric's unit: "ns", "1/s", "calls",
 * "". */
struct scale scale_for(const char *unit, double typical);

/* "12.3", "0.0841", "150,000"; "-" if value is not a finite number. Returns `to`. */
const char *quantity_text(char to[QUANTITY_SIZE], double value);

/* The same with `significant` digits, 1 to 9: for comparing figure by figure. */
const char *digits_text(char to[QUANTITY_SIZE], double value, int significant);

/* A ratio, which has no unit: 3 significant digits, at least 2 after the point below 10. */
const char *ratio_text(char to[QUANTITY_SIZE], double value);

#endif
