/* SPDX-License-Identifier: MIT */
/*
 * histogram.c - the lab's histogram compared with an exact method: the same million values, sorted.
 */
#include "results/histogram.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "results/statistics.h"
#include "tap.h"

enum {
  SAMPLES = 1000000,
  /* Percentiles are whole thousandths of a percent here, so that exact ranks are integers. */
  WHOLE = 100000
};

static int compare(const void *left, const void *right) {
  uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
  return (a > b) - (a < b);
}

static uint64_t exact_percentile(const uint64_t *sorted, size_t count, size_t thousandths) {
  size_t rank = (size_t)(((uint64_t)count * thousandths + WHOLE - 1) / WHOLE);
  return sorted[rank > 0 ? rank - 1 : 0];
}

/* Never lower, and higher by at most a thousandth. */
static void check_percentile(const struct histogram *histogram, const uint64_t *sorted,
                             size_t count, size_t thousandths) {
  uint64_t exact = exact_percentile(sorted, count, thousandths);
  uint64_t ours = histogram_percentile(histogram, (double)thousandths / 1000);
  NOTE("percentile %g: exact %llu, ours %llu", (double)thousandths / 1000,
       (unsigned long long)exact, (unsigned long long)ours);
  CHECK(ours >= exact);
  CHECK(ours - exact <= exact / 1000);
}

static void check_percentiles(const struct histogram *histogram, const uint64_t *sorted,
                              size_t count) {
  for (size_t percent = 0; percent <= 100; percent++)
    check_percentile(histogram, sorted, count, percent * 1000);
  check_percentile(histogram, sorted, count, 99900);
  check_percentile(histogram, sorted, count, 99990);
  check_percentile(histogram, sorted, count, 99999);
}

/* ---- distributions -------------------------------------------------------------------- */

static uint64_t uniform(struct random *random) {
  return random_below(random, 10000000);
}

static uint64_t exponential(struct random *random) {
  return (uint64_t)random_exponential(random, 50000);
}

/* Two humps, and one value in 5,000 of up to a minute. */
static uint64_t bimodal(struct random *random) {
  if (random_below(random, 5000) == 0)
    return UINT64_C(1000000000) + random_below(random, UINT64_C(59000000000));
  return (random_below(random, 2) ? 20000u : 900000u) + random_below(random, 3000);
}

static uint64_t constant(struct random *random) {
  (void)random;
  return 123457;
}

static uint64_t powers_of_two(struct random *random) {
  return UINT64_C(1) << random_below(random, 42);
}

/* One below, at and above the ends of buckets of every size. */
static uint64_t around_borders(struct random *random) {
  unsigned shift = (unsigned)random_below(random, 31);
  uint64_t lead = 1024 + random_below(random, 1024);
  return (lead << shift) + random_below(random, 3) - 1;
}

static struct histogram *new_histogram(void) {
  struct histogram *histogram = histogram_new();
  CHECK(histogram);
  return histogram;
}

static struct histogram *filled(uint64_t (*draw)(struct random *), uint64_t seed, size_t count,
                                uint64_t *values) {
  struct histogram *histogram = new_histogram();
  struct random random;
  random_seed(&random, seed);
  for (size_t i = 0; i < count; i++) {
    uint64_t value = draw(&random);
    histogram_record(histogram, value);
    if (values)
      values[i] = value;
  }
  return histogram;
}

static void check_distribution(uint64_t (*draw)(struct random *)) {
  size_t count = tap_count(SAMPLES);
  uint64_t *values = malloc(count * sizeof *values);
  CHECK(values);
  struct histogram *histogram = filled(draw, 4, count, values);
  qsort(values, count, sizeof *values, compare);

  check_percentiles(histogram, values, count);
  CHECK_IS(histogram_count(histogram), ==, count);
  CHECK_IS(histogram_min(histogram), ==, values[0]);
  CHECK_IS(histogram_max(histogram), ==, values[count - 1]);
  CHECK_IS(histogram_percentile(histogram, 100), ==, values[count - 1]);
  histogram_free(histogram);
  free(values);
}

TEST(1, "percentiles of a million uniform values are those of a sort") {
  check_distribution(uniform);
}
TEST(1, "percentiles of a million exponential values are those of a sort") {
  check_distribution(exponential);
}
TEST(1, "percentiles of a million values in two humps with outliers are those of a sort") {
  check_distribution(bimodal);
}
TEST(1, "percentiles of a million equal values are that value") {
  check_distribution(constant);
}
TEST(1, "percentiles of a million powers of two are those of a sort") {
  check_distribution(powers_of_two);
}
TEST(1, "percentiles of a million values around the buckets' borders are those of a sort") {
  check_distribution(around_borders);
}

TEST(2, "99.9 % of 1,000 values are 999 of them") {
  struct histogram *histogram = new_histogram();
  for (uint64_t value = 1; value <= 1000; value++)
    histogram_record(histogram, value);
  CHECK_IS(histogram_percentile(histogram, 99.9), ==, 999);
  CHECK_IS(histogram_percentile(histogram, 99.91), ==, 1000);
  CHECK_IS(histogram_percentile(histogram, 50), ==, 500);
  CHECK_IS(histogram_percentile(histogram, 0), ==, 1);
  histogram_free(histogram);
}

TEST(2, "no values: every figure is 0") {
  struct histogram *histogram = new_histogram();
  CHECK_IS(histogram_percentile(histogram, 50), ==, 0);
  CHECK_IS(histogram_min(histogram), ==, 0);
  CHECK_IS(histogram_max(histogram), ==, 0);
  CHECK(histogram_mean(histogram) == 0 && histogram_stddev(histogram) == 0);
  CHECK_IS(histogram_curve(histogram, 5, NULL, 0), ==, 0);
  histogram_free(histogram);
}

TEST(2, "values above an hour are counted as an hour") {
  struct histogram *histogram = new_histogram();
  histogram_record(histogram, HISTOGRAM_HIGHEST + 1);
  histogram_record(histogram, UINT64_MAX);
  histogram_record_many(histogram, UINT64_MAX, 3);
  CHECK_IS(histogram_count(histogram), ==, 5);
  CHECK_IS(histogram_min(histogram), ==, HISTOGRAM_HIGHEST);
  CHECK_IS(histogram_max(histogram), ==, HISTOGRAM_HIGHEST);
  CHECK_IS(histogram_percentile(histogram, 0), ==, HISTOGRAM_HIGHEST);
  CHECK_IS(histogram_count_up_to(histogram, UINT64_MAX), ==, 5);
  histogram_free(histogram);
}

TEST(2, "how many lie at or below a value is as counted one by one") {
  size_t count = tap_count(SAMPLES / 10);
  uint64_t *values = malloc(count * sizeof *values);
  CHECK(values);
  struct histogram *histogram = filled(uniform, 9, count, values);
  for (uint64_t bound = 1; bound < 10000000; bound = bound * 3 + 1) {
    size_t at_most = 0, with_bucket = 0;
    for (size_t i = 0; i < count; i++) {
      at_most += values[i] <= bound;
      with_bucket += values[i] <= bound + bound / 1000;
    }
    CHECK_IS(histogram_count_up_to(histogram, bound), >=, at_most);
    CHECK_IS(histogram_count_up_to(histogram, bound), <=, with_bucket);
  }
  histogram_free(histogram);
  free(values);
}

TEST(2, "mean and deviation of 10,000 values from 0 to 9,999") {
  struct histogram *histogram = new_histogram();
  for (uint64_t value = 0; value < 10000; value++)
    histogram_record(histogram, value);
  CHECK(fabs(histogram_mean(histogram) - 4999.5) < 5);
  CHECK(fabs(histogram_stddev(histogram) - 2886.75) < 3);
  histogram_free(histogram);
}

TEST(2, "the deviation of equal large values is 0") {
  struct histogram *histogram = new_histogram();
  histogram_record_many(histogram, UINT64_C(3599999999999), 1000000);
  CHECK(histogram_stddev(histogram) == 0);
  histogram_free(histogram);
}

/* ---- merging, and the two external forms -------------------------------------------------- */

static char *text_of(const struct histogram *histogram) {
  json_t *json = histogram_to_json(histogram);
  CHECK(json);
  char *text = json_dumps(json, JSON_SORT_KEYS);
  CHECK(text);
  json_decref(json);
  return text;
}

static void check_same(const struct histogram *left, const struct histogram *right) {
  char *a = text_of(left), *b = text_of(right);
  CHECK(strcmp(a, b) == 0);
  free(a);
  free(b);
}

TEST(3, "merging gives the very JSON of recording everything in one") {
  size_t count = tap_count(SAMPLES / 10);
  uint64_t (*const draws[])(struct random *) = {uniform, exponential, bimodal, around_borders};
  struct histogram *all = new_histogram(), *merged = new_histogram();
  for (size_t i = 0; i < sizeof draws / sizeof *draws; i++) {
    uint64_t *values = malloc(count * sizeof *values);
    CHECK(values);
    struct histogram *part = filled(draws[i], i, count, values);
    for (size_t k = 0; k < count; k++)
      histogram_record(all, values[k]);
    histogram_merge(merged, part);
    histogram_free(part);
    free(values);
  }
  check_same(all, merged);
  histogram_free(all);
  histogram_free(merged);
}

TEST(3, "merging nothing changes nothing") {
  struct histogram *some = filled(exponential, 1, 1000, NULL), *same, *none = new_histogram();
  same = filled(exponential, 1, 1000, NULL);
  histogram_merge(some, none);
  check_same(some, same);
  histogram_merge(none, some);
  check_same(none, same);
  histogram_free(some);
  histogram_free(same);
  histogram_free(none);
}

TEST(3, "recording many at once is recording each") {
  struct histogram *one_by_one = new_histogram(), *at_once = new_histogram();
  for (int i = 0; i < 77; i++)
    histogram_record(one_by_one, 4097);
  histogram_record_many(at_once, 4097, 77);
  histogram_record_many(at_once, 9999, 0);
  check_same(one_by_one, at_once);
  histogram_free(one_by_one);
  histogram_free(at_once);
}

static void check_through_json(const struct histogram *histogram) {
  char *text = text_of(histogram);
  json_t *json = json_loads(text, 0, NULL);
  const char *why = NULL;
  struct histogram *again = histogram_from_json(json, &why);
  NOTE("%s", why ? why : "");
  CHECK(again);
  check_same(histogram, again);
  histogram_free(again);
  json_decref(json);
  free(text);
}

static void *write_to_pipe(void *arg) {
  const struct histogram *const *histograms = arg;
  int fd = *(const int *)(const void *)histograms[1];
  CHECK_OK(histogram_write(histograms[0], fd));
  return NULL;
}

static void check_through_pipe(const struct histogram *histogram) {
  int ends[2];
  CHECK_SYS(pipe(ends));
  const void *job[] = {histogram, &ends[1]};
  pthread_t writer;
  CHECK_THREAD(pthread_create(&writer, NULL, write_to_pipe, job));
  struct histogram *again = filled(uniform, 1, 100, NULL);
  CHECK_OK(histogram_read(again, ends[0]));
  CHECK_THREAD(pthread_join(writer, NULL));
  check_same(histogram, again);
  histogram_free(again);
  close(ends[0]);
  close(ends[1]);
}

static void check_ways(void (*check)(const struct histogram *)) {
  struct histogram *none = new_histogram(), *single = new_histogram();
  histogram_record(single, 0);
  struct histogram *many = filled(bimodal, 3, tap_count(SAMPLES), NULL);
  struct histogram *wide = filled(powers_of_two, 3, 1000, NULL);
  check(none);
  check(single);
  check(many);
  check(wide);
  histogram_free(none);
  histogram_free(single);
  histogram_free(many);
  histogram_free(wide);
}

TEST(4, "through JSON and back nothing is lost") {
  check_ways(check_through_json);
}
TEST(4, "through a pipe and back nothing is lost") {
  check_ways(check_through_pipe);
}

/* ---- invalid histograms --------------------------------------------------------------------- */

#define JSON_OF(count, min, max, sum, squares, counts)                                             \
  "{\"digits\": 3, \"count\": " count ", \"min\": " min ", \"max\": " max ", \"sum\": " sum        \
  ", \"sum_squares\": " squares ", \"counts\": " counts "}"

static void check_refused(const char *text, const char *reason) {
  json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
  CHECK(json);
  const char *why = NULL;
  struct histogram *histogram = histogram_from_json(json, &why);
  NOTE("%s: %s", text, why ? why : "taken");
  CHECK(!histogram);
  CHECK(why && strstr(why, reason));
  json_decref(json);
}

TEST(5, "a histogram written by hand is read") {
  json_t *json =
      json_loads(JSON_OF("3", "5", "4097", "4107.0", "16789562", "[[5, 2], [4096, 1]]"), 0, NULL);
  const char *why = "";
  struct histogram *histogram = histogram_from_json(json, &why);
  NOTE("%s", why);
  CHECK(histogram);
  CHECK_IS(histogram_count(histogram), ==, 3);
  CHECK_IS(histogram_percentile(histogram, 50), ==, 5);
  CHECK_IS(histogram_max(histogram), ==, 4097);
  histogram_free(histogram);
  json_decref(json);
}

TEST(5, "JSON that is no histogram is refused with a reason") {
  check_refused("[]", "not an object");
  check_refused("{}", "digits");
  check_refused("{\"digits\": 2}", "digits");
  check_refused("{\"digits\": 3, \"count\": 1}", "not a number");
  check_refused(JSON_OF("-1", "5", "5", "5", "25", "[[5, 1]]"), "not a number");
  check_refused(JSON_OF("1", "5.5", "5", "5", "25", "[[5, 1]]"), "not a number");
  check_refused(JSON_OF("1", "5", "5", "5", "25", "{}"), "counts");
  check_refused(JSON_OF("1", "5", "5", "5", "25", "[[5, -1]]"), "n above 0");
  check_refused(JSON_OF("1", "5", "5", "5", "25", "[[5, 0]]"), "n above 0");
  check_refused(JSON_OF("1", "5", "5", "5", "25", "[[5, 1.0]]"), "n above 0");
  check_refused(JSON_OF("1", "5", "5", "5", "25", "[[5]]"), "n above 0");
  check_refused(JSON_OF("1", "5", "5", "5", "25", "[5, 1]"), "n above 0");
  check_refused(JSON_OF("1", "5", "5", "5", "25", "[[3600000000001, 1]]"), "above an hour");
  check_refused(JSON_OF("1", "4097", "4097", "5", "25", "[[4097, 1]]"), "begins");
  check_refused(JSON_OF("2", "5", "5", "10", "50", "[[5, 1], [5, 1]]"), "twice");
  check_refused(JSON_OF("2", "5", "5", "5", "25", "[[5, 1]]"), "add up");
  check_refused(JSON_OF("0", "5", "0", "0", "0", "[]"), "no values");
  check_refused(JSON_OF("1", "6", "5", "5", "25", "[[5, 1]]"), "above its max");
  check_refused(JSON_OF("1", "5", "3600000000001", "5", "25", "[[5, 1]]"), "above its max");
  check_refused(JSON_OF("2", "5", "9", "5", "25", "[[5, 1], [8, 1]]"), "first or last");
  check_refused(JSON_OF("1", "5", "5", "500", "25", "[[5, 1]]"), "sum");
  check_refused(JSON_OF("1", "5", "5", "5", "null", "[[5, 1]]"), "sum");
}

TEST(5, "counts that 64 bits do not hold are refused") {
  check_refused(JSON_OF("1", "5", "7", "5", "25",
                        "[[5, 9223372036854775807], [6, 9223372036854775807], [7, 3]]"),
                "64 bits");
}

static int read_bytes(const void *bytes, size_t size) {
  int ends[2];
  CHECK_SYS(pipe(ends));
  CHECK_IS(write(ends[1], bytes, size), ==, size);
  close(ends[1]);
  struct histogram *histogram = filled(uniform, 1, 100, NULL);
  int error = histogram_read(histogram, ends[0]);
  CHECK_IS(histogram_count(histogram), ==, 0);
  histogram_free(histogram);
  close(ends[0]);
  return error;
}

TEST(6, "a pipe that ends early or brings something else is an error") {
  struct histogram *histogram = new_histogram();
  histogram_record_many(histogram, 1000, 2);
  int ends[2];
  CHECK_SYS(pipe(ends));
  CHECK_OK(histogram_write(histogram, ends[1]));
  uint64_t bytes[5];
  CHECK_IS(read(ends[0], bytes, sizeof bytes), ==, sizeof bytes);
  close(ends[0]);
  close(ends[1]);
  histogram_free(histogram);

  CHECK_ERROR(read_bytes("", 0), EPIPE);
  CHECK_ERROR(read_bytes(bytes, sizeof bytes - 1), EPIPE);
  CHECK_ERROR(read_bytes("a line of text, longer than the header", 39), EBADMSG);
  bytes[4] = 3; /* the header says 2 */
  CHECK_ERROR(read_bytes(bytes, sizeof bytes), EBADMSG);
  bytes[3] = UINT64_MAX;
  CHECK_ERROR(read_bytes(bytes, sizeof bytes), EBADMSG);
}

/* ---- the curve ------------------------------------------------------------------------------ */

enum {
  ROOM = 1024
};

static void check_curve(const struct histogram *histogram, unsigned ticks) {
  static struct histogram_point points[ROOM];
  size_t count = histogram_curve(histogram, ticks, points, ROOM);
  CHECK_IS(count, ==, histogram_curve(histogram, ticks, NULL, 0));
  CHECK_IS(count, >=, 2);
  CHECK_IS(count, <=, ROOM);
  for (size_t i = 1; i < count; i++) {
    CHECK(points[i].percentile > points[i - 1].percentile);
    CHECK(points[i].value >= points[i - 1].value);
    CHECK(points[i].count_up_to >= points[i - 1].count_up_to);
  }
  for (size_t i = 0; i < count; i++) {
    CHECK_IS(points[i].value, ==, histogram_percentile(histogram, points[i].percentile * 100));
    CHECK_IS(points[i].count_up_to, ==, histogram_count_up_to(histogram, points[i].value));
  }
  CHECK(points[0].percentile == 0);
  CHECK(points[count - 1].percentile == 1);
  CHECK_IS(points[count - 1].value, ==, histogram_max(histogram));
  CHECK_IS(points[count - 1].count_up_to, ==, histogram_count(histogram));
}

TEST(7, "the curve never falls, and ends at the maximum") {
  uint64_t (*const draws[])(struct random *) = {uniform, exponential, bimodal, constant,
                                                powers_of_two};
  for (size_t i = 0; i < sizeof draws / sizeof *draws; i++) {
    struct histogram *histogram = filled(draws[i], i, tap_count(SAMPLES / 10), NULL);
    check_curve(histogram, 1);
    check_curve(histogram, 5);
    check_curve(histogram, 10);
    histogram_free(histogram);
  }
}

TEST(7, "the curve fills in no more points than there is room for") {
  struct histogram *histogram = filled(exponential, 1, 1000, NULL);
  struct histogram_point points[3] = {{.value = 0}, {.value = 0}, {.value = 77}};
  CHECK_IS(histogram_curve(histogram, 5, points, 2), >, 3);
  CHECK_IS(points[2].value, ==, 77);
  histogram_free(histogram);
}

/* ---- .hgrm ------------------------------------------------------------------------------------
 */

struct hgrm {
  size_t rows;
  double value, percentile; /* of the last row */
  unsigned long long count;
  double mean, deviation, max;
  unsigned long long total;
  int buckets, sub_buckets;
};

static void take_row(struct hgrm *hgrm, const char *line) {
  double value, percentile, inverse;
  unsigned long long count;
  CHECK_IS(sscanf(line, "%lf %lf %llu %lf", &value, &percentile, &count, &inverse), ==, 4);
  CHECK(value >= hgrm->value && percentile >= hgrm->percentile && count >= hgrm->count);
  if (percentile < 0.999)
    CHECK(fabs(inverse * (1 - percentile) - 1) < 0.01);
  hgrm->value = value;
  hgrm->percentile = percentile;
  hgrm->count = count;
  hgrm->rows++;
}

static struct hgrm parsed(FILE *from) {
  struct hgrm hgrm = {.rows = 0};
  char line[256];
  CHECK(fgets(line, sizeof line, from));
  CHECK(strstr(line, "Value") && strstr(line, "Percentile") && strstr(line, "TotalCount") &&
        strstr(line, "1/(1-Percentile)"));
  CHECK(fgets(line, sizeof line, from) && strcmp(line, "\n") == 0);
  while (fgets(line, sizeof line, from) && line[0] != '#')
    take_row(&hgrm, line);
  CHECK_IS(sscanf(line, "#[Mean = %lf, StdDeviation = %lf]", &hgrm.mean, &hgrm.deviation), ==, 2);
  CHECK(fgets(line, sizeof line, from));
  CHECK_IS(sscanf(line, "#[Max = %lf, Total count = %llu]", &hgrm.max, &hgrm.total), ==, 2);
  CHECK(fgets(line, sizeof line, from));
  CHECK_IS(sscanf(line, "#[Buckets = %d, SubBuckets = %d]", &hgrm.buckets, &hgrm.sub_buckets), ==,
           2);
  CHECK(!fgets(line, sizeof line, from));
  return hgrm;
}

TEST(8, "the .hgrm text parses again, and its last line is the maximum") {
  struct histogram *histogram = filled(exponential, 2, tap_count(SAMPLES), NULL);
  FILE *file = tmpfile();
  CHECK(file);
  histogram_print_hgrm(histogram, 1000, file);
  rewind(file);
  struct hgrm hgrm = parsed(file);
  fclose(file);

  double max = (double)histogram_max(histogram) / 1000;
  CHECK(fabs(hgrm.value - max) < 0.001);
  CHECK(fabs(hgrm.max - max) < 0.001);
  CHECK(hgrm.percentile == 1);
  CHECK_IS(hgrm.count, ==, histogram_count(histogram));
  CHECK_IS(hgrm.total, ==, histogram_count(histogram));
  CHECK(fabs(hgrm.mean - histogram_mean(histogram) / 1000) < 0.001);
  CHECK(fabs(hgrm.deviation - histogram_stddev(histogram) / 1000) < 0.001);
  CHECK_IS(hgrm.rows, ==, histogram_curve(histogram, 5, NULL, 0));
  CHECK_IS(hgrm.sub_buckets, ==, 2048);
  histogram_free(histogram);
}

int main(int argc, char **argv) {
  return tap_main(argc, argv, false);
}
