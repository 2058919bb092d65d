/* SPDX-License-Identifier: MIT */
/*
 * histogram_hgrm.c - the percentile text that the plotters around HdrHistogram read (the Java and
 * C libraries and wrk2 write it; hdrhistogram.github.io/HdrHistogram/plotFiles.html draws it).
 */
#include "histogram.h"

#include <stdlib.h>

#include "histogram_buckets.h"

enum {
  TICKS = 5 /* for each halving, the libraries' default */
};

static void print_point(const struct histogram_point *point, double unit, FILE *to) {
  fprintf(to, "%12.3f %2.12f %10llu ", (double)point->value / unit, point->percentile,
          (unsigned long long)point->count_up_to);
  if (point->percentile < 1)
    fprintf(to, "%14.2f\n", 1 / (1 - point->percentile));
  else
    fprintf(to, "%14s\n", "inf");
}

void histogram_print_hgrm(const struct histogram *histogram, double unit, FILE *to) {
  static const size_t most = TICKS * 64;
  struct histogram_point points[TICKS * 64];
  size_t count = histogram_curve(histogram, TICKS, points, most);

  fprintf(to, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
  for (size_t i = 0; i < count; i++)
    print_point(&points[i], unit, to);
  fprintf(to, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", histogram_mean(histogram) / unit,
          histogram_stddev(histogram) / unit);
  fprintf(to, "#[Max     = %12.3f, Total count    = %12llu]\n",
          (double)histogram_max(histogram) / unit, (unsigned long long)histogram_count(histogram));
  fprintf(to, "#[Buckets = %12d, SubBuckets     = %12d]\n", SHIFTS, 2 * HALF);
}
