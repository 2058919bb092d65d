/* SPDX-License-Identifier: MIT */
/*
 * histogram.h - an HDR histogram: every reported latency comes from one.
 *
 * Log-linear (Gil Tene's HdrHistogram): values below 2,048 have a bucket each, above that each
 * doubling is cut into 1,024 equal ones, so that a bucket is never wider than a thousandth of its
 * values: 3 significant digits from 1 ns to an hour in about 34,000 counters (272 KiB). Recording
 * is an index and an increment; merging adds counters and loses nothing, across processes, runs and
 * machines. Not thread-safe. Values are nanoseconds here, but nothing depends on it.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#define HISTOGRAM_HIGHEST UINT64_C(3600000000000) /* an hour; larger values count as this */

struct histogram;

/* NULL: no memory. Freeing NULL is fine. */
struct histogram *histogram_new(void);
void histogram_free(struct histogram *histogram);
void histogram_clear(struct histogram *histogram);

void histogram_record(struct histogram *histogram, uint64_t value);
void histogram_record_many(struct histogram *histogram, uint64_t value, uint64_t count);

/* Add all of `from` to `to`: the same as if its values had been recorded there. */
void histogram_merge(struct histogram *to, const struct histogram *from);

/* The number of values; the smallest and largest as recorded, not rounded to buckets (0 if there
 * are none). */
uint64_t histogram_count(const struct histogram *histogram);
uint64_t histogram_min(const struct histogram *histogram);
uint64_t histogram_max(const struct histogram *histogram);

/* Only for the footer of .hgrm, which contains them: every value counts as the middle of its
 * bucket. */
double histogram_mean(const struct histogram *histogram);
double histogram_stddev(const struct histogram *histogram);

/*
 * The smallest value (rounded up to the end of its bucket, at most the largest recorded) such that
 * `percent` (0 to 100) of all values are at or below it: the nearest-rank percentile, within 0.1 %
 * of an exact sort. 0 if there are no values.
 */
uint64_t histogram_percentile(const struct histogram *histogram, double percent);

/* The inverse: how many values are at or below the end of `value`'s bucket. */
uint64_t histogram_count_up_to(const struct histogram *histogram, uint64_t value);

/* One point of the percentile curve. */
struct histogram_point {
  double percentile; /* 0 to 1 */
  uint64_t value, count_up_to;
};

/* The curve's points, `ticks` of them for each halving of the distance to 1 (usually 5), the last
 * at percentile 1. Returns their number, of which the first `room` are filled in; with points ==
 * NULL only counts. */
size_t histogram_curve(const struct histogram *histogram, unsigned ticks,
                       struct histogram_point *points, size_t room);

/* The .hgrm text of HdrHistogram's plotters, values divided by `unit` (1000: microseconds). */
void histogram_print_hgrm(const struct histogram *histogram, double unit, FILE *to);

/* {"digits": 3, "count": N, "min": N, "max": N, "sum": x, "sum_squares": x, "counts": [[value, n],
 * ...]} where value is the lowest of its bucket and empty buckets are omitted. A new reference,
 * NULL: no memory. */
json_t *histogram_to_json(const struct histogram *histogram);

/* NULL if `json` is not a histogram (the reason, static, in *why). */
struct histogram *histogram_from_json(const json_t *json, const char **why);

/* Through a pipe between processes of one build: 0, or -errno (-EPIPE: the other end is gone, which
 * is returned only if SIGPIPE is ignored; -EBADMSG: not a histogram). Blocking. Reading replaces
 * the contents, and leaves the histogram empty if it fails. */
int histogram_write(const struct histogram *histogram, int fd);
int histogram_read(struct histogram *histogram, int fd);

/* The same for other data. */
int pipe_write(int fd, const void *data, size_t size);
int pipe_read(int fd, void *data, size_t size);

#endif
