/* SPDX-License-Identifier: MIT */
/*
 * histogram_io.c - a histogram leaves the process and comes back: through a pipe, in a document, as
 * text for plotters.
 */
#include "histogram.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "histogram_buckets.h"

/* ---- through a pipe ------------------------------------------------------------------------- */

/* From the measuring process to its parent: a header, then the counters from the smallest value's to
 * the largest's, in native representation. */

#define MAGIC UINT64_C(0x31726468706f6f6c) /* "loophdr1" */

struct header {
  uint64_t magic, count, min, max;
};

int pipe_write(int fd, const void *data, size_t size) {
  const char *at = data;
  while (size > 0) {
    ssize_t written = write(fd, at, size);
    if (written < 0 && errno != EINTR)
      return -errno;
    if (written > 0) {
      at += written;
      size -= (size_t)written;
    }
  }
  return 0;
}

int pipe_read(int fd, void *data, size_t size) {
  char *at = data;
  while (size > 0) {
    ssize_t got = read(fd, at, size);
    if (got == 0)
      return -EPIPE;
    if (got < 0 && errno != EINTR)
      return -errno;
    if (got > 0) {
      at += got;
      size -= (size_t)got;
    }
  }
  return 0;
}

static size_t range_size(const struct header *header) {
  return (bucket_of(header->max) - bucket_of(header->min) + 1) * sizeof(uint64_t);
}

int histogram_write(const struct histogram *histogram, int fd) {
  struct header header = {MAGIC, histogram->count, histogram->min, histogram->max};
  int error = pipe_write(fd, &header, sizeof header);
  if (error || header.count == 0)
    return error;
  return pipe_write(fd, histogram->counts + bucket_of(header.min), range_size(&header));
}

static int receive(struct histogram *histogram, int fd) {
  struct header header;
  int error = pipe_read(fd, &header, sizeof header);
  if (error)
    return error;
  if (header.magic != MAGIC)
    return -EBADMSG;
  if (header.count > 0) {
    if (header.min > header.max || header.max > HISTOGRAM_HIGHEST)
      return -EBADMSG;
    error = pipe_read(fd, histogram->counts + bucket_of(header.min), range_size(&header));
  }
  histogram->count = header.count;
  histogram->min = header.min;
  histogram->max = header.max;
  if (!error && histogram_fault(histogram))
    error = -EBADMSG;
  return error;
}

int histogram_read(struct histogram *histogram, int fd) {
  histogram_clear(histogram);
  int error = receive(histogram, fd);
  if (error)
    histogram_clear(histogram);
  return error;
}

/* ---- in a document -------------------------------------------------------------------------- */

/* Without loss: the lowest value and the count of each bucket that is not empty. Input is untrusted,
 * perhaps written by hand, and is refused with a reason unless it is consistent. */

static int append_counts(const struct histogram *histogram, json_t *counts) {
  for (size_t bucket = 0; bucket < BUCKETS; bucket++) {
    if (histogram->counts[bucket] == 0)
      continue;
    json_t *pair = json_pack("[I, I]", (json_int_t)bucket_lowest(bucket),
                             (json_int_t)histogram->counts[bucket]);
    if (json_array_append_new(counts, pair) < 0)
      return -1;
  }
  return 0;
}

json_t *histogram_to_json(const struct histogram *histogram) {
  json_t *counts = json_array();
  if (!counts || append_counts(histogram, counts) < 0) {
    json_decref(counts);
    return NULL;
  }
  return json_pack("{s:i, s:I, s:I, s:I, s:f, s:f, s:o}", "digits", HISTOGRAM_DIGITS, "count",
                   (json_int_t)histogram_count(histogram), "min",
                   (json_int_t)histogram_min(histogram), "max",
                   (json_int_t)histogram_max(histogram), "sum", histogram_sum(histogram),
                   "sum_squares", histogram_sum_squares(histogram), "counts", counts);
}

static bool take_integer(const json_t *json, uint64_t *ret) {
  if (!json_is_integer(json) || json_integer_value(json) < 0)
    return false;
  *ret = (uint64_t)json_integer_value(json);
  return true;
}

static const char *take_counts(struct histogram *histogram, const json_t *counts) {
  if (!json_is_array(counts))
    return "it has no \"counts\"";
  for (size_t i = 0; i < json_array_size(counts); i++) {
    const json_t *pair = json_array_get(counts, i);
    uint64_t value, count;
    if (json_array_size(pair) != 2 || !take_integer(json_array_get(pair, 0), &value) ||
        !take_integer(json_array_get(pair, 1), &count) || count == 0)
      return "one of its counts is not [value, n] with n above 0";
    if (value > HISTOGRAM_HIGHEST)
      return "one of its values is above an hour";
    size_t bucket = bucket_of(value);
    if (bucket_lowest(bucket) != value)
      return "one of its values is not where a bucket begins";
    if (histogram->counts[bucket])
      return "one of its values is there twice";
    histogram->counts[bucket] = count;
  }
  return NULL;
}

/* Another program may add up the sums in another order: equal to the third digit. */
static bool agrees(const json_t *json, double sum) {
  return json_is_number(json) && fabs(json_number_value(json) - sum) <= sum / 1000;
}

static const char *take(struct histogram *histogram, const json_t *json) {
  const json_t *digits = json_object_get(json, "digits");
  if (!json_is_object(json))
    return "it is not an object";
  if (!json_is_integer(digits) || json_integer_value(digits) != HISTOGRAM_DIGITS)
    return "its \"digits\" are not 3";
  if (!take_integer(json_object_get(json, "count"), &histogram->count) ||
      !take_integer(json_object_get(json, "min"), &histogram->min) ||
      !take_integer(json_object_get(json, "max"), &histogram->max))
    return "its \"count\", \"min\" or \"max\" is not a number from 0";
  if (histogram->count == 0 && histogram->min == 0)
    histogram->min = UINT64_MAX;

  const char *fault = take_counts(histogram, json_object_get(json, "counts"));
  if (!fault)
    fault = histogram_fault(histogram);
  if (fault)
    return fault;
  if (!agrees(json_object_get(json, "sum"), histogram_sum(histogram)) ||
      !agrees(json_object_get(json, "sum_squares"), histogram_sum_squares(histogram)))
    return "its \"sum\" or \"sum_squares\" is not that of its counts";
  return NULL;
}

struct histogram *histogram_from_json(const json_t *json, const char **why) {
  struct histogram *histogram = histogram_new();
  if (!histogram) {
    *why = "there is no memory for it";
    return NULL;
  }
  const char *fault = take(histogram, json);
  if (fault) {
    histogram_free(histogram);
    *why = fault;
    return NULL;
  }
  return histogram;
}

/* ---- as text -------------------------------------------------------------------------------- */

/* The percentile text that the plotters around HdrHistogram read (the Java and C libraries and wrk2
 * write it; hdrhistogram.github.io/HdrHistogram/plotFiles.html draws it). */

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
